"""The viewer of a mosaic in a real browser, the folder around it, and its little server."""

import dataclasses
import doctest
import http.client
import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from screen import (
    COLOURS,
    MATCH,
    barriers,
    complaints,
    draw,
    pixel,
    requests,
    show,
    shows,
)
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_workflow import new_project, planned, snakemake

from smalti import making, output, page, serving, viewer
from smalti.command import main
from smalti.ground.collection import list_photos
from smalti.ground.errors import MosaicError
from smalti.report import read_report, signature
from smalti.viewer import Scene, ViewSettings

EVIL = '</script><img src=x onerror="document.title=1">&amp;\u202e.jpg'
NAMES = [
    "holiday/red.jpg",
    EVIL,
    os.fsdecode(b"caf\xe9/bl\xc3\xa9u.jpg"),
    "unused 'one'.jpg",
]
SIZE = (1500, 800)
SCENE = Scene(
    MATCH,
    NAMES,
    off=np.array([[0, 3, 7], [12, 0, 1]]),
    photos={0: "m%3F_files/red.png", 1: "gone.jpg"},
    target="m%3F_files/target.png",
    about="about.html",
)


@pytest.fixture(scope="module")
def viewing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A viewer beside its pyramid, in a folder with an awkward name."""
    folder = tmp_path_factory.mktemp("50 % & #1 'é'")
    output.write_deepzoom(
        folder / "m?.dzi", output.paste_exact(draw, MATCH, SIZE), SIZE, 256
    )
    Image.new("RGB", (40, 30), "red").save(folder / "m?_files" / "red.png")
    Image.new("RGB", (150, 80), "yellow").save(folder / "m?_files" / "target.png")
    (folder / "about.html").write_text("<title>about it</title>")
    viewer.write_viewer(
        folder / "m?.html", folder / "m?.dzi", SCENE, "A <b>cat</b> @about@"
    )
    return folder / "m?.html"


@pytest.fixture
def opened(browser: Chrome, viewing: Path) -> Chrome:
    """The viewer, opened anew in a window of 900 x 700."""
    return show(browser, viewing, (900, 700))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A viewer of 60 x 40 cells, each of 20 pixels, with one blue one in row 11, column 51."""
    folder, size = tmp_path_factory.mktemp("many"), (1200, 800)
    match = np.indices((40, 60)).sum(axis=0) % 2
    match[10, 50] = 2
    output.write_deepzoom(folder / "m.dzi", output.paste_exact(draw, match, size), size)
    viewer.write_viewer(folder / "m.html", folder / "m.dzi", Scene(match, NAMES))
    return folder / "m.html"


@pytest.fixture
def wide(browser: Chrome, many: Path) -> Chrome:
    """The viewer of many cells, opened anew in a window of 900 x 700."""
    return show(browser, many, (900, 700))


def state(browser: Chrome) -> dict[str, float]:
    """Centre and scale of the viewer."""
    found: dict[str, float] = browser.execute_script(
        "return {x: view.x, y: view.y, scale: view.scale}"
    )
    return found


def middle(browser: Chrome) -> tuple[float, float]:
    """The point of the mosaic in the middle of what bars and card leave free."""
    found = browser.execute_script(
        "const room = free();"
        "const {x, y} = place((room.left + room.right) / 2, (room.top + room.bottom) / 2);"
        "return [x, y]"
    )
    return found[0], found[1]


def text(browser: Chrome, name: str) -> str:
    """The text of an element, by its id, whether it can be seen or not."""
    found = browser.find_element(By.ID, name).get_attribute("textContent")
    return found or ""


def pointer(browser: Chrome, x: int, y: int) -> ActionChains:
    """The pointer, moved to a place of the window."""
    canvas = browser.find_element(By.ID, "picture")
    half = canvas.size["width"] // 2, canvas.size["height"] // 2
    return ActionChains(browser, 0).move_to_element_with_offset(
        canvas, x - half[0], y - half[1]
    )


def hover(browser: Chrome, x: int, y: int) -> str:
    """Move the pointer to a place of the window; return what is said of it."""
    pointer(browser, x, y).perform()
    return text(browser, "label")


def click(browser: Chrome, x: int, y: int) -> None:
    """Click on a place of the window."""
    pointer(browser, x, y).click().perform()


def press(browser: Chrome, *keys: str) -> None:
    """Press keys, wherever the focus is."""
    ActionChains(browser, 0).send_keys(*keys).perform()


def is_open(browser: Chrome, name: str = "card") -> bool:
    """Whether a dialog is open."""
    return browser.find_element(By.ID, name).get_attribute("open") is not None


def settles(browser: Chrome, question: Callable[[], bool]) -> bool:
    """Whether something comes to be true."""
    return WebDriverWait(browser, 8).until(lambda _: question())


def place_of(browser: Chrome, cell: int) -> tuple[int, int]:
    """Where the middle of a cell is in the window."""
    left, top, width, height = browser.execute_script("return boxOf(arguments[0])", cell)
    return round(left + width / 2), round(top + height / 2)


