# Made from course/episode.md by make tangle; edit that.
"""Write the 90-minute way as an episode of the Carpentries Workbench; explained in episode.md."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

KNOWN = {"callout", "caution", "challenge", "checklist", "discussion", "group-tab", "hint"}
KNOWN |= {"instructor", "keypoints", "objectives", "prereq", "questions", "solution"}
KNOWN |= {"spoiler", "tab", "testimonial"}
REQUIRED = ("questions", "objectives", "keypoints")


def div(name: str, text: str, width: int = 50) -> str:
    """A box: text between fences of so many characters.

    >>> print(div("hint", "Look at the order.", 12))
    ::::::: hint
    <BLANKLINE>
    Look at the order.
    <BLANKLINE>
    ::::::::::::
    """
    colons = ":" * max(3, width - len(name) - 1)
    return f"{colons} {name}\n\n{text.strip()}\n\n{':' * width}"


TITLE = "A photo mosaic in parallel"
TEACHING = 20  # minutes, beside those of the exercises
QUESTIONS = """
- What should a program do before it is given a second core?
- How does the same work run on several cores, and how do I know that the result is right?
- Which tool for which task: threads, processes, or a library?
"""
OBJECTIVES = """
- Find the wasted work in a slow step, and remove it.
- Write a parallel map that keeps the order and the errors of the serial one.
- Measure threads and processes, and explain the difference by the GIL.
- Compare Dask and joblib with a pool of processes, and choose the size of a task.
"""
KEYPOINTS = """
- First remove work, then share it.
- A parallel program is the serial program under another map; equal results show that it is right.
- Threads share memory and one interpreter lock, processes share neither.
- Each task costs a message: neither one task for each photo nor one for all is best.
- A time that is measured on a busy machine is a time of that machine.
"""

FRAME = """
## A picture made of pictures

{mosaic.md: A picture made of pictures, 3}

{beforehand}

## The algorithm first

{course/cores.md: Algorithm first, 2}

{exercise 1}

## The same function under another map

{mosaic.md: The same function under another map, 1}

{exercise 3}

## Threads and processes

{course/cores.md: Processes and threads, 3}

{exercise 4}

## Libraries for tasks

