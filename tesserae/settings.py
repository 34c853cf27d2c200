# ~/~ begin <<tesserae/settings.md#tesserae/settings.py>>[init]
"""Settings from a file or the command line, checked; explained in settings.md."""

# ~/~ begin <<tesserae/settings.md#setting-imports>>[init]
import argparse
import dataclasses
import difflib
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

import toml
# ~/~ end

# ~/~ begin <<tesserae/settings.md#one-kind-of-error>>[init]
class MosaicError(Exception):
    """What is wrong with the input and how to mend it, in one line."""
# ~/~ end

# ~/~ begin <<tesserae/settings.md#describe-a-key>>[init]
def key(
    default: Any, doc: str, least: int = 0, most: int = 10**9, choices: Sequence[str] = ()
) -> Any:
    """A field of settings: its default, help, bounds and allowed words."""
    about = {"doc": doc, "least": least, "most": most, "choices": choices}
    return dataclasses.field(default=default, metadata=about)
# ~/~ end

# ~/~ begin <<tesserae/settings.md#check-a-value>>[init]
KINDS = {str: "text", int: "a whole number", tuple: "two whole numbers, as in [100, 80]"}


def check_setting(table: type, name: str, value: Any) -> Any:
    """Return the value of a key, or raise MosaicError and say what is wrong with it."""
    keys = {field.name: field for field in dataclasses.fields(table)}
    if name not in keys:
        near = difflib.get_close_matches(name, keys, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
        raise MosaicError(f"there is no setting {name!r}; {hint}")
    default, about = keys[name].default, keys[name].metadata
    value = tuple(value) if isinstance(value, list) else value
    parts = value if isinstance(value, tuple) else (value,)
    wanted = [type(part) for part in (default if isinstance(default, tuple) else (default,))]
    if [type(part) for part in parts] != wanted or type(value) is not type(default):
        raise MosaicError(f"{name} = {value!r}: it must be {KINDS[type(default)]}")
    for part in parts:
        if isinstance(part, int) and not about["least"] <= part <= about["most"]:
            raise MosaicError(
                f"{name} = {value!r}: it must be from {about['least']} to {about['most']}"
            )
    if about["choices"] and value not in about["choices"]:
        raise MosaicError(f"{name} = {value!r}: choose {' or '.join(about['choices'])}")
    return value
# ~/~ end

# ~/~ begin <<tesserae/settings.md#read-a-file>>[init]
Table = TypeVar("Table")


def load_settings(
    table: type[Table], path: str, changes: dict[str, Any] | None = None
) -> Table:
    """Read settings from a TOML file; `changes` win over the file."""
    try:
        found = toml.load(path)
    except (OSError, toml.TomlDecodeError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise MosaicError(f"cannot read the settings in {path}: {reason}") from error
    return make_settings(table, found | (changes or {}))


def make_settings(table: type[Table], values: dict[str, Any]) -> Table:
    """Make settings of the values of some keys, each checked."""
    return table(**{name: check_setting(table, name, values[name]) for name in values})
# ~/~ end

# ~/~ begin <<tesserae/settings.md#make-options>>[init]
class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where to find help; exit with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def add_keys(parser: argparse.ArgumentParser, table: type, *names: str) -> None:
    """Add an option for each of these keys."""
    keys = {field.name: field for field in dataclasses.fields(table)}
    for name in names:
        default: Any = keys[name].default
        about = keys[name].metadata
        pair, words = isinstance(default, tuple), about["choices"]
        usual = " ".join(str(part) for part in default) if pair else default
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=int if pair else type(default),
            nargs=2 if pair else None,
            choices=words or None,
            metavar=("W", "H") if pair else None if words else name.split("_")[-1].upper(),
            help=f"{about['doc']} (usual: {usual})" if usual != "" else about["doc"],
        )
# ~/~ end
# ~/~ begin <<tesserae/settings.md#make-options>>[1]
def options(settings: Any, *names: str) -> str:
    """Settings as options for a command line, quoted for the shell."""
    words: list[str] = []
    for name in names:
        value = getattr(settings, name)
        parts = value if isinstance(value, tuple) else (value,)
        words += ["--" + name.replace("_", "-"), *[str(part) for part in parts]]
    return shlex.join(words)
# ~/~ end
# ~/~ end