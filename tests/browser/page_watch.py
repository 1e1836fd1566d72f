"""Open a page, refuse every other host, and note all that goes wrong."""

from contextlib import ExitStack
from urllib.parse import urlsplit

HARMLESS = {"data", "blob", "about"}  # they ask nobody


class Visit:
    """An open page and what went wrong on it.

    `faults` is a list of sentences.  A request to any place but the page's own host (for a file:
    any place but the disk) is refused and noted, loaded or not.  `asked` lists all that was asked.
    """

    def __init__(self, page, url: str):
        self.page = page
        self.faults, self.asked = [], []
        home = urlsplit(url)
        self.home = (home.scheme, home.netloc)
        page.context.route("**/*", self._guard)
        page.on("websocket", lambda socket: self.faults.append(f"asks another host: {socket.url}"))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error on the page: {error}"))
        page.goto(url, wait_until="load")
        page.evaluate("document.fonts.ready.then(() => true)")
        page.wait_for_timeout(100)  # news of a fault comes a little later than the fault

    def is_home(self, url: str) -> bool:
        """Tell whether an address is the page's own host."""
        parts = urlsplit(url)
        return parts.scheme in HARMLESS or (parts.scheme, parts.netloc) == self.home

    def _guard(self, route) -> None:
        if self.is_home(route.request.url):
            route.continue_()
        else:
            self.faults.append(f"asks another host: {route.request.url}")
            route.abort()

    def _failed(self, request) -> None:
        if self.is_home(request.url):  # of the others it is known already
            self.faults.append(f"request failed ({request.failure}): {request.url}")

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.faults.append(f"answered with {response.status}: {response.url}")

    def _said(self, message) -> None:
        if message.type == "error":
            self.faults.append(f"error in the console: {message.text}")


class Visitor:
    """Open pages in contexts of their own, and close them all in the end."""

    def __init__(self, browser):
        self.browser = browser
        self.stack = ExitStack()

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *error) -> None:
        self.stack.close()

    def open(self, url: str, **options) -> Visit:
        """Open an address; `options` are those of Playwright's `Browser.new_context`."""
        context = self.browser.new_context(reduced_motion="reduce", **options)
        self.stack.callback(context.close)
        return Visit(context.new_page(), url)
