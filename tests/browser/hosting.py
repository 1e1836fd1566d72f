"""The built pages as a host would send them: text compressed, connections kept."""

import gzip
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from browser import QuietHandler, Server

TEXT = {".css", ".html", ".js", ".json", ".svg", ".txt", ".xml"}


def packed(path: Path) -> bytes:
    """Return what goes over the wire for a file."""
    content = path.read_bytes()
    return gzip.compress(content, 6) if path.suffix in TEXT else content


class Host(QuietHandler):
    """Send files compressed, as hosts do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 - the standard library looks for it
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = packed(path)
        self.send_response(200)
        self.send_header("Content-Type", mimetypes.guess_type(path)[0] or "font/woff2")
        self.send_header("Content-Length", str(len(content)))
        if path.suffix in TEXT:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def host(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address, without a slash at the end."""
    with Server(("127.0.0.1", 0), partial(Host, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
