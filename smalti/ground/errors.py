# ~/~ begin <<smalti/ground/errors.md#smalti/ground/errors.py>>[init]
"""Errors that people can mend, and names that are safe to print; explained in errors.md."""

# ~/~ begin <<smalti/ground/errors.md#one-family-of-errors>>[init]
class MosaicError(Exception):
    """What is wrong with the input and how to mend it, in one line."""

    def __init__(self, problem: str) -> None:
        super().__init__(show(problem))
# ~/~ end
# ~/~ begin <<smalti/ground/errors.md#one-family-of-errors>>[1]
class Unreadable(MosaicError):
    """A photo that cannot be decoded, and why."""
# ~/~ end

# ~/~ begin <<smalti/ground/errors.md#names-safe-to-print>>[init]
def show(text: str) -> str:
    """Text that is safe to print: line breaks and what is not text appear as escapes.

    >>> show("two\\nlines")
    'two\\\\nlines'
    """
    shown = [c if c.isprintable() else ascii(c)[1:-1] for c in text]
    return "".join(shown).replace("\\udc", "\\x")  # a byte that is not text
# ~/~ end
# ~/~ end