def test_the_examples_in_the_docstrings_are_true() -> None:
    result = doctest.testmod(viewer)
    assert result.failed == 0
    assert result.attempted > 0


def test_the_scripts_have_no_fault_that_a_linter_finds() -> None:
    folder = Path(page.__file__).parent
    scripts = [folder / "viewer.js", folder / "page.js"]
    done = subprocess.run(
        [Path(sys.executable).with_name("oxlint"), "--deny-warnings", *scripts],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


# The picture


def test_the_viewer_shows_the_whole_mosaic_first(opened: Chrome) -> None:
    # what bars leave free is 804 x 556, so it is 804 x 429 from (20, 136)
    for x, y, i in [
        (160, 243, 0),
        (422, 243, 1),
        (690, 243, 2),
        (160, 457, 1),
        (690, 457, 0),
    ]:
        assert shows(opened, COLOURS[i], x, y)
    assert pixel(opened, 422, 100) == [243, 241, 236]
    assert complaints(opened) == []


def test_the_viewer_asks_for_nothing_but_files(opened: Chrome) -> None:
    assert shows(opened, COLOURS[0], 160, 243)
    assert requests(opened) - {"about"} == {"file"}


def test_the_title_of_the_viewer_is_text_and_leads_to_the_page(opened: Chrome) -> None:
    assert opened.title == "A <b>cat</b> @about@"
    assert opened.find_elements(By.CSS_SELECTOR, "h1 b") == []
    opened.find_element(By.LINK_TEXT, "A <b>cat</b> @about@").click()
    assert opened.title == "about it"


def test_the_name_under_the_pointer_is_shown_as_text(opened: Chrome) -> None:
    assert (
        hover(opened, 160, 243) == "red.jpg, used 2 times; row 1, column 1, the very colour"
    )
    evil = 'script><img src=x onerror="document.title=1">&amp;\\u202e.jpg, used 2 times'
    assert hover(opened, 422, 243) == f"{evil}; row 1, column 2, colour 3 of 255 levels off"
    assert hover(opened, 690, 243).startswith("bléu.jpg, used 2 times; row 1, column 3")
    assert hover(opened, 422, 100) == ""
    click(opened, 422, 243)
    assert text(opened, "way") + text(opened, "name") == EVIL.replace("\u202e", "\\u202e")
    assert opened.title != "1"


def test_names_change_exactly_where_cells_do(opened: Chrome) -> None:
    script = "about.width = 10; about.cols = 4; about.match = [0, 1, 2, 3];"
    script += (
        "const found = []; for (let x = 0; x < 10; x++) found.push(cellAt(x + 0.5, 0.5));"
    )
    expected = np.repeat(np.arange(4), output.sizes(10, 4)).tolist()
    assert opened.execute_script(script + "return found") == expected
    edges = [opened.execute_script("return edges(arguments[0])", i) for i in range(4)]
    assert [one["right"] - one["left"] for one in edges] == output.sizes(10, 4).tolist()


def test_the_wheel_zooms_to_the_pointer(opened: Chrome) -> None:
    before = state(opened)
    origin = ScrollOrigin.from_viewport(300, 300)
    ActionChains(opened, 0).scroll_from_origin(origin, 0, -500).perform()
    after = state(opened)
    assert after["scale"] == pytest.approx(min(2, before["scale"] * math.e), rel=0.01)
    for axis, place, half in (("x", 300, 450), ("y", 300, 350)):
        fixed = [one[axis] + (place - half) / one["scale"] for one in (before, after)]
        assert fixed[0] == pytest.approx(fixed[1], abs=1)


def test_dragging_moves_the_mosaic_with_the_pointer_and_is_no_click(opened: Chrome) -> None:
    opened.execute_script("move(3)")
    before = state(opened)
    canvas = opened.find_element(By.ID, "picture")
    ActionChains(opened, 50).click_and_hold(canvas).move_by_offset(
        120, -60
    ).release().perform()
    after = state(opened)
    assert before["x"] - after["x"] == pytest.approx(120 / before["scale"])
    assert before["y"] - after["y"] == pytest.approx(-60 / before["scale"])
    hover(opened, 10, 10)
    assert state(opened) == after
    assert not is_open(opened)


@pytest.mark.parametrize("key", ["+", "="])
def test_keys_zoom_and_move_and_go_home(opened: Chrome, key: str) -> None:
    home = state(opened)
    press(opened, key)
    assert state(opened)["scale"] == pytest.approx(home["scale"] * 1.5)
    press(opened, "-")
    assert state(opened) == pytest.approx(home)
    press(opened, key * 3)
    before = state(opened)
    press(opened, Keys.ARROW_RIGHT)
    assert state(opened)["x"] - before["x"] == pytest.approx(900 / 8 / before["scale"])
    press(opened, Keys.ARROW_UP)
    assert before["y"] - state(opened)["y"] == pytest.approx(700 / 8 / before["scale"])
    press(opened, "0")
    assert state(opened) == pytest.approx(home)


def test_buttons_do_what_keys_do(opened: Chrome) -> None:
    names = ("nearer", "farther", "the whole picture", "keys")
    nearer, farther, whole, keys = (
        opened.find_element(By.CSS_SELECTOR, f"[aria-label='{name}']") for name in names
    )
    home = state(opened)["scale"]
    nearer.click()
    nearer.click()
    assert state(opened)["scale"] == pytest.approx(home * 2.25)
    farther.click()
    assert state(opened)["scale"] == pytest.approx(home * 1.5)
    whole.click()
    assert state(opened)["scale"] == pytest.approx(home)
    keys.click()
    assert is_open(opened, "keys")
    press(opened, Keys.ESCAPE)
    assert not is_open(opened, "keys")


def test_two_fingers_zoom_about_their_middle_and_choose_nothing(opened: Chrome) -> None:
    touch = [{"x": 372, "y": 350, "id": 0}, {"x": 472, "y": 350, "id": 1}]
    spread = [{"x": 272, "y": 350, "id": 0}, {"x": 572, "y": 350, "id": 1}]
    home = state(opened)
    for kind, points in (("touchStart", touch), ("touchEnd", [])):  # a tap with two
        event = {"type": kind, "touchPoints": points}
        opened.execute_cdp_cmd("Input.dispatchTouchEvent", event)
    for kind, points in (("touchStart", touch), ("touchMove", spread), ("touchEnd", [])):
        event = {"type": kind, "touchPoints": points}
        opened.execute_cdp_cmd("Input.dispatchTouchEvent", event)
    assert state(opened)["scale"] == pytest.approx(home["scale"] * 3, rel=0.01)
    assert state(opened)["x"] == pytest.approx(750 + 28 / home["scale"] / 3, abs=2)
    assert not is_open(opened)


def test_nobody_gets_lost(opened: Chrome) -> None:
    home = state(opened)
    opened.execute_script("move(1e9); move(1, 0, 0, 1e9, 1e9)")
    assert state(opened)["scale"] == 2
    assert place_of(opened, 0)[0] == pytest.approx(20 + 500, abs=1)
    opened.execute_script("move(1e-9)")
    assert state(opened) == pytest.approx(home)


def test_from_nearby_the_finest_tiles_are_shown(opened: Chrome) -> None:
    opened.execute_script("move(1e9); move(1, 0, 0, 1e9, 1e9)")
    assert shows(opened, COLOURS[0], 400, 300)
    loaded = opened.execute_script("return [...tiles.keys()]")
    assert any("/11/0_0.jpg" in source for source in loaded)


def test_the_viewer_is_dark_where_the_system_is(browser: Chrome, viewing: Path) -> None:
    show(browser, viewing, (390, 700), "dark")
    assert pixel(browser, 200, 80) == [19, 20, 23]
    assert shows(browser, COLOURS[0], 70, 310)


def test_who_sees_the_whole_sees_the_whole_on_a_rotated_screen(opened: Chrome) -> None:
    for width, height, ratio in [(500, 900, 1), (900, 500, 2), (500, 900, 2)]:
        screen = {"width": width, "height": height, "deviceScaleFactor": ratio}
        opened.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**screen, "mobile": True}
        )
        question = "return canvas.height === arguments[0]"
        assert settles(
            opened,
            lambda: opened.execute_script(question, height * ratio),  # noqa: B023
        )
        side = (width - 20) / 1500 if width == 500 else (height - 144) / 800
        assert state(opened)["scale"] == pytest.approx(side * ratio)


