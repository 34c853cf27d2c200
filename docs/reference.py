"""Reference: a page about each module, written from its signatures and docstrings.

The programs are read, not imported, so that signatures look as in the chapters, and each
function has a link to the block that explains it. `weave.py` asks for the pages.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent

from tangle import Line, whole

CODE = re.compile(r"(`+)(.+?)\1")
SPECIAL = re.compile(r"([\\*|`]|_(?!\w)|(?<!\w)_)")
EXPLAINED = re.compile(r"; explained in [\w/]+\.md(?=\.)")  # a link says so
FOLDER = "api"


def pages(
    made: Mapping[str, list[Line]], names: Mapping[tuple[str, int], str]
) -> dict[str, str]:
    """Write the page of every module that the documents tangle into, by its path.

    `names` gives the link to a block by its document and the line of its fence.
    """
    chosen = [p for p in map(Path, made) if p.suffix == ".py" and is_public(p)]
    order = sorted(chosen, key=lambda path: (len(path.parts), path))
    return {
        f"{FOLDER}/{module(path)}.rst": page(module(path), made[path.as_posix()], names)
        for path in order
    }


def is_public(path: Path) -> bool:
    """Whether a program is a module that others import.

    >>> is_public(Path("smalti/grid.py")), is_public(Path("fig/figures.py"))
    (True, False)
    """
    return path == Path("mosaic.py") or (path.parts[0] == "smalti" and path.stem[0] != "_")


def module(path: Path) -> str:
    """The name by which a module is imported.

    >>> module(Path("smalti/ground/files.py"))
    'smalti.ground.files'
    """
    return ".".join(path.with_suffix("").parts)


def page(name: str, lines: list[Line], names: Mapping[tuple[str, int], str]) -> str:
    """Write the page of one module: its docstring, then its functions and classes in order."""
    tree = ast.parse(whole(lines))
    home = next(line.document for line in lines if line.document)
    text = [
        name,
        "=" * len(name),
        "",
        *markup(EXPLAINED.sub("", ast.get_docstring(tree) or "")),
        "",
    ]
    text += [
        f"Explained in :doc:`/{home.removesuffix('.md')}`.",
        "",
        f".. py:currentmodule:: {name}",
    ]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
            line = lines[
                min([node, *node.decorator_list], key=lambda n: n.lineno).lineno - 1
            ]
            link = names.get((line.document, line.block), "")
            text += ["", *entry(node, "function", link)]
    return "\n".join(text) + "\n"


def entry(node: ast.stmt, kind: str, link: str = "") -> Iterator[str]:
    """Describe a function, a class with its fields and methods, or a field."""
    inner: list[str] = []
    if isinstance(node, ast.FunctionDef):
        decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
        kind = (
            "property" if decorators & {"property", "functools.cached_property"} else kind
        )
        returns = ast.unparse(node.returns) if node.returns else "None"
        yield f".. py:{kind}:: {node.name}" + (
            "" if kind == "property" else f"({arguments(node)}) -> {returns}"
        )
        if kind == "property":
            yield f"   :type: {returns}"
        inner = markup(ast.get_docstring(node))
    elif isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        kind = "exception" if bases.endswith(("Error", "Exception")) else "class"
        yield f".. py:{kind}:: {node.name}" + (f"({bases})" if bases else "")
        inner = markup(ast.get_docstring(node))
        for child in node.body:
            if shown_name(child)[0] != "_":
                inner += ["", *entry(child, "method")]
    elif isinstance(node, ast.AnnAssign):
        kind, words = field_type(node.annotation)
        yield f".. py:attribute:: {shown_name(node)}"
        yield f"   :type: {kind}"
        yield "   :no-contents-entry:"
        if node.value:
            yield f"   :value: {ast.unparse(node.value)}"
        inner = markup(words)
    yield ""
    yield from (indent(line, "   ") for line in inner)
    if link:
        yield from (
            "",
            "   .. raw:: html",
            "",
            f'      <p class="source">Source: {link}</p>',
        )


def arguments(node: ast.FunctionDef) -> str:
    """The parameters of a function as they stand in its program, but for `self`.

    >>> arguments(ast.parse("def f(self, a: int = 1, *, b: str): ...").body[0])
    'a: int=1, *, b: str'
    """
    return re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))


def field_type(annotation: ast.expr) -> tuple[str, str]:
    """The type of a field, and the words that go with it in `Annotated[type, words]`."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith(
        "Annotated"
    ):
        assert isinstance(annotation.slice, ast.Tuple)
        kind, *notes = annotation.slice.elts
        words = [
            n.value
            for n in notes
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ]
        return ast.unparse(kind), " ".join(words)
    return ast.unparse(annotation), ""


def shown_name(node: ast.stmt) -> str:
    """The name of what a class holds; "_" for what is not shown."""
    if isinstance(node, ast.FunctionDef):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return "_"


def markup(words: str | None) -> list[str]:
    """Turn a docstring into reStructuredText, in which nothing happens by accident.

    >>> markup("The `a` of *b*.\\n\\n>>> 1 * 2\\n2")
    ['The ``a`` of \\\\*b\\\\*.', '', '>>> 1 * 2', '2', '']
    """
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", words or ""):
        if paragraph.startswith(">>> "):
            lines += [*paragraph.split("\n"), ""]
        elif paragraph.startswith(" "):
            lines += ["::", "", *indent(paragraph, "   ").split("\n"), ""]
        elif paragraph.startswith("- "):
            lines += [*map(escape, paragraph.split("\n")), ""]
        elif paragraph:
            lines += [escape(" ".join(paragraph.split())), ""]
    return lines


def escape(text: str) -> str:
    """Escape a line of text; what stands in backticks is code.

    >>> escape("a_ * `b*` |c|")
    'a\\\\_ \\\\* ``b*`` \\\\|c\\\\|'
    """
    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [SPECIAL.sub(r"\\\1", text[end : code.start()]), f"``{code[2]}``"]
        end = code.end()
    return "".join([*parts, SPECIAL.sub(r"\\\1", text[end:])])
