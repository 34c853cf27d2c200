# Made from smalti/ground/errors.md by make tangle; edit that.
"""Errors that people can mend, and names that are safe to print; explained in errors.md."""


class MosaicError(Exception):
    """What is wrong with the input and how to mend it, in one line."""

    def __init__(self, problem: str) -> None:
        super().__init__(show(problem))


class Unreadable(MosaicError):
    """A photo that cannot be decoded, and why."""


class Stopped(BaseException):
    """The process was told to end."""


def show(text: str) -> str:
    """Text that is safe to print: line breaks and what is not text appear as escapes.

    >>> show("two\\nlines")
    'two\\\\nlines'
    """
    shown = [c if c.isprintable() else ascii(c)[1:-1] for c in text]
    return "".join(shown).replace("\\udc", "\\x")  # a byte that is not text
