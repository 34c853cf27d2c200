# ~/~ begin <<smalti/ground/settings.md#smalti/ground/settings.py>>[init]
"""Settings from a file or the command line, checked; explained in settings.md."""

# ~/~ begin <<smalti/ground/settings.md#setting-imports>>[init]
import argparse
import dataclasses
import difflib
import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

import toml
# ~/~ end

# ~/~ begin <<smalti/ground/settings.md#one-kind-of-error>>[init]
class MosaicError(Exception):
    """What is wrong with the input and how to mend it, in one line."""

    def __init__(self, problem: str) -> None:
        super().__init__(show(problem))
# ~/~ end
# ~/~ begin <<smalti/ground/settings.md#one-kind-of-error>>[1]
def show(text: str) -> str:
    """Text that is safe to print: line breaks and what is not text appear as escapes.

    >>> show("two\\nlines")
    'two\\\\nlines'
    """
    shown = [c if c.isprintable() else ascii(c)[1:-1] for c in text]
    return "".join(shown).replace("\\udc", "\\x")  # a byte that is not text
# ~/~ end

# ~/~ begin <<smalti/ground/settings.md#describe-a-key>>[init]
def key(
    default: Any, doc: str, least: int = 0, most: int = 10**9, choices: Sequence[str] = ()
) -> Any:
    """A field of settings: its default, help, bounds and allowed words."""
    about = {"doc": doc, "least": least, "most": most, "choices": choices}
    return dataclasses.field(default=default, metadata=about)
# ~/~ end
# ~/~ begin <<smalti/ground/settings.md#describe-a-key>>[1]
def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
# ~/~ end

# ~/~ begin <<smalti/ground/settings.md#check-a-value>>[init]
def kind_of(default: Any) -> str:
    """What a value must be, in words.

    >>> kind_of((0, 0))
    'two whole numbers, as in [100, 80]'
    """
    if isinstance(default, tuple):
        if not kinds(default):
            return "a list of words"
        if kinds(default) == (int, int):
            return "two whole numbers, as in [100, 80]"
        return f"{len(default)} numbers, as in {list(default)}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return words[type(default)]


def kinds(default: tuple[Any, ...]) -> tuple[type, ...]:
    """The types of the parts of a tuple; none for words, of which there may be any number."""
    return tuple(type(part) for part in default if not isinstance(part, str))


def convert(value: Any, default: Any) -> Any:
    """A value as its default is: lists as tuples, whole numbers as decimal ones."""
    if isinstance(default, tuple):
        if isinstance(value, str) and not kinds(default):
            return (value,)
        if isinstance(value, list | tuple):
            return tuple(convert(one, default[0] if default else "") for one in value)
    return float(value) if isinstance(default, float) and type(value) is int else value


def is_kind(value: Any, default: Any) -> bool:
    """Whether a value is of the same type as a default; tuples part by part."""
    if not isinstance(default, tuple) or not isinstance(value, tuple):
        return type(value) is type(default)
    return tuple(map(type, value)) == (kinds(default) or (str,) * len(value))
# ~/~ end
# ~/~ begin <<smalti/ground/settings.md#check-a-value>>[1]
def check_setting(table: type, name: str, value: Any) -> Any:
    """Return the value of a key, or raise MosaicError and say what is wrong with it."""
    keys = {field.name: field for field in dataclasses.fields(table)}
    if name not in keys:
        near = difflib.get_close_matches(name, keys, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
        raise MosaicError(f"there is no setting {name!r}; {hint}")
    default, about = keys[name].default, keys[name].metadata
    value = convert(value, default)
    if not is_kind(value, default):
        raise MosaicError(f"{name} = {value!r}: it must be {kind_of(default)}")
    low, high = about["least"], about["most"]
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, int | float) and not low <= part <= high:
            raise MosaicError(f"{name} = {value!r}: it must be from {low} to {high}")
        if about["choices"] and part not in about["choices"]:
            raise MosaicError(f"{name} = {value!r}: choose {' or '.join(about['choices'])}")
    return value
# ~/~ end

# ~/~ begin <<smalti/ground/settings.md#read-a-file>>[init]
Table = TypeVar("Table")


def load_settings(
    table: type[Table], path: str, changes: dict[str, Any] | None = None
) -> Table:
    """Read settings from a TOML file; `changes` win over the file."""
    try:
        found = toml.load(path)
    except (OSError, ValueError, TypeError, LookupError) as error:  # toml raises them all
        raise MosaicError(f"cannot read the settings in {path}: {error}") from error
    return make_settings(table, found | (changes or {}))


def make_settings(table: type[Table], values: dict[str, Any]) -> Table:
    """Make settings of the values of some keys, each checked."""
    return table(**{name: check_setting(table, name, values[name]) for name in values})
# ~/~ end

# ~/~ begin <<smalti/ground/settings.md#make-options>>[init]
class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line."""

    pairs: frozenset[str] = frozenset()  # options that take two numbers

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where to find help; exit with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Take the words of a command line; `--size 40x30` is `--size 40 30`."""
        words: list[str] = []
        for word in sys.argv[1:] if args is None else args:
            option, _, size = word.partition("=")
            if size and option in self.pairs:
                words.append(option)
                word = size
            pair = re.fullmatch(r"(\d+)x(\d+)", word)
            words += pair.groups() if pair and words and words[-1] in self.pairs else [word]
        return super().parse_known_args(words, namespace)


def add_keys(parser: Parser, table: type, *names: str, **usual: Any) -> None:
    """Add an option for each of these keys; for some, another value is `usual` here."""
    keys = {field.name: field for field in dataclasses.fields(table)}
    for name in names:
        default: Any = keys[name].default
        about, shape = keys[name].metadata, option_shape(default, name)
        if about["choices"]:
            shape |= {"choices": about["choices"], "metavar": None}
        value = usual.get(name, default)
        words = " ".join(str(part) for part in value) if isinstance(value, tuple) else value
        doc = f"{about['doc']} (usual: {words})" if words not in ("", False) else about["doc"]
        option = "--" + name.replace("_", "-")
        if shape.get("nargs") == 2:
            parser.pairs |= {option}
        parser.add_argument(option, help=doc, default=usual.get(name), **shape)


def option_shape(default: Any, name: str) -> dict[str, Any]:
    """How an option for a key of this default is written."""
    if isinstance(default, bool):
        return {"action": argparse.BooleanOptionalAction}
    if isinstance(default, tuple):
        numbers = {"type": (*kinds(default), str)[0], "nargs": len(default)}
        pair = {"metavar": ("W", "H")} if kinds(default) == (int, int) else {}
        return numbers | pair if kinds(default) else {"nargs": "*", "action": "extend"}
    return {"type": type(default), "metavar": name.split("_")[-1].upper()}
# ~/~ end
# ~/~ begin <<smalti/ground/settings.md#make-options>>[1]
def options(settings: Any, *names: str) -> str:
    """Settings as options for a command line, quoted for the shell."""
    words: list[str] = []
    for name in names:
        value, option = getattr(settings, name), name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, tuple) and kinds(value):
            words += [f"--{option}", *map(str, value)]
        elif isinstance(value, tuple):
            words += [f"--{option}={word}" for word in value]
        else:
            words.append(f"--{option}={value}")  # safe for a value that begins with -
    return shlex.join(words)
# ~/~ end
# ~/~ end