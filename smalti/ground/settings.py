# Made from smalti/ground/settings.md by make tangle; edit that.
"""Settings in typed dataclasses, from a file or a command line; explained in settings.md."""

import argparse
import dataclasses
import difflib
import inspect
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import toml
from msgspec import Meta

from smalti.ground.errors import MosaicError

Whole = Annotated[int, Meta(ge=0, le=10**9)]
Count = Annotated[int, Meta(ge=1, le=10**9)]
Share = Annotated[float, Meta(ge=0, le=1)]
Amount = Annotated[float, Meta(ge=0, le=1e9)]
Side = Annotated[int, Meta(ge=1, le=30_000)]
Size = tuple[Side, Side]
Length = Annotated[int, Meta(ge=0, le=30_000)]
Pair = tuple[Length, Length]  # as a size, but 0 0 may mean that the program chooses


def stages(table: type) -> Iterator[type]:
    """The classes with fields of their own that a dataclass is composed of, itself first."""
    for one in table.__mro__:
        if dataclasses.is_dataclass(one) and inspect.get_annotations(one):
            yield one


def own_fields(stage: type) -> list[str]:
    """The names of the fields that a dataclass has beyond its bases."""
    return list(inspect.get_annotations(stage))


def help_of(kind: object) -> str:
    """The line of help among the annotations of a type."""
    notes = getattr(kind, "__metadata__", ())
    return next((note for note in notes if type(note) is str), "")


NUMBERS: dict[type, str] = {int: "whole number", float: "number"}


def expected(kind: object) -> str:
    """What a value of a type must be, in words.

    >>> expected(Size), expected(Share)
    ('two whole numbers, each from 1 to 30000', 'a number from 0 to 1')
    """
    plain, bounds = take_apart(kind)
    if get_origin(plain) is Literal:
        return " or ".join(map(str, get_args(plain)))
    if get_origin(plain) is tuple:
        part, *others = get_args(plain)
        if Ellipsis in others:
            return "a list of " + ("words" if part is str else expected(part))
        one, limits = take_apart(part)
        count = {2: "two", 3: "three"}[1 + len(others)]
        return f"{count} {NUMBERS[one]}s" + (f", each {limits}" if limits else "")
    if plain in NUMBERS:
        return f"a {NUMBERS[plain]} {bounds}".rstrip()
    return "true or false" if plain is bool else "text"


def take_apart(kind: object) -> tuple[type, str]:
    """A type without its annotations, and its bounds in words."""
    bounds = ""
    for note in getattr(kind, "__metadata__", ()):
        if isinstance(note, Meta) and note.le is not None and note.ge is not None:
            far = note.le >= 10**9
            bounds = f"at least {note.ge}" if far else f"from {note.ge} to {note.le}"
    plain: type = get_args(kind)[0] if hasattr(kind, "__metadata__") else kind  # type: ignore[assignment]
    return plain, bounds


def check_value(name: str, value: object, kind: object, lax: bool = False) -> object:
    """Return a value as its type wants it; raises MosaicError with what would be right."""
    several = get_args(take_apart(kind)[0])[1:] == (Ellipsis,)
    try:
        return msgspec.convert([value] if several and isinstance(value, str) else value, kind, strict=not lax)
    except (msgspec.ValidationError, ArithmeticError, ValueError):
        shown = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
        raise MosaicError(f"{name} = {shown}: it must be {expected(kind)}") from None


Table = TypeVar("Table")
Given = Mapping[str, object]  # values of fields, by their names


def make_settings(table: type[Table], values: Given, lax: bool = False) -> Table:
    """Make settings of the values of some fields, each checked; raises MosaicError."""
    kinds = get_type_hints(table, include_extras=True)
    for name in values:
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(kinds)}"
            raise MosaicError(f"there is no setting {name!r}; {hint}")
    return table(**{name: check_value(name, value, kinds[name], lax) for name, value in values.items()})


def section(stage: type) -> str:
    """The table of a file in which the settings of a stage stand; empty for the top."""
    package, _, name = stage.__module__.rpartition(".")
    return name if package else ""


