"""The viewer and the page of a mosaic, opened from the disk in a real browser."""

import doctest
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from mosaic import Array
from smalti import output, page

EVIL = '</script><img src=x onerror="document.title=1">&amp;\u202e.jpg'
NAMES = ["red.jpg", EVIL, os.fsdecode(b"caf\xe9/blue.jpg"), "unused 'one'.jpg"]
COLOURS = np.array([(230, 20, 20), (20, 200, 20), (20, 20, 230), (128, 128, 128)], np.uint8)
MATCH = np.array([[0, 1, 2], [1, 2, 0]])  # red green blue, green blue red
SIZE = (1500, 800)


def draw(which: Array, size: tuple[int, int]) -> Array:
    """Draw tiles of one colour each, with a dark border on the left."""
    tiles = np.repeat(COLOURS[which], size[0] * size[1], axis=0).reshape(
        -1, size[1], size[0], 3
    )
    tiles[:, :, : max(1, size[0] // 20)] //= 2
    return tiles


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A viewer beside its pyramid, in a folder with an awkward name."""
    folder = tmp_path_factory.mktemp("50 % & #1 'é'")
    output.write_deepzoom(
        folder / "m?.dzi", output.paste_exact(draw, MATCH, SIZE), SIZE, 256
    )
    page.write_viewer(
        folder / "m?.html", folder / "m?.dzi", MATCH, NAMES, "A <b>cat</b> @about@"
    )
    return folder / "m?.html"


@pytest.fixture
def opened(browser: Chrome, viewer: Path) -> Chrome:
    """The viewer, opened anew in a window of about 900 x 700."""
    return show(browser, viewer, (900, 700))


def show(
    browser: Chrome, path: Path, size: tuple[int, int], scheme: str = "light"
) -> Chrome:
    """Open a page on a screen of this size; the browser is returned."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    screen = {
        "width": size[0],
        "height": size[1],
        "deviceScaleFactor": 1,
        "mobile": size[0] < 500,
    }
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    read_log(browser, "performance")
    browser.get(path.as_uri())
    return browser


def read_log(browser: Chrome, kind: str) -> list[dict[str, str]]:
    """What the browser has noted since it was last asked."""
    entries: list[dict[str, str]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def pixel(browser: Chrome, x: int, y: int) -> list[int]:
    """The colour that a screenshot shows at a place."""
    image = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    return list(image.getpixel((x, y)))  # type: ignore[arg-type]


def shows(browser: Chrome, colour: Array, x: int, y: int) -> bool:
    """Whether the screen comes to show a colour at a place."""

    def there(_: object) -> bool:
        return bool(np.abs(np.array(pixel(browser, x, y)) - colour).max() < 30)

    return WebDriverWait(browser, 8).until(there)


def state(browser: Chrome) -> dict[str, float]:
    """Centre and scale of the viewer."""
    found: dict[str, float] = browser.execute_script("return {...view}")
    return found


def hover(browser: Chrome, x: int, y: int) -> str:
    """Move the pointer to a place of the window; return the name that is shown."""
    canvas = browser.find_element(By.TAG_NAME, "canvas")
    half = canvas.size["width"] // 2, canvas.size["height"] // 2
    ActionChains(browser, 0).move_to_element_with_offset(
        canvas, x - half[0], y - half[1]
    ).perform()
    text: str = browser.find_element(By.TAG_NAME, "output").text
    return text


def requests(browser: Chrome) -> set[str]:
    """Schemes of everything that was requested since the page was opened."""
    events = [
        json.loads(entry["message"])["message"]
        for entry in read_log(browser, "performance")
    ]
    sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
    return {event["params"]["request"]["url"].split(":")[0] for event in sent}


def no_errors(browser: Chrome) -> bool:
    """Whether the console has nothing to complain of."""
    return [entry["message"] for entry in read_log(browser, "browser")] == []


def test_the_examples_in_the_docstrings_are_true() -> None:
    result = doctest.testmod(page)
    assert result.failed == 0
    assert result.attempted > 1


@pytest.mark.parametrize("kind", ["html", "css", "js"])
@pytest.mark.parametrize("name", ["viewer", "page"])
def test_what_a_page_is_made_of_is_installed_and_without_marks(
    name: str, kind: str
) -> None:
    text = page.read_asset(f"{name}.{kind}")
    assert len(text) > 50
    assert "~/~" not in text
    assert "make tangle" not in text
    assert "<<" not in text


def test_an_older_page_is_known_by_its_beginning(viewer: Path, tmp_path: Path) -> None:
    assert page.is_ours(viewer)
    (tmp_path / "a.html").write_text("<!doctype html>\n<title>diary</title>\n")
    assert not page.is_ours(tmp_path / "a.html")


def test_no_mark_of_the_documents_is_in_a_page(viewer: Path) -> None:
    text = viewer.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>\n")
    assert text.endswith("</html>\n")
    assert "~/~" not in text
    assert "make tangle" not in text


def test_variants_of_a_photo_are_counted_as_one(tmp_path: Path) -> None:
    names, photo = ["a.jpg", "a.jpg", "b.jpg", "c.jpg"], np.array([0, 0, 1, 2])
    target = Image.new("RGB", (3, 2))
    page.write_page(
        tmp_path / "p.html", draw, MATCH, (5, 4), names, target, {}, photo=photo
    )
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "filled with 2 of 3 photos, none more than 4 times" in text
    assert text.count("<b>4 ×</b> a.jpg") == 1


def test_the_viewer_shows_the_whole_mosaic_first(opened: Chrome) -> None:
    # 900 wide: the mosaic is 900 x 480, from y = 110 to 590
    for x, y, i in [
        (150, 200, 0),
        (450, 200, 1),
        (750, 200, 2),
        (150, 500, 1),
        (750, 500, 0),
    ]:
        assert shows(opened, COLOURS[i], x, y)
    assert pixel(opened, 450, 50) == [243, 241, 236]
    assert no_errors(opened)


def test_the_viewer_asks_for_nothing_but_files(opened: Chrome) -> None:
    assert shows(opened, COLOURS[0], 150, 200)
    assert requests(opened) == {"file"}


def test_the_title_of_the_viewer_is_text(opened: Chrome) -> None:
    assert opened.title == "A <b>cat</b> @about@"
    assert opened.find_elements(By.TAG_NAME, "b") == []


def test_the_name_under_the_pointer_is_shown_as_text(opened: Chrome) -> None:
    assert hover(opened, 100, 200) == "red.jpg"
    assert hover(opened, 450, 200) == EVIL.replace("\u202e", "\\u202e")
    assert hover(opened, 750, 200) == r"caf\xe9/blue.jpg"
    assert hover(opened, 450, 20) == ""
    assert opened.find_elements(By.TAG_NAME, "img") == []
    assert opened.title != "1"


def test_names_change_exactly_where_cells_do(opened: Chrome) -> None:
    opened.execute_script(
        "about.width = 10; about.cols = 4; about.names = '0123'; about.match = [0, 1, 2, 3]"
    )
    script = "Object.assign(view, {x: 0, y: 0, scale: 1}); const found = [];"
    script += "for (let x = 0; x < 10; x++) {"
    script += "name({x: x + 0.5 + canvas.width / 2, y: 0.5 + canvas.height / 2});"
    script += "found.push(+label.textContent) } return found"
    expected = np.repeat(np.arange(4), output.sizes(10, 4)).tolist()
    assert opened.execute_script(script) == expected


def test_the_wheel_zooms_to_the_pointer(opened: Chrome) -> None:
    before = state(opened)
    origin = ScrollOrigin.from_viewport(300, 200)
    ActionChains(opened, 0).scroll_from_origin(origin, 0, -500).perform()
    after = state(opened)
    assert after["scale"] == pytest.approx(before["scale"] * np.e, rel=0.01)
    for axis, place, middle in (("x", 300, 450), ("y", 200, 350)):
        fixed = [one[axis] + (place - middle) / one["scale"] for one in (before, after)]
        assert fixed[0] == pytest.approx(fixed[1], abs=1)


def test_dragging_moves_the_mosaic_with_the_pointer(opened: Chrome) -> None:
    opened.execute_script("move(4)")
    before = state(opened)
    canvas = opened.find_element(By.TAG_NAME, "canvas")
    ActionChains(opened, 50).click_and_hold(canvas).move_by_offset(
        120, -60
    ).release().perform()
    after = state(opened)
    assert before["x"] - after["x"] == pytest.approx(120 / before["scale"])
    assert before["y"] - after["y"] == pytest.approx(-60 / before["scale"])
    hover(opened, 10, 10)
    assert state(opened) == after


@pytest.mark.parametrize(("key", "factor"), [("+", 1.5), ("=", 1.5)])
def test_keys_zoom_and_move_and_go_home(opened: Chrome, key: str, factor: float) -> None:
    body, home = opened.find_element(By.TAG_NAME, "body"), state(opened)
    body.send_keys(key)
    assert state(opened)["scale"] == pytest.approx(home["scale"] * factor)
    body.send_keys("-")
    assert state(opened)["scale"] == pytest.approx(home["scale"])
    body.send_keys(key * 5)
    before = state(opened)
    body.send_keys(Keys.ARROW_RIGHT)
    assert state(opened)["x"] - before["x"] == pytest.approx(900 / 8 / before["scale"])
    body.send_keys(Keys.ARROW_UP)
    assert before["y"] - state(opened)["y"] == pytest.approx(700 / 8 / before["scale"])
    body.send_keys("0")
    assert state(opened) == pytest.approx(home)


def test_buttons_do_what_keys_do(opened: Chrome) -> None:
    nearer, farther, whole = opened.find_elements(By.TAG_NAME, "button")
    home = state(opened)["scale"]
    nearer.click()
    nearer.click()
    assert state(opened)["scale"] == pytest.approx(home * 2.25)
    farther.click()
    assert state(opened)["scale"] == pytest.approx(home * 1.5)
    whole.click()
    assert state(opened)["scale"] == pytest.approx(home)


def test_two_fingers_zoom_about_their_middle(opened: Chrome) -> None:
    touch = [{"x": 400, "y": 350, "id": 0}, {"x": 500, "y": 350, "id": 1}]
    spread = [{"x": 300, "y": 350, "id": 0}, {"x": 600, "y": 350, "id": 1}]
    home = state(opened)
    for kind, points in (("touchStart", touch), ("touchMove", spread), ("touchEnd", [])):
        event = {"type": kind, "touchPoints": points}
        opened.execute_cdp_cmd("Input.dispatchTouchEvent", event)
    assert state(opened)["scale"] == pytest.approx(home["scale"] * 3, rel=0.01)
    assert state(opened)["x"] == pytest.approx(home["x"], abs=2)


def test_nobody_gets_lost(opened: Chrome) -> None:
    opened.execute_script("move(1e9); move(1, 0, 0, 1e9, 1e9)")
    assert state(opened)["scale"] == 8
    assert state(opened)["x"] == pytest.approx(450 / 8)
    assert shows(opened, COLOURS[0] // 2, 150, 350)
    assert shows(opened, COLOURS[0], 450, 350)
    opened.execute_script("move(1e-9)")
    assert state(opened) == {"x": 750, "y": 400, "scale": 0.6}


def test_from_nearby_the_finest_tiles_are_shown(opened: Chrome) -> None:
    opened.execute_script("move(1e9); move(1 / 8); move(1, 0, 0, 1e9, 1e9)")
    assert shows(opened, COLOURS[0], 400, 100)
    assert shows(opened, COLOURS[1], 800, 100)
    loaded = opened.execute_script("return [...tiles.keys()]")
    assert any("/11/0_0.jpg" in source for source in loaded)


def test_the_viewer_is_dark_where_the_system_is(browser: Chrome, viewer: Path) -> None:
    show(browser, viewer, (390, 700), "dark")
    assert pixel(browser, 200, 50) == [19, 20, 23]
    assert shows(browser, COLOURS[0], 60, 300)


def test_a_rotated_screen_is_filled_anew(opened: Chrome, viewer: Path) -> None:
    screen = {"width": 500, "height": 900, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    wait = WebDriverWait(opened, 5)
    assert wait.until(lambda _: opened.execute_script("return canvas.height") == 1800)


def test_a_viewer_needs_no_names(browser: Chrome, viewer: Path) -> None:
    plain = viewer.with_name("plain.html")
    page.write_viewer(plain, viewer.with_suffix(".dzi"))
    show(browser, plain, (900, 700))
    assert shows(browser, COLOURS[1], 450, 200)
    assert hover(browser, 450, 200) == ""
    assert no_errors(browser)


def test_empty_cells_have_no_name(tmp_path: Path, browser: Chrome) -> None:
    match = np.where(MATCH == 1, -1, MATCH)
    stream = output.cover(
        output.paste_exact(draw, match, (300, 160)), match < 0, (300, 160)
    )
    output.write_deepzoom(tmp_path / "m.dzi", stream, (300, 160), 64)
    page.write_viewer(tmp_path / "m.html", tmp_path / "m.dzi", match, NAMES)
    show(browser, tmp_path / "m.html", (600, 320))
    assert shows(browser, COLOURS[2], 500, 80)
    assert pixel(browser, 300, 80) == [243, 241, 236]
    assert hover(browser, 300, 80) == ""
    assert hover(browser, 500, 80) == r"caf\xe9/blue.jpg"


# The page


REPORT = {
    "method": "unique",
    "cost": 12345.6,
    "score": {"ssim": 0.25},
    "target": "<i>me</i>.jpg",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page about the mosaic of six cells."""
    folder = tmp_path_factory.mktemp("page")
    target = Image.fromarray(COLOURS[MATCH]).resize((300, 160), Image.Resampling.NEAREST)
    page.write_page(
        folder / "p.html",
        draw,
        MATCH,
        (50, 40),
        NAMES,
        target,
        REPORT,
        mosaic=folder / "big mosaic.png",
        title="My <mosaic>",
    )
    return folder / "p.html"


@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_fits_the_screen_and_shows_all_images(
    browser: Chrome, written: Path, width: int
) -> None:
    show(browser, written, (width, 900))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = browser.execute_script(
        "return [...document.images].map(image => image.naturalWidth)"
    )
    assert len(sizes) == 3 + 4
    assert all(sizes)
    assert requests(browser) <= {"file", "data"}
    assert no_errors(browser)


def test_the_report_stands_beside_the_mosaic_on_a_wide_screen_and_below_on_a_narrow_one(
    browser: Chrome, written: Path
) -> None:
    def places() -> tuple[dict[str, int], dict[str, int]]:
        figure, table = (
            browser.find_element(By.TAG_NAME, tag) for tag in ("figure", "table")
        )
        return figure.rect, table.rect

    figure, table = (show(browser, written, (1400, 900)) and None) or places()
    assert table["x"] > figure["x"] + figure["width"]
    figure, table = (show(browser, written, (390, 900)) and None) or places()
    assert table["y"] > figure["y"] + figure["height"]


def test_the_report_is_shown_as_text(browser: Chrome, written: Path) -> None:
    show(browser, written, (1400, 900))
    rows = [row.text for row in browser.find_elements(By.TAG_NAME, "tr")]
    assert rows == [
        "method unique",
        "cost 12,346",
        "score ssim 0.25",
        "target <i>me</i>.jpg",
    ]
    assert browser.title == "My <mosaic>"
    assert "3 × 2 cells filled with 3 of 4 photos, none more than 2 times" in (
        browser.find_element(By.TAG_NAME, "header").text
    )


def test_most_and_least_used_photos_are_named(browser: Chrome, written: Path) -> None:
    show(browser, written, (1400, 900))
    shown = [item.text for item in browser.find_elements(By.TAG_NAME, "li")]
    evil = EVIL.replace("\u202e", "\\u202e")
    assert shown == [
        "2 × red.jpg",
        f"2 × {evil}",
        "0 × unused 'one'.jpg",
        r"2 × caf\xe9/blue.jpg",
    ]
    assert browser.find_elements(By.CSS_SELECTOR, "li script, li [onerror]") == []


def test_the_mosaic_links_to_its_file(browser: Chrome, written: Path) -> None:
    show(browser, written, (1400, 900))
    link = browser.find_element(By.CSS_SELECTOR, "figure a").get_attribute("href")
    assert link == (written.parent / "big mosaic.png").as_uri()


def test_the_slider_lays_the_target_over_the_mosaic(browser: Chrome, written: Path) -> None:
    show(browser, written, (1400, 900))
    figure = browser.find_element(By.CSS_SELECTOR, "figure a img").rect
    x, y = (
        int(figure["x"]) + 4,
        int(figure["y"]) + 60,
    )  # in the dark border of the first tile
    assert shows(browser, COLOURS[0] // 2, x, y)
    browser.find_element(By.TAG_NAME, "input").send_keys(Keys.END)
    assert shows(browser, COLOURS[0], x, y)


def test_the_page_is_dark_where_the_system_is(browser: Chrome, written: Path) -> None:
    show(browser, written, (1400, 900), "dark")
    assert pixel(browser, 3, 3) == [23, 24, 27]


@pytest.mark.parametrize("kind", ["RGBA", "P", "L", "I;16", "CMYK"])
def test_a_target_of_any_kind_is_shown(kind: str) -> None:
    image = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    if kind == "I;16":
        image = Image.fromarray(np.full((20, 40), 65535, np.uint16))
    if kind == "CMYK":
        image = Image.new("RGB", (40, 20), "white")
    small = page.fit_target(image.convert(kind), (30, 30))
    assert (small.mode, small.size) == ("RGB", (30, 30))
    if kind in ("RGBA", "I;16", "CMYK"):
        assert small.getpixel((15, 15)) == (255, 255, 255)


def test_the_preview_of_a_huge_match_is_small() -> None:
    def small(which: Array, size: tuple[int, int]) -> Array:
        assert max(size) < 10
        return draw(which % 4, size)

    match = np.arange(300 * 200).reshape(200, 300) % 4
    assert page.preview(small, match, (50, 40)).size == (1600, 853)
    assert page.preview(small, match[:2, :3], (9, 8)).size == (27, 16)


@pytest.mark.parametrize("write", [page.write_viewer, page.write_page])
def test_pages_are_written_whole_or_not_at_all(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    output.write_deepzoom(tmp_path / "m.dzi", [np.zeros((2, 3, 3), np.uint8)], (3, 2))
    monkeypatch.setattr(page, "fill", lambda *_, **__: 1 / 0)
    target = Image.new("RGB", (3, 2))
    words: tuple[object, ...] = {
        page.write_viewer: (tmp_path / "m.dzi",),
        page.write_page: (draw, MATCH, (5, 4), NAMES, target, {}),
    }[write]
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "p.html", *words)
    assert not list(tmp_path.glob("*p.html*"))
