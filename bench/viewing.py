"""How smooth a viewer moves: frames on a walk through a mosaic, in a browser without a screen.

    python bench/viewing.py mosaic_view/index.html

The walk comes nearer, goes across, searches a corner and goes back, and the time of each frame
is noted. What else the machine does makes frames late, so the load is printed, too.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

WALK = """
const [seconds, done] = arguments, times = [];
const parts = [
  t => move(1.02, view.width * 0.6, view.height * 0.4),
  t => move(1, 0, 0, -14, 5 * Math.sin(6 * t)),
  t => move(1.015),
  t => move(1, 0, 0, 9, -11),
  t => move(1 / 1.03),
];
const begin = performance.now();
function step(now) {
  times.push(now);
  const part = (now - begin) / 1000 / seconds * parts.length;
  if (part >= parts.length) return done(times);
  parts[Math.max(0, Math.floor(part))](part);
  requestAnimationFrame(step);
}
requestAnimationFrame(step);
"""


def open_browser(profile: str) -> webdriver.Chrome:
    """A browser without a screen."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in ["headless=new", "no-sandbox", "disable-gpu", f"user-data-dir={profile}"]:
        options.add_argument(f"--{option}")
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def script_time(browser: webdriver.Chrome) -> float:
    """The seconds that scripts of the page have run."""
    found = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(one["value"] for one in found if one["name"] == "ScriptDuration"))


def main() -> None:
    """Walk, and print how many frames came in a second, and how long the slow ones took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("page", type=Path, help="the index.html of a view")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--size", type=int, nargs=2, default=(1400, 900))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile:
        browser = open_browser(profile)
        try:
            width, height = options.size
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
            )
            browser.get(options.page.resolve().as_uri())
            browser.set_script_timeout(options.seconds + 60)
            browser.execute_cdp_cmd("Performance.enable", {})
            for name in ("first walk", "second walk"):
                before = script_time(browser)
                times = np.diff(browser.execute_async_script(WALK, options.seconds))
                slow, own = np.percentile(times, 95), script_time(browser) - before
                print(
                    f"{name}: {1000 / times.mean():.1f} frames a second, the middle one "
                    f"{np.median(times):.1f} ms, 95 of 100 within {slow:.1f} ms, the slowest "
                    f"{times.max():.0f} ms; our script takes {1000 * own / len(times):.2f} ms "
                    f"of each; load {os.getloadavg()[0]:.1f}"
                )
                browser.execute_script("move(0)")
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