{exercise 6}
"""


class Problem(Exception):
    """What keeps us from writing the episode, and how to mend it."""


def headings(text: str) -> list[tuple[int, int, str]]:
    """The headings of a document: line, level and title.

    >>> headings("# A\\n```python\\n# no heading\\n```\\n### B")
    [(0, 1, 'A'), (4, 3, 'B')]
    """
    found, inside = [], False
    for number, line in enumerate(text.split("\n")):
        inside ^= line.startswith("```")
        if not inside and (heading := re.match(r"(#+)\s+(.*)", line)):
            found.append((number, len(heading[1]), heading[2].strip()))
    return found


def section(text: str, title: str) -> str:
    """What stands below a heading that begins with a title; a Problem if there is none."""
    lines, found = text.split("\n"), headings(text)
    for at, (number, level, name) in enumerate(found):
        if name.startswith(title):
            ends = [line for line, depth, _ in found[at + 1 :] if depth <= level]
            taken = "\n".join(lines[number + 1 : ends[0] if ends else None])
            return re.sub(r"^#{6} «.*» [+]?≡$", "", taken, flags=re.M)  # names of blocks
    raise Problem(f"there is no heading {title!r}; name another in course/episode.md")


PIECE = re.compile(r"^```.*?^```$|^\S.*?(?=\n\n|\n?\Z)", re.M | re.S)


def pieces(text: str, count: int) -> str:
    """The first pieces of a section.

    >>> pieces("One. Two.\\n\\n```python\\n1\\n\\n2\\n```\\n\\nThree.", 2)
    'One. Two.\\n\\n```python\\n1\\n\\n2\\n```'
    >>> pieces("One. Two:\\n\\n```python\\n1\\n```", 1)
    'One.'
    """
    taken = "\n\n".join(piece[0] for piece in list(PIECE.finditer(text))[:count])
    ends = [end.end() for end in re.finditer(r"[.!?][)*\"]*(?=\s)", taken)]
    return taken[: ends[-1] if ends else 0] if taken.endswith(":") else taken


def translate(text: str, site: str = "", here: str = "") -> str:
    """Our Markdown as that of the Workbench; links lead to `site`, or are plain words."""
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.S)
    text = re.sub(r"^```(\w+)[^\n]*$", r"```\1", text, flags=re.M)
    text = re.sub(r"^```console\n(.*?)^```$", without_prompts, text, flags=re.M | re.S)
    text = re.sub(r"<details>\n<summary>(\w+)</summary>\n(.*?)</details>", fold, text, flags=re.S)
    text = re.sub(r"!\[([^]]*)\]\(([^)]*)\)", picture, text)
    return re.sub(r"(?<!!)\[([^]]*)\]\(([^)]*)\)", lambda link: goal(link, site, here), text)


def without_prompts(block: re.Match[str]) -> str:
    """Commands without `$ `, so that they can be copied."""
    return "```bash\n" + re.sub(r"^\$ ", "", block[1], flags=re.M) + "```"


def fold(details: re.Match[str]) -> str:
    """A fold as a box that is closed at first: a hint or a solution."""
    name = details[1].lower()
    return div(name if name in KNOWN else "spoiler", details[2], 25)


def picture(image: re.Match[str]) -> str:
    """A picture from the folder `fig`, with a caption and a description."""
    words = " ".join(image[1].split())
    told = words.replace("'", "’")
    return f"![{words}](fig/{Path(image[2]).name}){{alt='{told}'}}"


def goal(link: re.Match[str], site: str, here: str) -> str:
    """A link, if it leads to the web or if we know where our site is; else its words."""
    words, target = link[1], link[2]
    if target.startswith("https://"):
        return link[0]
    if not site:
        return words
    page, mark, place = target.partition("#")
    parts = Path(here).parent.parts
    while page.startswith("../"):
        page, parts = page[3:], parts[:-1]
    whole = "/".join([*parts, page]) if page else here
    return f"[{words}]({site.rstrip('/')}/{whole.removesuffix('.md')}.html{mark}{place})"


MINUTES = re.compile(r"^\*(\d+) minutes; ([^*]*)\*\n+", re.M)
KNOWS = re.compile(r"^\*(The check knows:[^*]*)\*\n+", re.M)


def ways(exercises: str, way: str = "90 minutes") -> dict[int, int]:
    """The exercises of a way, and the minutes of each."""
    found = {}
    for _, _, title in headings(exercises):
        if number := re.match(r"Exercise (\d+):", title):
            about = MINUTES.search(section(exercises, number[0]))
            if about and way in about[2].split(", "):
                found[int(number[1])] = int(about[1])
    return found


def challenge(number: int, texts: dict[str, str], site: str = "") -> str:
    """An exercise as a challenge with its solution, and a note for the teacher."""
    start = f"Exercise {number}:"
    exercises = texts["course/exercises.md"]
    title = next(t for _, _, t in headings(exercises) if t.startswith(start))
    body = section(exercises, start)
    minutes, knows = MINUTES.search(body), KNOWS.search(body)
    if not minutes or not knows:
        raise Problem(f"exercise {number} says not how long it takes, or what its check knows")
    task = translate(KNOWS.sub("", MINUTES.sub("", body)), site, "course/exercises.md")
    solution = section(texts["course/solutions.md"], start)
    solution = "\n".join(solution.split("\n")[: next((n for n, _, _ in headings(solution)), None)])
    solved = div("solution", translate(solution, site, "course/solutions.md"), 25)
    notes = section(texts["course/teaching.md"], start)
    told = f"{' '.join(knows[1].split())}\n\n{translate(notes, site, 'course/teaching.md').strip()}"
    head = f"### {title} ({minutes[1]} minutes)"
    boxes = div("challenge", f"{head}\n\n{task.strip()}\n\n{solved}")
    return f"{boxes}\n\n{div('instructor', told, 80)}"


DOCUMENTS = ["mosaic.md", "course/cores.md", "course/exercises.md"]
DOCUMENTS += ["course/solutions.md", "course/teaching.md"]


def episode(texts: dict[str, str], site: str = "") -> str:
    """The episode, from the texts of DOCUMENTS."""
    minutes = ways(texts["course/exercises.md"])
    framed = [int(number) for number in re.findall(r"^\{exercise (\d+)\}$", FRAME, re.M)]
    if framed != list(minutes):
        raise Problem(f"90 minutes are exercises {list(minutes)}, but the frame has {framed}")
    head = ["---", f"title: '{TITLE}'", f"teaching: {TEACHING}"]
    head += [f"exercises: {sum(minutes.values())}", "---"]
    body = re.sub(r"^\{(.*)\}$", lambda line: filled(line[1], texts, site), FRAME, flags=re.M)
    boxes = [div("questions", QUESTIONS), div("objectives", OBJECTIVES)]
    return "\n\n".join(["\n".join(head), *boxes, body.strip(), div("keypoints", KEYPOINTS)]) + "\n"


def filled(line: str, texts: dict[str, str], site: str) -> str:
    """What takes the place of a line of the frame in braces."""
    if line == "beforehand":
        before = section(texts["course/teaching.md"], "What learners do beforehand")
        text = translate(before, site, "course/teaching.md")
        return div("prereq", f"### Before you begin\n\n{text.strip()}")
    if line.startswith("exercise "):
        return challenge(int(line.split()[1]), texts, site)
    document, place = line.split(": ", 1)
    title, count = place.rsplit(", ", 1)
    return translate(pieces(section(texts[document], title), int(count)), site, document)


def div_faults(text: str) -> Iterator[str]:
    """Boxes with unknown names, boxes that are not closed, and those that are missing."""
    stack, seen, inside = [], [], False
    for number, line in enumerate(text.split("\n"), 1):
        inside ^= line.startswith("```")
        fence = None if inside else re.fullmatch(r":{3,}\s*([\w-]*)\s*:*", line)
        if fence and fence[1]:
            seen.append(fence[1])
            if fence[1] not in KNOWN:
                yield f"{number}: the Workbench knows no {fence[1]}"
            if fence[1] in ("solution", "hint") and "challenge" not in stack:
                yield f"{number}: a {fence[1]} belongs into a challenge"
            stack.append(fence[1])
        elif fence and not stack:
            yield f"{number}: nothing is open that could be closed"
        elif fence:
            stack.pop()
    yield from (f"the {name} is not closed" for name in stack)
    yield from (f"it has {seen.count(n)} of {n}" for n in REQUIRED if seen.count(n) != 1)


def head_faults(text: str) -> Iterator[str]:
    """A header without title or minutes, and headings of a wrong level or of one name."""
    head = re.match(r"---\n(.*?)\n---\n", text, re.S)
    keys = dict(line.split(": ", 1) for line in head[1].split("\n")) if head else {}
    yield from (f"the header has no {key}" for key in ("title", "teaching", "exercises") if key not in keys)
    before = 1
    titles: list[str] = []
    for number, level, title in headings(text):
        if level == 1 or level > before + 1:
            yield f"{number + 1}: the heading {title} has level {level} after {before}"
        if title in titles:
            yield f"{number + 1}: there are two headings {title}"
        titles.append(title)
        before = level


def link_faults(text: str, folder: Path) -> Iterator[str]:
    """Links that lead nowhere, and pictures that are missing or not described."""
    shown = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for image, words, target, rest in re.findall(r"(!?)\[([^]]*)\]\(([^)]*)\)(\{[^}]*\})?", shown):
        if image and not (folder / target).is_file():
            yield f"there is no picture {target}"
        if image and not re.search(r"alt='[^']+'", rest):
            yield f"the picture {target} has no description"
        if not image and not target.startswith("https://"):
            yield f"the link {words} leads to {target}"


def write(root: Path, folder: Path, site: str = "") -> list[str]:
    """Write the episode and its pictures into a folder; return what is wrong with it."""
    texts = {name: (root / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    text = episode(texts, site)
    (folder / "fig").mkdir(parents=True, exist_ok=True)
    for name in re.findall(r"!\[[^]]*\]\(fig/([^)]*)\)", text):
        if (root / "fig" / name).is_file():
            shutil.copy(root / "fig" / name, folder / "fig" / name)
    (folder / "photo-mosaic.md").write_text(text, encoding="utf-8", newline="\n")
    return [*head_faults(text), *div_faults(text), *link_faults(text, folder)]


def main(words: list[str], root: Path = Path(__file__).parents[1]) -> int:
    """Write the episode into the folder words[0], with links to the site words[1]."""
    folder = Path(words[0]) if words else root / "_build" / "episode"
    try:
        faults = write(root, folder, words[1] if len(words) > 1 else "")
    except (Problem, OSError) as error:
        faults = [str(error)]
    for fault in faults:
        print(f"episode: {fault}", file=sys.stderr)
    if not faults:
        print(f"{folder / 'photo-mosaic.md'}: copy it and fig into the episodes of a lesson")
    return 2 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