def test_a_viewer_needs_no_names(browser: Chrome, viewing: Path) -> None:
    plain = viewing.with_name("plain.html")
    viewer.write_viewer(plain, viewing.with_suffix(".dzi"))
    show(browser, plain, (900, 700))
    assert shows(browser, COLOURS[1], 422, 243)
    assert hover(browser, 422, 243) == ""
    click(browser, 422, 243)
    press(browser, Keys.ENTER, "n", "t")
    assert not is_open(browser)
    assert not browser.find_element(By.ID, "seek").is_displayed()
    assert not browser.find_element(By.ID, "fade").is_displayed()
    assert complaints(browser) == []


def test_empty_cells_have_no_name(tmp_path: Path, browser: Chrome) -> None:
    match = np.where(MATCH == 1, -1, MATCH)
    stream = output.cover(
        output.paste_exact(draw, match, (300, 160)), match < 0, (300, 160)
    )
    output.write_deepzoom(tmp_path / "m.dzi", stream, (300, 160), 64)
    viewer.write_viewer(tmp_path / "m.html", tmp_path / "m.dzi", Scene(match, NAMES))
    show(browser, tmp_path / "m.html", (900, 700))
    x, y = place_of(browser, 2)
    assert shows(browser, COLOURS[2], x, y)
    assert hover(browser, x, y) == "bléu.jpg, used 2 times; row 1, column 3"
    x, y = place_of(browser, 1)
    assert pixel(browser, x, y) == [243, 241, 236]
    assert hover(browser, x, y) == ""


# Photos


