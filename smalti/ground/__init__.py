# ~/~ begin <<smalti/ground/photos.md#smalti/ground/__init__.py>>[init]
"""What the book stands on: errors, files, photos, collections, settings; nothing of mosaics."""
# ~/~ end