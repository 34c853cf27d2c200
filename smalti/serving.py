# Made from smalti/viewer.md by make tangle; edit that.
"""Serve one folder to this machine; explained in viewer.md."""

import functools
import http
import http.server
import io
import os
from pathlib import Path
from typing import BinaryIO


class OneFolder(http.server.SimpleHTTPRequestHandler):
    """Answers requests for the files of one folder, and for nothing else."""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Open the file that is asked for, unless it is outside, or for somebody else."""
        root, file = (os.path.realpath(path) for path in (self.directory, self.translate_path(self.path)))
        host = self.headers.get("Host", "").rpartition(":")[0]
        if not Path(file).is_relative_to(root) or host not in ("127.0.0.1", "localhost"):
            self.send_error(http.HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Do not tell what is in a folder."""
        self.send_error(http.HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Let the browser ask whether a file has changed, and not guess what it is."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *words: object) -> None:
        """Say nothing on the terminal."""


def make_server(folder: str | Path, port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of one folder at a port of this machine, a free one if it is 0."""
    handler = functools.partial(OneFolder, directory=os.fspath(folder))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
