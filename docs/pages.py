"""Pages: divide documents into the pages of the site, and lead every link to its page.

A line `<!-- page: Title | minutes -->` before a heading begins a page. A line
`<!-- page: course/cores.md | minutes -->` puts another document between two pages. What stands
before the first mark belongs to the first page, which keeps the name of the document; without
marks a document is one page. `weave.py` runs the cells and shows what comes out.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from names import is_caption
from tangle import Problem, blocks

MARK = re.compile(r"<!-- page: (?P<title>[^|]*[^|\s])(\s*\|\s*(?P<minutes>\d+))? -->\s*")
HEADING = re.compile(r"(?P<level>#{1,6}) (?P<title>.*?)\s*")
LINK = re.compile(r"\]\((?P<goal>[^()\s]+)\)")
ASIDES = {"*Questions": "questions", "*You will": "questions", "**Key points": "key-points"}
Places = dict[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """A page: its path as that of a Markdown file, its title, its document, its text.

    The text has as many blocks of code, in the same order, as its part of the document.
    `minutes` is how long it takes to read, 0 if nobody has said so; `added` whether the title
    is no heading of the document. A page without text is a place between two pages, for the
    document of its path.
    """

    path: str
    title: str
    document: str
    text: str
    minutes: int = 0
    added: bool = False


def divide(document: str, text: str) -> list[Page]:
    """Divide a document at its marks.

    >>> marks = "# A\\n<!-- page: One | 5 -->\\n## One\\n<!-- page: x.md -->\\n<!-- page: Two -->\\n## B"
    >>> [(page.path, page.title, page.minutes) for page in divide("a.md", marks)]
    [('a.md', 'One', 5), ('x.md', '', 0), ('two.md', 'Two', 0)]
    """
    lines, free = text.split("\n"), outside(text)
    marks = [(i, MARK.fullmatch(line)) for i, line in enumerate(lines) if free[i]]
    found = [(i, mark["title"], int(mark["minutes"] or 0)) for i, mark in marks if mark]
    if not found or found[0][1].endswith(".md"):
        found = [(-1, "", 0), *found]
    pages, own = list[Page](), list[list[str]]()
    for (start, title, minutes), (end, *_) in zip(
        found, [*found[1:], (len(lines), "", 0)], strict=True
    ):
        part = lines[start + 1 : end]
        if title.endswith(".md"):
            pages.append(Page(title, "", title, "", minutes))
            own[-1] += part
        else:
            path = document
            if own:
                path = posixpath.join(posixpath.dirname(document), slug(title) + ".md")
            pages.append(Page(path, title, document, "", minutes))
            own.append(lines[: max(start, 0)] + part if not own else part)
    texts = iter("\n".join(part) for part in own)
    for number, page in enumerate(pages):
        if page.document == document:
            first, body = page.path == document, next(texts)
            shown = body if first else titled(page.title, body)
            added = len([*headings(shown)]) > len([*headings(body)])
            pages[number] = replace(page, text=shown, added=added)
    return pages


def outside(text: str) -> list[bool]:
    """Whether each line is outside of the fenced blocks.

    >>> outside("a\\n```python\\nb\\n```\\nc")
    [True, False, False, False, True]
    """
    free = [True] * (text.count("\n") + 1)
    for block in blocks(text):
        last = block.line + (block.code.count("\n") + 1 if block.code else 0)
        for line in range(block.line - 1, min(last + 1, len(free))):
            free[line] = False
    return free


def headings(text: str) -> Iterator[tuple[int, int, str]]:
    """The line (from 0), the level and the words of each heading."""
    for i, (line, free) in enumerate(zip(text.split("\n"), outside(text), strict=True)):
        if free and not is_caption(line) and (found := HEADING.fullmatch(line)):
            yield i, len(found["level"]), found["title"]


def titled(title: str, text: str) -> str:
    """Begin a page with its title, in place of a first heading of the same words.

    >>> titled("Store", "\\n## Store\\n\\nWe write.\\n\\n### Many\\n\\n## Match\\n\\n### Few")
    '# Store\\n\\nWe write.\\n\\n## Many\\n\\n## Match\\n\\n### Few'
    """
    lines, up = text.split("\n"), False
    for number, (i, level, words) in enumerate(headings(text)):
        if number == 0 and words == title:
            lines[i], up = "", True
        elif level <= 2:
            up = False
        elif up:
            lines[i] = lines[i][1:]
    return f"# {title}\n\n" + "\n".join(lines).strip("\n")


def slug(words: str) -> str:
    """The place of a heading, as GitHub and MyST name it.

    >>> slug("Exercise: brute force"), slug("The `map` of a pool")
    ('exercise-brute-force', 'the-map-of-a-pool')
    """
    return re.sub(r"[^\w\- ]", "", words.strip().lower().replace(" ", "-"))


def slugs(text: str) -> list[str]:
    """The places of all headings of a text in turn; the second of equal ones gets a -1."""
    seen, found = Counter[str](), list[str]()
    for _, _, words in headings(text):
        name = slug(words)
        found.append(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def find_places(texts: Mapping[str, str], pages: Sequence[Page]) -> Places:
    """Where the headings of the divided documents are: (document, place) to (page, place)."""
    places: Places = {}
    for document, text in texts.items():
        own = [page for page in pages if page.document == document]
        if len(own) > 1:
            there = [(p.path, place) for p in own for place in slugs(p.text)[p.added :]]
            found = zip(slugs(text), there, strict=True)
            places |= {(document, place): goal for place, goal in found}
    return places


def relinked(page: Page, places: Places, moved: Mapping[str, str] = {}) -> str:
    """Lead the links of a page to the pages where their places are now.

    `moved` gives the page of a document that has another path on the site.

    >>> places = {("a.md", "x"): ("b.md", "x")}
    >>> relinked(Page("b.md", "", "a.md", "[1](#x) [2](smalti/c.md#d) [3](#y)"), places)
    '[1](#x) [2](smalti/c.md#d) [3](a.md#y)'
    """

    def replace(found: re.Match[str]) -> str:
        path, _, place = found["goal"].partition("#")
        if ":" in path or path.startswith("/"):
            return found[0]
        folder = posixpath.dirname(page.document)
        goal = posixpath.normpath(posixpath.join(folder, path)) if path else page.document
        goal, place = places.get((goal, place), (goal, place))
        goal = moved.get(goal, goal)
        if goal == page.path and place:
            return f"](#{place})"
        way = posixpath.relpath(goal, posixpath.dirname(page.path) or ".")
        return f"]({way}{'#' if place else ''}{place})"

    lines, free = page.text.split("\n"), outside(page.text)
    return "\n".join(
        LINK.sub(replace, line) if open_ else line
        for line, open_ in zip(lines, free, strict=True)
    )


def files(page: Page) -> Iterator[str]:
    """The paths that a page leads to or shows, from the root of the site."""
    for line, free in zip(page.text.split("\n"), outside(page.text), strict=True):
        for found in LINK.finditer(line) if free else ():
            path = found["goal"].partition("#")[0]
            if path and ":" not in path:
                yield posixpath.normpath(posixpath.join(posixpath.dirname(page.path), path))


def set_apart(text: str) -> str:
    """Put the questions and the key points of a page into boxes.

    >>> print(set_apart("**Key points.** A.\\n\\nB."))
    <div class="key-points">
    <BLANKLINE>
    **Key points.** A.
    <BLANKLINE>
    </div>
    <BLANKLINE>
    B.
    """
    free, lines, shown, box = outside(text), text.split("\n"), list[str](), ""
    for line, is_free in zip([*lines, ""], [*free, True], strict=True):
        kind = next((ASIDES[m] for m in ASIDES if line.startswith(m)), "")
        if is_free and kind and not box and (not shown or not shown[-1]):
            box = kind
            shown += [f'<div class="{kind}">', ""]
        if box and not line:
            shown += ["", "</div>"]
            box = ""
        shown.append(line)
    return "\n".join(shown[:-1])


def headed(page: Page, number: int, count: int) -> str:
    """Say under the title of a page how long it takes, and where it stands in the book.

    >>> print(headed(Page("a.md", "A", "a.md", "# A\\n\\nB", 20), 2, 8))
    # A
    <BLANKLINE>
    <p class="minutes">Page 2 of 8 · 20 minutes</p>
    <BLANKLINE>
    B
    """
    words = [f"Page {number} of {count}"] if number else []
    words += [f"{page.minutes} minutes"] if page.minutes else []
    first = next((i for i, level, _ in headings(page.text) if level == 1), None)
    if not words or first is None:
        return page.text
    lines = page.text.split("\n")
    lines[first + 1 : first + 1] = ["", f'<p class="minutes">{" · ".join(words)}</p>']
    return "\n".join(lines)


def check_paths(pages: Sequence[Page]) -> None:
    """Raise Problem if two pages would have one address."""
    for path, times in Counter(page.path for page in pages).items():
        if times > 1:
            raise Problem(f"two pages of the site are {path}; give one another title")