def test_a_click_shows_the_photo_and_its_places(opened: Chrome) -> None:
    click(opened, 160, 243)
    assert is_open(opened)
    assert (text(opened, "name"), text(opened, "way")) == ("red.jpg", "holiday/")
    assert text(opened, "facts") == "Used 2 times; here row 1, column 1, the very colour"
    photo = opened.find_element(By.ID, "photo")
    assert settles(opened, lambda: photo.get_property("naturalWidth") == 40)
    assert photo.get_attribute("alt") == "holiday/red.jpg"
    assert text(opened, "which") == "place 1 of 2"
    opened.find_element(By.CSS_SELECTOR, "[aria-label='next place']").click()
    assert text(opened, "which") == "place 2 of 2"
    assert "row 2, column 3" in text(opened, "facts")
    press(opened, "n")
    assert text(opened, "which") == "place 1 of 2"
    press(opened, Keys.ESCAPE)
    assert not is_open(opened)


def test_all_places_of_a_photo_shine_and_the_rest_lies_in_a_mist(opened: Chrome) -> None:
    green = COLOURS[1].astype(int)
    click(opened, *place_of(opened, 1))
    assert shows(opened, green, *place_of(opened, 1))
    assert shows(opened, green, *place_of(opened, 3))
    mist = (COLOURS[0].astype(int) + np.array([243, 241, 236])) / 2
    assert shows(opened, mist, *place_of(opened, 0))


def test_a_photo_that_is_not_at_hand_is_shown_as_the_mosaic_has_it(opened: Chrome) -> None:
    blue, gone = place_of(opened, 2), place_of(opened, 1)
    click(opened, *blue)  # which has no address
    stone = opened.find_element(By.ID, "stone")
    assert stone.is_displayed()
    assert not opened.find_element(By.ID, "open").is_displayed()
    spot = stone.rect["x"] + stone.rect["width"] / 2, stone.rect["y"] + 150
    assert shows(opened, COLOURS[2], *map(round, spot))
    press(opened, Keys.ESCAPE)
    assert complaints(opened) == []
    click(opened, *gone)  # which has one that leads nowhere
    assert settles(opened, stone.is_displayed)
    assert not opened.find_element(By.ID, "photo").is_displayed()
    assert not opened.find_element(By.ID, "open").is_displayed()
    assert shows(opened, COLOURS[1], *map(round, spot))


def test_the_photo_can_be_as_large_as_the_window(opened: Chrome) -> None:
    click(opened, 160, 243)
    larger = opened.find_element(By.ID, "larger")
    larger.click()
    assert larger.rect["width"] == 900
    assert opened.execute_script("return card.matches(':modal')")
    assert opened.find_element(By.ID, "photo").rect["height"] > 500
    press(opened, Keys.ESCAPE)
    assert is_open(opened)
    assert larger.rect["width"] == 340
    assert not opened.execute_script("return card.matches(':modal')")
    press(opened, Keys.ESCAPE)
    assert not is_open(opened)


def test_everything_about_a_photo_can_be_done_by_keys(opened: Chrome) -> None:
    press(opened, Keys.TAB)
    ActionChains(opened, 0).key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT).key_up(
        Keys.SHIFT
    ).perform()
    said = text(opened, "label")
    assert "row 1, column 1" in said or "row 2, column 1" in said
    press(opened, Keys.ENTER)
    assert is_open(opened)
    assert opened.switch_to.active_element.get_attribute("id") == "card"
    press(opened, "p")
    assert text(opened, "which") in ("place 1 of 2", "place 2 of 2")
    press(opened, Keys.ESCAPE)
    assert opened.switch_to.active_element.get_attribute("id") == "picture"


def test_a_place_that_the_card_would_cover_is_moved_into_sight(opened: Chrome) -> None:
    opened.execute_script("move(1.2)")
    x, y = place_of(opened, 2)
    click(opened, x - 40, y)
    card = opened.find_element(By.ID, "card").rect
    assert place_of(opened, 2)[0] < card["x"]


# Search


def test_a_search_lists_names_as_one_types_and_leads_to_the_photo(wide: Chrome) -> None:
    press(wide, "/")
    press(wide, "BLEU")  # without the accent, in capitals
    items = wide.find_elements(By.CSS_SELECTOR, "#found li")
    assert [item.text for item in items] == ["bléu.jpg\ncaf\\xe9/\n1 ×"]
    seek = wide.find_element(By.ID, "seek")
    assert seek.get_attribute("aria-expanded") == "true"
    assert seek.get_attribute("aria-activedescendant") == "found-0"
    press(wide, Keys.ENTER)
    assert text(wide, "name") == "bléu.jpg"
    assert middle(wide) == pytest.approx((50.5 * 20, 10.5 * 20), abs=1)
    assert shows(wide, COLOURS[2], *place_of(wide, 10 * 60 + 50))
    assert seek.get_attribute("aria-expanded") == "false"


