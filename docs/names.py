"""Names: write the name of each block above it, where JupyterLab and GitHub show it.

Neither shows the info string of a fence, in which the name stands. A caption is a small heading
in place of the blank line before the block, so that no line moves:

    ###### «name» ≡

The site has captions of its own, and the other tools pass over these.

    python docs/names.py DOCUMENT...            write the captions
    python docs/names.py --remove DOCUMENT...   put the blank lines back
"""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

from tangle import blocks, read_text, write_text

CAPTION = re.compile(r"###### «[^»]+» \+?≡")


def is_caption(line: str) -> bool:
    """Whether a line is the caption of a block.

    >>> is_caption("###### «imports» +≡"), is_caption("###### Imports")
    (True, False)
    """
    return bool(CAPTION.fullmatch(line))


def named(text: str) -> str:
    """Put a caption over every block that has a name and a blank line above it.

    >>> print(named("We import.\\n\\n```python #imports\\nimport os\\n```"))
    We import.
    ###### «imports» ≡
    ```python #imports
    import os
    ```
    """
    lines, seen = nameless(text).split("\n"), Counter[str]()
    for block in blocks(text):
        if block.name and not block.indent:
            seen[block.name] += 1
            above, before = block.line - 2, lines[max(block.line - 3, 0)]
            if above > 0 and not lines[above] and not before.lstrip().startswith("<"):
                sign = "≡" if seen[block.name] == 1 else "+≡"
                lines[above] = f"###### «{block.name}» {sign}"
    return "\n".join(lines)


def nameless(text: str) -> str:
    """Put a blank line in place of every caption.

    >>> nameless(named("We import.\\n\\n```python #imports\\nimport os\\n```")).split("\\n")[:3]
    ['We import.', '', '```python #imports']
    """
    return "\n".join("" if is_caption(line) else line for line in text.split("\n"))


def main(words: list[str] | None = None) -> int:
    """Write or remove the captions of some documents."""
    parser = argparse.ArgumentParser(description="Write the names of blocks above them.")
    parser.add_argument("documents", nargs="+", type=Path)
    parser.add_argument("--remove", action="store_true", help="put the blank lines back")
    options = parser.parse_args(words)
    for path in options.documents:
        text = read_text(path)
        now = nameless(text) if options.remove else named(text)
        if now != text:
            write_text(path, now)
    return 0


if __name__ == "__main__":
    sys.exit(main())
