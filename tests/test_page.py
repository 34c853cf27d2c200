"""The page about a mosaic, opened from the disk in a real browser."""

import doctest
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
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
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from mosaic import Array
from smalti import page

EVIL = '</script><img src=x onerror="document.title=1">&amp;\u202e.jpg'
NAMES = ["red.jpg", EVIL, os.fsdecode(b"caf\xe9/blue.jpg"), "unused 'one'.jpg"]


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


def test_an_older_page_is_known_by_its_beginning(written: Path, tmp_path: Path) -> None:
    assert page.is_ours(written)
    (tmp_path / "a.html").write_text("<!doctype html>\n<title>diary</title>\n")
    assert not page.is_ours(tmp_path / "a.html")


def test_no_mark_of_the_documents_is_in_a_page(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
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
    assert requests(browser) - {"about"} <= {"file", "data"}
    assert complaints(browser) == []


def test_a_story_comes_first_and_the_figures_are_folded(
    browser: Chrome, written: Path
) -> None:
    show(browser, written, (1400, 900))
    lead, table = (browser.find_element(By.CSS_SELECTOR, css) for css in (".lead", "table"))
    assert lead.text == (
        "A picture made of 3 photos, in 6 places. Each appears at most twice, and 1 was left over."
    )
    assert not table.is_displayed()
    browser.find_element(By.TAG_NAME, "summary").click()
    assert table.is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_everybody_can_use_the_page(
    browser: Chrome, written: Path, width: int, scheme: str
) -> None:
    show(browser, written, (width, 900), scheme)
    browser.find_element(By.TAG_NAME, "summary").click()
    assert barriers(browser) == []


def test_the_policy_of_a_page_lets_only_its_own_script_run(
    browser: Chrome, written: Path, tmp_path: Path
) -> None:
    text = written.read_text(encoding="utf-8")
    hacked = text.replace("<main>", "<main><script>document.title = 1</script>")
    (tmp_path / "hacked.html").write_text(hacked, encoding="utf-8")
    show(browser, tmp_path / "hacked.html", (900, 700))
    assert browser.title == "My <mosaic>"
    assert "Content Security Policy" in " ".join(complaints(browser))


def test_the_report_is_shown_as_text(browser: Chrome, written: Path) -> None:
    show(browser, written, (1400, 900))
    browser.find_element(By.TAG_NAME, "summary").click()
    rows = [row.text for row in browser.find_elements(By.TAG_NAME, "tr")]
    assert rows == [
        "method unique",
        "sum of squared differences 12,346",
        "structural similarity, at most 1 0.25",
        "target <i>me</i>.jpg",
    ]
    assert browser.title == "My <mosaic>"
    assert "3 × 2 cells filled with 3 of 4 photos, none more than 2 times" in (
        browser.find_element(By.TAG_NAME, "details").text
    )


def test_most_and_least_used_photos_are_named(browser: Chrome, written: Path) -> None:
    show(browser, written, (1400, 900))
    shown = [item.text for item in browser.find_elements(By.TAG_NAME, "li")]
    evil = EVIL.replace("\u202e", "\\u202e")
    assert shown == [
        "2 × red.jpg",
        f"2 × {evil}",
        "not used unused 'one'.jpg",
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


def test_a_million_small_tiles_are_drawn_by_drawing_each_photo_once() -> None:
    drawn: list[int] = []

    def count(which: Array, size: tuple[int, int]) -> Array:
        drawn.extend(which)
        return draw(which, size)

    match = np.arange(300 * 200).reshape(200, 300) % 4
    small = page.preview(count, match, (50, 40), longest=300)
    assert small.size == (300, 200)
    assert sorted(drawn) == [0, 1, 2, 3]
    assert page.preview(draw, match, (50, 40), longest=300) == small


def test_the_piece_from_nearby_is_recoloured_as_in_the_whole_mosaic() -> None:
    match = np.zeros((40, 60), np.int64)
    seen: list[int] = []

    def note(tiles: Array, cells: Array) -> Array:
        seen.extend(cells)
        return tiles

    page.nearby(draw, match, (50, 50), note)
    rows, cols = np.divmod(np.unique(seen), 60)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (14, 24, 20, 39)
    assert len(seen) == 11 * 20


def test_a_page_without_a_target_has_no_slider(browser: Chrome, tmp_path: Path) -> None:
    page.write_page(tmp_path / "p.html", draw, MATCH, (5, 4), NAMES, None, {})
    show(browser, tmp_path / "p.html", (900, 700))
    assert browser.find_elements(By.CSS_SELECTOR, "input, #target") == []
    assert complaints(browser) == []


def test_pages_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "fill", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        page.write_page(tmp_path / "p.html", draw, MATCH, (5, 4), NAMES, None, {})
    assert not list(tmp_path.glob("*p.html*"))
