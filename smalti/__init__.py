# Made from smalti/command.md by make tangle; edit that.
"""Further chapters of the photo mosaic book; each .py here is made from a .md."""
