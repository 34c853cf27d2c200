# Made from smalti/ground/photos.md by make tangle; edit that.
"""What the book stands on: errors, files, photos, collections, settings; nothing of mosaics."""
