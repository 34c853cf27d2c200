"""The site, as a reader sees it: built once from the documents, opened in a real browser."""

import functools
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import reference
import tangle
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

ROOT = Path(__file__).parents[1]
TEXTS = tangle.read_documents(ROOT)
BLOCKS = tangle.blocks(TEXTS["mosaic.md"])
NAMED = [block for block in BLOCKS if block.name]
TARGETS = [
    Path(b.target) for text in TEXTS.values() for b in tangle.blocks(text) if b.target
]
MODULES = [path for path in TARGETS if path.suffix == ".py" and reference.is_public(path)]
CHAPTERS = [Path(document).with_suffix(".html").as_posix() for document in TEXTS]
REFERENCE = [f"{reference.FOLDER}/{reference.module(path)}.html" for path in MODULES]
PAGES = [*CHAPTERS, *REFERENCE]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; the cells run only if no earlier test or build has run them."""
    folder = tmp_path_factory.mktemp("site")
    sphinx = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-E",
        "-W",
        "--keep-going",
        "-c",
        "docs",
    ]
    run = subprocess.run(
        [*sphinx, "-d", folder / "trees", ".", folder / "html"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder / "html"


def look(
    browser: Chrome, site: Path, page: str, width: int = 1400, scheme: str = "light"
) -> None:
    """Open a page in a window of some width, in the light or in the dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get((site / page).as_uri())
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")


def requests(browser: Chrome) -> str:
    """What the browser has noted about its requests since this was last asked."""
    log = browser.get_log("performance")  # type: ignore[no-untyped-call]
    return " ".join(entry["message"] for entry in log)


def text_of(element: WebElement) -> str:
    """The text of an element, even of one that is folded away."""
    return str(element.get_property("textContent"))


class Page(HTMLParser):
    """The places of a page, and what it points to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places = {""}
        self.links: list[str] = []
        self.sources: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.places.add(found.get("id", ""))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif link := found.get("src") or (tag == "link" and found.get("href")):
            self.sources.append(str(link))


@functools.cache
def parsed(path: Path) -> Page:
    """Read a page only once."""
    return Page(path)


# Without a browser


@pytest.mark.parametrize("page", ["index.html", *PAGES])
def test_every_link_inside_the_site_leads_somewhere(site: Path, page: str) -> None:
    for link in parsed(site / page).links:
        if not urlsplit(link).scheme:
            path, place = urldefrag(link)
            goal = (site / page).parent.joinpath(unquote(path)) if path else site / page
            assert goal.is_file(), link
            assert goal.suffix != ".html" or unquote(place) in parsed(goal).places, link


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fetches_nothing_from_elsewhere(site: Path, page: str) -> None:
    sources = parsed(site / page).sources
    assert [link for link in sources if urlsplit(link).scheme not in {"", "data"}] == []


def test_every_document_and_every_module_is_a_page_and_nothing_else_is(site: Path) -> None:
    made = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert made == {*PAGES, "index.html", "search.html", "genindex.html"}


# In a browser


def test_the_first_page_is_the_book(browser: Chrome, site: Path) -> None:
    look(browser, site, "index.html")
    assert browser.current_url.endswith("/mosaic.html")
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith(
        "Creating a photo mosaic"
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_needs_no_other_host(browser: Chrome, site: Path, page: str) -> None:
    requests(browser)
    look(browser, site, page)
    log = requests(browser)
    assert "Network.requestWillBeSent" in log
    assert '"url":"http' not in log


@pytest.mark.parametrize("page", PAGES)
def test_every_image_loads_and_says_what_it_shows(
    browser: Chrome, site: Path, page: str
) -> None:
    look(browser, site, page)
    for image in browser.find_elements(By.CSS_SELECTOR, "article img"):
        assert image.get_property("naturalWidth") != 0, image.get_attribute("src")
        assert image.get_attribute("alt"), image.get_attribute("src")


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_wider_than_its_window(
    browser: Chrome, site: Path, page: str, width: int
) -> None:
    look(browser, site, page, width)
    browser.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = true)"
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for image in browser.find_elements(By.CSS_SELECTOR, "article img"):
        assert image.rect["x"] + image.rect["width"] <= width


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_reader_into_the_dark(
    browser: Chrome, site: Path, scheme: str, dark: bool
) -> None:
    look(browser, site, "mosaic.html", scheme=scheme)
    for selector in ["body", "article .highlight"]:
        colour = browser.find_element(By.CSS_SELECTOR, selector).value_of_css_property(
            "background-color"
        )
        red = int(colour.partition("(")[2].partition(",")[0])
        assert (red < 80) is dark, f"{selector}: {colour}"


def test_every_named_block_has_its_caption(browser: Chrome, site: Path) -> None:
    look(browser, site, "mosaic.html")
    captions = browser.find_elements(By.CSS_SELECTOR, ".chunk > span:first-child")
    shown = [text_of(caption) for caption in captions]
    names = [
        f"file: {block.target}" if block.target else f"«{block.name}»" for block in NAMED
    ]
    assert [caption.rpartition(" ")[0] for caption in shown] == names


def test_every_reference_leads_to_its_block(browser: Chrome, site: Path) -> None:
    look(browser, site, "mosaic.html")
    links = browser.find_elements(By.CSS_SELECTOR, "pre a.chunk-ref")
    shown = [text_of(link).strip("<>") for link in links]
    assert shown == [name for block in BLOCKS for name in block.references]
    first = next(link for link in links if link.is_displayed())
    browser.execute_script("arguments[0].click()", first)
    goal = browser.find_element(By.CSS_SELECTOR, ".chunk:target")
    assert f"«{text_of(first).strip('<>')}»" in goal.text


def test_a_reference_into_another_document_leads_there(site: Path) -> None:
    homes = {b.name: document for document in TEXTS for b in tangle.blocks(TEXTS[document])}
    away = {name for b in NAMED for name in b.references if homes[name] != "mosaic.md"}
    links = parsed(site / "mosaic.html").links
    for name in away:
        page = Path(homes[name]).with_suffix(".html").as_posix()
        assert f"{page}#chunk-{name}" in links


def test_a_module_has_its_functions_with_a_link_to_the_block_of_each(site: Path) -> None:
    page = parsed(site / reference.FOLDER / "mosaic.html")
    assert {"mosaic.cut_cells", "mosaic.match_nearest", "mosaic.Thumbnail"} <= page.places
    assert any(link.startswith("../../mosaic.html#chunk-") for link in page.links)


def test_solutions_are_folded_until_they_are_asked_for(browser: Chrome, site: Path) -> None:
    look(browser, site, "mosaic.html")
    folds = browser.find_elements(By.TAG_NAME, "details")
    assert folds
    for fold in folds:
        (*_, last) = fold.find_elements(By.CSS_SELECTOR, "p, pre")
        assert not last.is_displayed()
        summary = fold.find_element(By.TAG_NAME, "summary")
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", summary)
        summary.click()
        assert last.is_displayed()


def test_code_in_solutions_has_its_colours(browser: Chrome, site: Path) -> None:
    look(browser, site, "mosaic.html")
    for block in browser.find_elements(
        By.CSS_SELECTOR, "details div[class*=highlight-] pre"
    ):
        assert block.find_elements(By.TAG_NAME, "span")


def test_every_formula_is_shown(browser: Chrome, site: Path) -> None:
    look(browser, site, "mosaic.html")
    formulas = browser.find_elements(By.TAG_NAME, "math")
    assert formulas
    browser.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = true)"
    )
    assert all(formula.rect["width"] > 0 for formula in formulas)
