"""Open the built book in a Chromium: what the browser tests and the screenshots share.

python tools/browser.py     # says which Chromium it would take, or how to get one
"""

import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
# The first is the same without windows, and opens a page in a third of the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
NAMES += ("google-chrome", "google-chrome-stable")
HOW_TO_GET_ONE = (
    "No Chromium was found, so no page was opened in a browser.\n"
    "Install one (Debian and Ubuntu: sudo apt-get install chromium), "
    "or name one: CHROMIUM=/path/to/chromium make test"
)
# Pictures that come only when they are near.
PICTURES = """() => Promise.all([...document.images].map((image) => {
  image.loading = 'eager';
  return image.decode().catch(() => {});
})).then(() => true)"""


class NoChromiumError(RuntimeError):
    """No Chromium can be started; the message says how to get one."""


def find_chromium() -> str:
    """Return the path of the Chromium that `CHROMIUM` names, or of the first one installed.

    Raises:
        NoChromiumError: If there is none, or `CHROMIUM` names something that cannot be run.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise NoChromiumError(f"CHROMIUM: got {named!r}, want a program that can be run.")
        return found
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise NoChromiumError(HOW_TO_GET_ONE)


@contextmanager
def chromium() -> Iterator:
    """Start a Chromium without a window; yield Playwright's `Browser`."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that root in a container lacks, and the pages are ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line on the terminal for each."""

    def log_message(self, format: str, *args) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """Serve many requests at once, and be silent when a browser hangs up."""

    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(folder: Path = BUILT) -> Iterator[str]:
    """Serve a folder on this machine alone; yield its address, without a slash at the end."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


if __name__ == "__main__":
    try:
        print(find_chromium())
    except NoChromiumError as error:
        raise SystemExit(str(error)) from None
