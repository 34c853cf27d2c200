"""The site, as a reader sees it: built once from the documents, opened in a real browser."""

import functools
import itertools
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urlsplit

import pages
import pytest
import reference
import tangle
import weave
from conftest import once_for_all
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait


def address(path: str) -> str:
    """The file of a page of the site."""
    return Path(path).with_suffix(".html").as_posix()


ROOT = Path(__file__).parents[1]
TEXTS = tangle.read_documents(ROOT)
BOOK = [page for page in weave.pages_in(ROOT) if page.document == "mosaic.md"]
NAMED = [b for page in BOOK for b in tangle.blocks(page.text) if b.name]
TARGETS = [
    Path(b.target) for text in TEXTS.values() for b in tangle.blocks(text) if b.target
]
MODULES = [path for path in TARGETS if path.suffix == ".py" and reference.is_public(path)]
CHAPTERS = [address(page.path) for page in weave.pages_in(ROOT) if page.text]
REFERENCE = [f"{reference.FOLDER}/{reference.module(path)}.html" for path in MODULES]
PAGES = ["index.html", *CHAPTERS, *REFERENCE]
SEARCHES = {  # words that a reader may look for, and what a heading that answers says
    "GIL": "gil",
    "wildcard": "wildcard",
    "thumbnail": "thumbnail",
    "optimal transport": "optimal transport",
    "Amdahl": "amdahl",
    "race": "race",
    "Dask": "dask",
}


def build(folder: Path) -> None:
    """Build the site; the cells run only if no earlier test or build has run them."""
    weave = ["docs/weave.py", str(folder / "pages")]
    sphinx = ["-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-c", "docs"]
    sphinx += ["-d", str(folder / "trees"), str(folder / "pages"), str(folder / "html")]
    for words in (weave, sphinx):
        run = subprocess.run(
            [sys.executable, *words], cwd=ROOT, text=True, capture_output=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="session")
