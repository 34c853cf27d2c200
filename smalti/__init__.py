# ~/~ begin <<smalti/command.md#smalti/__init__.py>>[init]
"""Further chapters of the photo mosaic book; each .py here is made from a .md."""
# ~/~ end