def test_arrows_and_clicks_choose_among_the_names_found(opened: Chrome) -> None:
    press(opened, "/", "jpg", Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    chosen = opened.find_elements(By.CSS_SELECTOR, "#found [aria-selected='true']")
    assert [item.get_attribute("id") for item in chosen] == ["found-1"]
    opened.find_element(By.ID, "found-0").click()
    assert text(opened, "name") == "red.jpg"


def test_a_name_that_is_not_there_is_said_to_be_missing(opened: Chrome) -> None:
    press(opened, "/", "unused", Keys.ENTER)
    assert text(opened, "label") == "No photo in this picture is called “unused”."
    assert not is_open(opened)
    press(opened, Keys.ESCAPE)
    assert opened.switch_to.active_element.get_attribute("id") == "picture"


def test_names_that_are_found_are_text(opened: Chrome) -> None:
    press(opened, "/", "onerror")
    assert len(opened.find_elements(By.CSS_SELECTOR, "#found li")) == 1
    assert opened.find_elements(By.CSS_SELECTOR, "#found img") == []


# Links


def test_the_address_keeps_up_with_the_view_and_leads_back_to_it(
    opened: Chrome, viewing: Path
) -> None:
    assert "#" not in opened.current_url
    press(opened, "+", "+", Keys.ARROW_LEFT)
    assert settles(opened, lambda: "#" in opened.current_url)
    there, address = state(opened), opened.current_url
    show(opened, address, (900, 700))
    assert state(opened) == pytest.approx(there, rel=0.01)
    show(opened, address, (1300, 900))  # in another window, the same in the middle
    assert middle(opened)[0] == pytest.approx(
        there["x"] - (450 - 422) / there["scale"], abs=8
    )


def test_a_link_with_a_cell_opens_its_photo(browser: Chrome, viewing: Path) -> None:
    show(browser, viewing.as_uri() + "#1.5,1,600,4", (900, 700))
    assert text(browser, "name") == "bléu.jpg"
    assert middle(browser) == pytest.approx((750, 400), abs=1)
    press(browser, Keys.ESCAPE)
    assert browser.switch_to.active_element.get_attribute("id") == "picture"


@pytest.mark.parametrize(
    "place", ["#", "#a,b,c", "#1,2", "#1,1,-5", "#1,1,NaN,99", "#0,0,1,x"]
)
def test_a_link_that_makes_no_sense_shows_the_whole(
    browser: Chrome, viewing: Path, place: str
) -> None:
    show(browser, viewing.as_uri() + place, (900, 700))
    assert state(browser)["scale"] == pytest.approx(804 / 1500)
    assert not is_open(browser)
    assert complaints(browser) == []


def test_back_leads_to_where_one_was(wide: Chrome) -> None:
    home = state(wide)
    press(wide, "/", "bleu", Keys.ENTER)
    assert is_open(wide)
    assert state(wide)["scale"] > home["scale"]
    wide.back()
    assert settles(wide, lambda: not is_open(wide))
    assert state(wide) == pytest.approx(home, rel=0.01)
    wide.forward()
    assert settles(wide, lambda: is_open(wide))
    assert text(wide, "name") == "bléu.jpg"


def test_an_address_that_is_changed_by_hand_is_followed(opened: Chrome) -> None:
    opened.execute_script("location.hash = '#0.5,1.5,700'")
    assert settles(opened, lambda: state(opened)["scale"] == pytest.approx(1.4))


# The target


def test_a_slider_fades_to_the_target(opened: Chrome) -> None:
    assert shows(opened, COLOURS[2], 690, 243)
    slider = opened.find_element(By.CSS_SELECTOR, "#fade input")
    slider.send_keys(Keys.END)
    assert shows(opened, np.array([255, 255, 0]), 690, 243)
    slider.send_keys(Keys.HOME)
    assert shows(opened, COLOURS[2], 690, 243)
    press(opened, "t")
    assert shows(opened, np.array([255, 255, 0]), 690, 243)
    opened.execute_script("move(1e9)")  # a part of it, from nearby
    assert shows(opened, np.array([255, 255, 0]), 690, 243)


# For everybody


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_everybody_can_use_the_viewer(
    browser: Chrome, viewing: Path, width: int, scheme: str
) -> None:
    show(browser, viewing, (width, 844), scheme)
    assert barriers(browser) == []
    press(browser, "/", "jpg")
    assert barriers(browser) == []
    press(browser, Keys.ENTER)
    assert is_open(browser)
    assert barriers(browser) == []
    press(browser, Keys.ESCAPE, "?")
    assert barriers(browser) == []


def test_nothing_lies_beside_a_narrow_screen(browser: Chrome, viewing: Path) -> None:
    show(browser, viewing, (390, 844))
    press(browser, "/", "bleu", Keys.ENTER)
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('header *, nav *, #fade, #card *')]"
        ".map(one => one.getBoundingClientRect()).filter(box => box.width)"
        ".map(box => [box.left, box.right])"
    )
    assert all(left >= 0 and right <= 390 for left, right in boxes)


# The folder


