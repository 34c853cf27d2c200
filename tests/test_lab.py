"""A document in JupyterLab, in a real browser, with the settings of `make lab`."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[1]
SMALL = """# Small

A cell, and a solution of two cells, which are folded:

```python #sum
print(6 * 7)
```

```python jupyter={"source_hidden": true}
first = 1
```

```python jupyter={"source_hidden": true}
second = 2
```
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab in a folder with a small document; the address of the document."""
    (tmp_path / "small.md").write_text(SMALL)
    shutil.copytree(ROOT / "docs/lab", tmp_path / ".settings")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--IdentityProvider.token=",
    ]
    options += [f"--LabApp.app_settings_dir={tmp_path / '.settings'}"]
    with (tmp_path / ".log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(600):
            if "is running at" in (tmp_path / ".log").read_text():
                break
            assert server.poll() is None, (tmp_path / ".log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/lab/tree/small.md?reset"
    finally:
        server.terminate()
        server.wait(30)


def test_jupyterlab_opens_a_document_as_a_notebook_and_asks_nothing(
    browser: Chrome, lab: str
) -> None:
    browser.set_window_size(1400, 900)
    browser.get(lab)
    WebDriverWait(browser, 120).until(
        lambda b: any(
            "Idle" in status.text
            for status in b.find_elements(By.CSS_SELECTOR, "#jp-main-statusbar")
        )
    )
    assert browser.find_elements(By.CSS_SELECTOR, ".jp-Dialog") == []
    names = browser.find_elements(By.CSS_SELECTOR, ".jp-KernelName")
    assert [name.text for name in names] == ["Python 3 (ipykernel)"]
    cells = browser.find_elements(By.CSS_SELECTOR, ".jp-CodeCell")
    folded = [cell.find_elements(By.CSS_SELECTOR, ".jp-InputPlaceholder") for cell in cells]
    assert [len(found) for found in folded] == [0, 1, 1]