def load_settings(
    table: type[Table], path: str, changes: Given | None = None
) -> Table:
    """Read settings from a TOML file; `changes`, without sections, win. Raises MosaicError."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (toml takes a file)
            found = toml.load(file)
    except (OSError, ValueError, TypeError, LookupError) as error:  # toml raises them all
        raise MosaicError(f"cannot read the settings in {path}: {error}") from error
    return make_settings(table, {**flatten(table, found, path), **(changes or {})})


def flatten(table: type, found: Mapping[str, object], path: str) -> dict[str, object]:
    """The keys of all sections of a file, each seen to stand in its own section."""
    home = {name: section(stage) for stage in stages(table) for name in own_fields(stage)}
    flat: dict[str, object] = {}
    for word, value in found.items():
        if not isinstance(value, Mapping):
            flat |= in_place(home, "", word, value, path)
        elif word in home.values():
            for name, one in value.items():
                flat |= in_place(home, word, name, one, path)
        elif any(home.values()):
            known = ", ".join(f"[{name}]" for name in dict.fromkeys(home.values()) if name)
            raise MosaicError(f"{path}: there is no section [{word}]; there are {known}")
    return flat


def in_place(
    home: Mapping[str, str], here: str, name: str, value: object, path: str
) -> dict[str, object]:
    """One key and its value, if the key belongs in this section; raises MosaicError."""
    if (there := home.get(name, here)) != here:
        place = f"below [{there}]" if there else "on top, above all sections"
        raise MosaicError(f"{path}: {name} has moved; write it {place}")
    return {name: value}


class Flag(bytes):
    """A short name for an option, as b"-o", that must be given."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read what is known; what is not known is a mistake, with a guess."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self.describe_unknown(unknown[0].partition("=")[0]))
        return found, unknown

    def describe_unknown(self, word: str) -> str:
        """What is wrong with a word that nobody wants."""
        if not word.startswith("-"):
            return f"{word} is one word too many"
        near = difflib.get_close_matches(word, self._option_string_actions, 1)
        return f"there is no option {word}" + (f"; did you mean {near[0]}?" if near else "")

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where to find help; exit with status 2."""
        message = message.replace("expected 2 arguments", "needs two numbers, as in 60x40 or 60 40")
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def add_options(parser: Parser, table: type) -> None:
    """Add an argument for each field of a dataclass, those with a default as options."""
    kinds = get_type_hints(table, include_extras=True)
    fields = {field.name: field.default for field in dataclasses.fields(table)}
    for title, names in option_groups(table).items():
        group = parser.add_argument_group(title) if title else parser
        for name in names:
            about, option = shape_of(kinds[name]), "--" + name.replace("_", "-")
            flags = [note.decode() for note in kinds[name].__metadata__ if type(note) is Flag]
            if flags:
                parser.add_argument(*flags, option, required=True, **about)
            elif fields[name] is dataclasses.MISSING:
                parser.add_argument(name, metavar=name.upper(), **about)
            else:
                about["help"] += say_default(table, name, fields[name])
                group.add_argument(option, **about)


def option_groups(table: type) -> dict[str, list[str]]:
    """The titles of the groups of a class, each with the names of its fields."""
    names = {field.name for field in dataclasses.fields(table)}
    found: dict[str, list[str]] = {"": [name for name in own_fields(table) if name in names]}
    given: Mapping[str, str] = getattr(table, "GROUPS", {})
    found |= {title: fields.split() for title, fields in given.items()}
    listed = {name for fields in given.values() for name in fields.split()}
    for stage in stages(table):
        title = list(found)[-1] if given else str(stage.__doc__).split("\n")[0].rstrip(".")
        fresh = [name for name in own_fields(stage) if name in names - listed - {*found[""]}]
        found.setdefault(title, []).extend(fresh)
        listed |= set(fresh)
    return {title: [name for name in names if title or name not in listed] for title, names in found.items()}


def say_default(table: type, name: str, default: object) -> str:
    """The end of the help of an option: its default."""
    words = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    known = words.strip("0. ") and words != "False" and name not in getattr(table, "DEPENDS", ())
    return f" (default: {words})" if known else ""


def short_usage(parser: argparse.ArgumentParser) -> str:
    """The words that a command needs, and that there are options."""
    needed = []
    for action in parser._actions:
        more = " ..." if action.nargs == "+" else ""
        if not action.option_strings:
            needed.append(f"{action.metavar}{more}")
        elif action.required:
            needed.append(f"{action.option_strings[0]} {action.dest.upper()}")
    return f"{parser.prog} {' '.join([*needed, '[options]'])}"


def shape_of(kind: object) -> dict[str, Any]:  # Any: argparse's arguments are of all types
    """How argparse has to read a field of this type: help, and the number of words."""
    plain, several = take_apart(kind)[0], get_args(take_apart(kind)[0])
    about: dict[str, object] = {"help": help_of(kind)}
    if plain is bool:
        about["action"] = argparse.BooleanOptionalAction
    elif several[1:] == (Ellipsis,):
        about |= {"nargs": "+", "action": "extend"}
    elif get_origin(plain) is tuple:
        sides = len(several) == 2 and several[0] is not int  # which have bounds
        about |= {"nargs": len(several), "metavar": ("W", "H") if sides else None}
    elif get_origin(plain) is Literal:
        about["choices"] = several
    return about


def split_sizes(words: Sequence[str], table: type) -> list[str]:
    """The words of a command line, with `--size 40x30` and `--size=40x30` as `--size 40 30`."""
    kinds = get_type_hints(table, include_extras=True)
    pairs = {"--" + name.replace("_", "-") for name in kinds if shape_of(kinds[name]).get("nargs") == 2}
    found: list[str] = []
    for word in words:
        option, _, size = word.partition("=")
        if size and option in pairs:
            found, word = [*found, option], size
        pair = re.fullmatch(r"(\d+)x(\d+)", word)
        found += pair.groups() if pair and found and found[-1] in pairs else [word]
    return found


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def changed(settings: object, *tables: type) -> dict[str, object]:
    """The settings of some stages that are not as by default, by name."""
    every = [(table, name) for table in tables for stage in stages(table) for name in own_fields(stage)]
    both = {name: (getattr(settings, name), getattr(table, name)) for table, name in every}
    return {name: value for name, (value, default) in both.items() if value != default}


def options(settings: object, *tables: type) -> str:
    """The settings of some stages that are not as by default, as options quoted for a shell."""
    words: list[str] = []
    for name, value in changed(settings, *tables).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, tuple):
            words += [f"--{option}", *map(str, value)]
        else:
            words.append(f"--{option}={value}")
    return shlex.join(words)
