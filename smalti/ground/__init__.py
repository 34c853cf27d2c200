# ~/~ begin <<smalti/ground/photos.md#smalti/ground/__init__.py>>[init]
"""What the book stands on, and what knows nothing of mosaics; each .py is made from a .md."""
# ~/~ end