"""Pages in a real browser: how to open one, and what is seen."""

import io
import json
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from mosaic import Array

COLOURS = np.array([(230, 20, 20), (20, 200, 20), (20, 20, 230), (128, 128, 128)], np.uint8)
MATCH = np.array([[0, 1, 2], [1, 2, 0]])  # red green blue, green blue red


def draw(which: Array, size: tuple[int, int]) -> Array:
    """Draw tiles of one colour each, with a dark border on the left."""
    tiles = np.repeat(COLOURS[which], size[0] * size[1], axis=0).reshape(
        -1, size[1], size[0], 3
    )
    tiles[:, :, : max(1, size[0] // 20)] //= 2
    return tiles


def show(
    browser: Chrome, page: Path | str, size: tuple[int, int], scheme: str = "light"
) -> Chrome:
    """Open a page, by its path or address, on a screen of this size; return the browser."""
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    screen = {
        "width": size[0],
        "height": size[1],
        "deviceScaleFactor": 1,
        "mobile": size[0] < 500,
    }
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get("about:blank")  # or another place on the same page would only be a jump
    for kind in ("performance", "browser"):
        read_log(browser, kind)
    browser.get(page.as_uri() if isinstance(page, Path) else page)
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


def requests(browser: Chrome) -> set[str]:
    """Schemes of everything that was requested since the page was opened."""
    events = [
        json.loads(entry["message"])["message"]
        for entry in read_log(browser, "performance")
    ]
    sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
    return {event["params"]["request"]["url"].split(":")[0] for event in sent}


def complaints(browser: Chrome) -> list[str]:
    """What the console complains of: errors, and what the policy of the page forbids."""
    return [entry["message"] for entry in read_log(browser, "browser")]


def barriers(browser: Chrome) -> list[str]:
    """What axe finds that keeps people from using the page as it is now."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
        ".then(found => done(found.violations), error => done([{id: String(error), nodes: []}]))"
    )
    return [f"{one['id']}: {[node['html'][:90] for node in one['nodes']]}" for one in found]