@pytest.fixture
def made(spotted: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A mosaic of 6 x 4 cells of 60 photos."""
    make = ["make", "photos", "target.png", "-o", "out.png", "--look", "plain"]
    assert main([*make, "--target-res", "6", "4", "--thumb-res", "24", "16"]) == 0
    capsys.readouterr()
    return spotted


def listed(folder: Path) -> dict[str, int]:
    """The inodes of all files in a folder, by their paths."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.stat().st_ino for path in paths}


def test_a_view_is_a_folder_beside_the_mosaic(
    made: Path, capsys: pytest.CaptureFixture[str], browser: Chrome
) -> None:
    assert main(["view", "out.png"]) == 0
    assert capsys.readouterr().out == "out_view/index.html\n"
    found = {path.name for path in Path("out_view").iterdir()}
    assert found == {"index.html", "about.html", "mosaic.dzi", "mosaic_files", "view.json"}
    show(browser, made / "out_view" / "index.html", (900, 700))
    expected = np.asarray(Image.open("out.png").convert("RGB").reduce((24, 16)))
    x, y = place_of(browser, 9)
    assert np.abs(np.array(pixel(browser, x, y)) - expected[1, 3]).max() < 120
    click(browser, x, y)
    photo = browser.find_element(By.ID, "photo")
    assert settles(browser, lambda: photo.get_property("naturalWidth") == 24)
    assert (photo.get_attribute("src") or "").startswith((made / "photos").as_uri())
    assert complaints(browser) == []
    browser.find_element(By.CSS_SELECTOR, "h1 a").click()
    assert "A picture made of" in browser.find_element(By.CLASS_NAME, "lead").text
    browser.find_element(By.CSS_SELECTOR, ".whole a").click()
    assert browser.current_url.endswith("/out_view/index.html")


def test_a_view_that_is_up_to_date_is_not_made_again(made: Path) -> None:
    main(["view", "out.png"])
    before = listed(Path("out_view"))
    main(["view", "out.png"])
    assert listed(Path("out_view")) == before
    main(["view", "out.png", "--photos", "16"])
    after = listed(Path("out_view"))
    tiles = [name for name in before if name.endswith(".jpg") and "target" not in name]
    assert tiles
    assert {name: after[name] for name in tiles} == {name: before[name] for name in tiles}
    assert after["index.html"] != before["index.html"]
    main(["view", "out.png", "--cell", "30"])
    assert listed(Path("out_view"))[tiles[-1]] != before[tiles[-1]]


def test_the_tiles_of_a_deep_zoom_image_are_used_as_they_are(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["paste", "out.png", "out.dzi"])
    monkeypatch.setattr(making, "paste", lambda *_: 1 / 0)
    assert main(["view", "out.dzi"]) == 0
    tiles, linked = listed(Path("out_files")), listed(Path("out_view/mosaic_files"))
    assert tiles.items() <= linked.items()
    shutil.rmtree("out_view")

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert main(["view", "out.dzi"]) == 0
    copied = Path("out_view", "mosaic_files", "0", "0_0.jpg").read_bytes()
    assert copied == Path("out_files", "0", "0_0.jpg").read_bytes()


def test_a_folder_that_is_not_ours_stays(
    made: Path, refusal: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out_view").mkdir()
    assert main(["view", "out.png"]) == 0  # an empty folder is nobody's
    assert capsys.readouterr().out == "out_view/index.html\n"
    Path("out_view", "poem.txt").write_text("roses")
    assert "not of our making, poem.txt" in refusal("view", "out.png")
    shutil.rmtree("out_view")
    Path("out_view").mkdir()
    Path("out_view", "index.html").write_text("my own view")
    assert "out_view is not of our making" in refusal("view", "out.png")
    assert Path("out_view", "index.html").read_text() == "my own view"
    make = ["make", "photos", "target.png", "-o", "out.png", "--view"]
    assert "out_view is not of our making" in refusal(*make)
    shutil.rmtree("out_view")
    Path("out_view").write_text("a file")
    assert "out_view is not of our making" in refusal("view", "out.png")


def test_make_writes_a_view_if_asked(
    spotted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make = ["make", "photos", "target.png", "-o", "new.png", "--target-res", "6", "4"]
    assert main([*make, "--view"]) == 0
    assert capsys.readouterr().out.endswith("\nnew_view/index.html\n")
    assert Path("new_view", "index.html").is_file()


def test_a_view_is_written_whole_or_not_at_all(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["view", "out.png"])
    before = listed(Path("out_view"))
    monkeypatch.setattr(viewer, "write_about", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["view", "out.png", "--cell", "30"])
    assert listed(Path("out_view")) == before
    assert [path.name for path in made.iterdir() if path.name.startswith(".")] == []


def test_the_page_leads_to_the_viewer_if_there_is_one(made: Path) -> None:
    main(["page", "out.png"])
    assert '<a href="out.png">' in Path("out.html").read_text()
    main(["view", "out.png"])
    main(["page", "out.png"])
    assert '<a href="out_view/index.html">' in Path("out.html").read_text()


def test_without_its_target_a_view_has_no_slider(made: Path, browser: Chrome) -> None:
    Path("target.png").unlink()
    assert main(["view", "out.png"]) == 0
    show(browser, made / "out_view" / "index.html", (900, 700))
    assert not browser.find_element(By.ID, "fade").is_displayed()
    assert hover(browser, *place_of(browser, 7)).endswith("row 2, column 2")
    assert complaints(browser) == []


def told(folder: str = "out_view") -> dict[str, object]:
    """What the page of a view knows of its mosaic."""
    page = Path(folder, "index.html").read_text(encoding="utf-8")
    about: dict[str, object] = json.loads(
        page.split('id="about">')[1].split("</script>")[0]
    )
    return about


def test_without_its_target_a_view_knows_neither_it_nor_distances(made: Path) -> None:
    main(["view", "out.png"])
    assert (told()["target"], "off" in told()) == ("mosaic_files/target.jpg", True)
    Path("target.png").unlink()
    assert main(["view", "out.png"]) == 0
    assert (told()["target"], told().get("off")) == ("", None)
    assert not Path("out_view/mosaic_files/target.jpg").exists()


def test_of_a_scene_that_nobody_describes_a_viewer_knows_only_the_tiles(made: Path) -> None:
    main(["paste", "out.png", "m.dzi"])
    viewer.write_viewer("all.html", "m.dzi", title="cats")
    shutil.copy("all.html", "m_files/index.html")
    found = told("m_files")
    assert (found["title"], found["folder"]) == ("cats", "m_files")
    assert not {"names", "target", "photos"} & found.keys()


def test_without_the_photos_large_cells_are_drawn_from_thumbnails_and_link_to_nothing(
    made: Path,
) -> None:
    main(["view", "out.png"])
    assert told()["photos"]
    shutil.rmtree("photos")
    assert main(["view", "out.png", "--cell", "48"]) == 0
    assert "photos" not in told()
    text = Path("out_view/mosaic.dzi").read_text()
    assert f"<!-- {signature(read_report(Path('out.json')))} -->" in text
    seen = viewer.read_dzi(Path("out_view/mosaic.dzi"))
    assert (seen["width"], seen["height"]) == (6 * 48, 4 * 32)


def test_cells_of_a_mosaic_of_an_exact_size_keep_its_shape(made: Path) -> None:
    work = making.open_work(Path("out.json"), {})
    settings = dataclasses.replace(work.settings, size=(600, 100))  # cells of 100 x 25
    work = dataclasses.replace(work, settings=settings)
    assert viewer.cell_size(work, ViewSettings(cell=40)) == (40, 10)


def test_copies_of_photos_are_kept_when_only_the_tiles_are_other_ones(made: Path) -> None:
    main(["view", "out.png", "--photos", "16"])
    before = listed(Path("out_view/mosaic_files/photos"))
    assert before
    main(["view", "out.png", "--photos", "16", "--cell", "30"])
    assert listed(Path("out_view/mosaic_files/photos")) == before
    main(["view", "out.png", "--photos", "12", "--cell", "30"])
    after = listed(Path("out_view/mosaic_files/photos"))
    assert after.keys() == before.keys()
    assert not set(after.items()) & set(before.items())


def test_a_view_among_the_photos_is_no_photo(made: Path) -> None:
    shutil.copy("out.png", "photos/out.png")
    shutil.copy("out.json", "photos/out.json")
    main(["paste", "out.png", "photos/more.png"])
    main(["view", "photos/more.png", "--photos", "20"])
    before = sorted(Path("photos").rglob("*.jpg"))
    assert before
    assert len(list_photos("photos")) == 60


# Copies for the web


def test_copies_of_photos_are_small_upright_and_tell_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = Image.new("RGB", (80, 40), "red")
    photo.paste("blue", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # its left is above
    exif[ExifTags.Base.Make] = "Leica"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    photo.save(tmp_path / "a.jpg", exif=exif, comment="secret", dpi=(300, 300), quality=95)
    Image.new("RGB", (10, 20), "green").save(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_text("no photo")
    names = {7: "a.jpg", 8: "b.png", 9: "c.jpg"}
    found = list(viewer.copy_photos(names, str(tmp_path), 30, tmp_path / "copies"))
    assert found == [7, 8]
    with Image.open(tmp_path / "copies" / "7.jpg") as copy:
        assert copy.size == (15, 30)
        assert len(copy.getexif()) == 0
        assert {"exif", "comment", "icc_profile"} & {*copy.info} == set()
        above, below = (np.array(copy.getpixel((7, y))) for y in (3, 26))
    assert np.abs(above - [0, 0, 255]).max() < 30
    assert np.abs(below - [255, 0, 0]).max() < 30
    raw = (tmp_path / "copies" / "7.jpg").read_bytes()
    assert b"secret" not in raw
    assert b"Leica" not in raw
    with Image.open(tmp_path / "copies" / "8.jpg") as copy:
        assert copy.size == (10, 20)


def test_a_view_with_copies_can_be_moved_and_knows_no_other_folder(
    made: Path, browser: Chrome
) -> None:
    main(["view", "out.png", "--photos", "16"])
    shutil.move("out_view", "elsewhere")
    shown = Path("elsewhere", "index.html").read_text(encoding="utf-8")
    assert '"../' not in shown.split('id="about">')[1].split("</script>")[0]
    assert str(made) not in shown + Path("elsewhere", "about.html").read_text()
    show(browser, made / "elsewhere" / "index.html", (900, 700))
    click(browser, *place_of(browser, 9))
    photo = browser.find_element(By.ID, "photo")
    assert settles(browser, lambda: photo.get_property("naturalWidth") == 16)
    assert complaints(browser) == []


# The server


@pytest.fixture
def served(viewing: Path) -> Iterator[str]:
    """The address of a server of the viewer's folder."""
    with serving.make_server(viewing.parent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(address: str, path: str, method: str = "GET", host: str = "") -> int:
    """The status of a request."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, headers={"Host": host or address})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_viewer_works_from_a_server(browser: Chrome, served: str) -> None:
    show(browser, f"http://{served}/m%3F.html", (900, 700))
    assert shows(browser, COLOURS[2], 690, 243)
    click(browser, 160, 243)
    photo = browser.find_element(By.ID, "photo")
    assert settles(browser, lambda: photo.get_property("naturalWidth") == 40)
    press(browser, "t")
    asked = [
        entry for entry in complaints(browser) if "favicon" not in entry
    ]  # which browsers ask every server for
    assert asked == []


def test_the_server_gives_only_files_of_its_folder(served: str, viewing: Path) -> None:
    outside = viewing.parent.parent / "secret.txt"
    outside.write_text("secret")
    (viewing.parent / "way out").symlink_to(outside)
    assert ask(served, "/m%3F.html") == 200
    for path in ["/", "/m%3F_files/", "/../secret.txt", "/%2e%2e/secret.txt", "/way%20out"]:
        assert ask(served, path) == 404, path
    assert ask(served, "/m%3F.html", host="evil.example:80") == 404
    for method in ("PUT", "POST", "DELETE"):
        assert ask(served, "/m%3F.html", method) == 501
    (viewing.parent / "way out").unlink()


def test_serving_ends_with_control_c_and_a_line(
    made: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    program = start("-m", "smalti", "view", "out.png", "--serve")
    assert program.stdout
    assert program.stdout.readline() == "out_view/index.html\n"
    address = program.stdout.readline().split("/")[2]
    assert ask(address, "/index.html") == 200
    assert ask(address, "/") == 200  # which is the same page
    program.send_signal(signal.SIGINT)
    output_left, errors = program.communicate(timeout=30)
    assert (program.returncode, output_left, errors) == (0, "no longer served\n", "")


# What is told


def test_distances_are_those_of_mean_colours(made: Path) -> None:
    work = making.open_work(Path("out.json"), {})
    off = viewer.measure_colours(work)
    assert off is not None
    assert work.view
    for row, col in itertools.product(range(4), range(6)):
        wanted = work.view.cut((2, 2)).reshape(4, 6, -1, 3)[row, col].mean(axis=0).round()
        apart = work.store.mean[work.match[row, col]] - wanted
        assert off[row, col] == round(float(np.sqrt((apart**2).mean())))


def test_only_photos_that_a_browser_can_open_are_linked_to(tmp_path: Path) -> None:
    for name in ("a b.jpg", "c.tif", "d.heic"):
        (tmp_path / name).touch()
    names = {0: "a b.jpg", 1: "c.tif", 2: "d.heic", 3: "gone.jpg", 4: "z.zip!/e.jpg"}
    found = viewer.link_photos(names, str(tmp_path), tmp_path / "out_view" / "index.html")
    assert found == {0: "../a%20b.jpg"}


def test_a_view_of_a_damaged_pyramid_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.dzi").write_text("<Image/>")
    with pytest.raises(MosaicError, match="make the mosaic anew"):
        viewer.write_viewer(tmp_path / "m.html", tmp_path / "m.dzi")


def test_the_page_of_a_view_does_not_tell_where_files_are(spotted: Path) -> None:
    Image.new("L", (60, 40), 255).save("secret mask.png")
    make = ["make", "photos", "target.png", "-o", "out.png", "--target-res", "6", "4"]
    assert main([*make, "--mask", "secret mask.png", "--focus", "0,0,9,9", "--view"]) == 0
    told = "".join(path.read_text() for path in Path("out_view").glob("*.html"))
    assert "secret" not in told
    assert "focus<td>" not in told


def test_a_record_is_that_of_what_was_asked(made: Path) -> None:
    work = making.open_work(Path("out.json"), {})
    records = [
        viewer.make_record(work, "out.png", ViewSettings(cell=cell, photos=photos))
        for cell, photos in [(0, 0), (30, 0), (0, 20)]
    ]
    assert len({one.tiles for one in records}) == 2
    assert len({one.photos for one in records}) == 2
    assert len({one.pages for one in records}) == 3


@pytest.mark.long
def test_the_workflow_makes_a_view_and_makes_it_again_for_another_viewer(
    tmp_path: Path,
) -> None:
    project = new_project(tmp_path / "project")
    view = "mosaic_unique_view/index.html"
    done = snakemake(project, view)
    assert done.returncode == 0, done.stderr
    assert '"../photos/' in (project / view).read_text()
    assert planned(project, view) == {}
    with (project / "smalti" / "viewer.js").open("a") as script:
        script.write("\n// edited\n")
    assert planned(project, view) == {"view": 1}