def site(sample: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once for all tests."""
    return once_for_all(tmp_path_factory, "site", build) / "html"


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


def shown_images(browser: Chrome) -> list[WebElement]:
    """The pictures of a page, but for those that wait for the dark or for the light."""
    every = browser.find_elements(By.CSS_SELECTOR, "article img")
    return [image for image in every if image.value_of_css_property("display") != "none"]


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
        self.images: list[tuple[str, str]] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.places.add(found.get("id", ""))
        if tag == "img":
            self.images.append((found["src"], found.get("alt", "")))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif link := found.get("src") or (tag == "link" and found.get("href")):
            self.sources.append(str(link))


@functools.cache
def parsed(path: Path) -> Page:
    """Read a page only once."""
    return Page(path)


# Without a browser


@pytest.mark.parametrize("page", PAGES)
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
    assert made == {*PAGES, "search.html", "genindex.html"}


# In a browser


def test_the_front_page_leads_to_the_book_and_has_it_to_take_along(
    browser: Chrome, site: Path
) -> None:
    look(browser, site, "index.html")
    (image,) = shown_images(browser)
    assert image.get_attribute("alt")
    for name in ["mosaic.ipynb", "exercise.ipynb", "mosaic.py"]:
        assert (site / "downloads" / name).is_file()
        assert f"downloads/{name}" in parsed(site / "index.html").links
    browser.find_element(By.LINK_TEXT, "the book").click()
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith(
        "Creating a photo mosaic"
    )


def test_next_leads_through_the_book_from_page_to_page(browser: Chrome, site: Path) -> None:
    order = [address(page.path) for page in weave.book_order(weave.pages_in(ROOT))]
    look(browser, site, order[0])
    for here, there in itertools.pairwise(order):
        onward = browser.find_element(By.CSS_SELECTOR, "a.next-page")
        browser.execute_script("arguments[0].click()", onward)
        assert browser.current_url.endswith(f"/{there}")
        assert "minutes" in browser.find_element(By.CSS_SELECTOR, "p.minutes").text
        back = browser.find_element(By.CSS_SELECTOR, "a.prev-page")
        assert str(back.get_attribute("href")).endswith(f"/{here}")


def test_no_page_of_the_book_takes_longer_than_25_minutes() -> None:
    assert all(page.minutes <= 25 for page in BOOK)
    assert len(BOOK) == 1 or all(page.minutes for page in BOOK)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_error(browser: Chrome, site: Path, page: str) -> None:
    look(browser, site, page)
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in log if entry["level"] == "SEVERE"] == []


@pytest.mark.parametrize("word", SEARCHES)
def test_a_search_finds_the_heading_that_answers(
    browser: Chrome, site: Path, word: str
) -> None:
    answer = SEARCHES[word]
    every = [h for page in weave.pages_in(ROOT) for _, _, h in pages.headings(page.text)]
    if not any(answer in heading.lower() for heading in every):
        pytest.skip(f"no heading speaks of {word} yet")
    browser.get(f"{(site / 'search.html').as_uri()}?q={quote(word)}")
    found = WebDriverWait(browser, 30).until(
        lambda b: b.find_elements(By.CSS_SELECTOR, "#search-results li > a")
    )
    assert "#" in str(found[0].get_attribute("href"))
    assert answer in text_of(found[0]).lower()


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
    for image in shown_images(browser):
        assert image.get_property("naturalWidth") != 0, image.get_attribute("src")
        assert image.get_attribute("alt"), image.get_attribute("src")


def test_different_pictures_have_different_descriptions(site: Path) -> None:
    sources: dict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        for source, words in parsed(site / page).images:
            sources[words].add(Path(source).name.removeprefix("dark-").rpartition(".")[0])
    assert {words: names for words, names in sources.items() if len(names) > 1} == {}


def test_drawings_have_a_version_for_the_dark_and_photos_do_not(
    browser: Chrome, site: Path
) -> None:
    seen: dict[str, set[str]] = {}
    for scheme in ["light", "dark"]:
        for page in CHAPTERS:
            if any("/kd-tree" in source for source, _ in parsed(site / page).images):
                look(browser, site, page, scheme=scheme)
                images = [str(i.get_attribute("src")) for i in shown_images(browser)]
                seen[scheme] = {Path(source).name for source in images}
    assert "kd-tree.png" in seen["light"]
    assert "dark-kd-tree.png" in seen["dark"]
    assert len(seen["light"]) == len(seen["dark"])
    assert any(not name.startswith("dark-") for name in seen["dark"])


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
    shown = []
    for page in BOOK:
        look(browser, site, address(page.path))
        captions = browser.find_elements(By.CSS_SELECTOR, ".chunk > span:first-child")
        shown += [text_of(caption).rpartition(" ")[0] for caption in captions]
    names = [
        f"file: {block.target}" if block.target else f"«{block.name}»" for block in NAMED
    ]
    assert shown == names


def test_every_reference_leads_to_its_block(browser: Chrome, site: Path) -> None:
    for page in BOOK:
        look(browser, site, address(page.path))
        links = browser.find_elements(By.CSS_SELECTOR, "pre a.chunk-ref")
        shown = [text_of(link).strip("<>") for link in links]
        assert shown == [
            name for block in tangle.blocks(page.text) for name in block.references
        ]
        for first in [link for link in links if link.is_displayed()][:1]:
            name = text_of(first).strip("<>")
            browser.execute_script("arguments[0].click()", first)
            goal = browser.find_element(By.CSS_SELECTOR, ".chunk:target")
            assert f"«{name}»" in goal.text


def test_a_reference_into_another_document_leads_there(site: Path) -> None:
    homes = {b.name: document for document in TEXTS for b in tangle.blocks(TEXTS[document])}
    away = {name for b in NAMED for name in b.references if homes[name] != "mosaic.md"}
    links = [link for page in BOOK for link in parsed(site / address(page.path)).links]
    for name in away:
        assert f"{address(str(homes[name]))}#chunk-{name}" in links


def test_a_module_has_its_functions_with_a_link_to_the_block_of_each(site: Path) -> None:
    page = parsed(site / reference.FOLDER / "mosaic.html")
    assert {"mosaic.cut_cells", "mosaic.match_nearest", "mosaic.Thumbnail"} <= page.places
    (home,) = (own.path for own in BOOK if "\ndef cut_cells(" in own.text)
    assert f"../{address(home)}#chunk-cut-the-target-2" in page.links


@pytest.mark.parametrize("page", CHAPTERS)
def test_solutions_are_folded_until_they_are_asked_for(
    browser: Chrome, site: Path, page: str
) -> None:
    if "<details>" not in (site / page).read_text("utf-8"):
        pytest.skip("nothing is folded on this page")
    look(browser, site, page)
    for fold in browser.find_elements(
        By.CSS_SELECTOR, "article details:not(.toggle-details)"
    ):
        (*_, last) = fold.find_elements(By.CSS_SELECTOR, "p, pre, li, td")
        assert not last.is_displayed()
        summary = fold.find_element(By.TAG_NAME, "summary")
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", summary)
        summary.click()
        assert last.is_displayed()
    for block in browser.find_elements(
        By.CSS_SELECTOR, "details .highlight-ipython3 pre, details .highlight-python pre"
    ):
        assert block.find_elements(By.TAG_NAME, "span")


def test_every_formula_is_shown(browser: Chrome, site: Path) -> None:
    shown = 0
    for page in BOOK:
        look(browser, site, address(page.path))
        browser.execute_script(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        formulas = browser.find_elements(By.TAG_NAME, "math")
        assert all(formula.rect["width"] > 0 for formula in formulas)
        shown += len(formulas)
    assert shown
