"""The built book, a server that hands it out, and a Chromium that looks at it.

The book is built here from nothing, warnings as errors, so that what is looked at is never stale.
"""

import fcntl
import os
from pathlib import Path

import pytest
from book_site import ROOT, build
from browser import NoChromiumError, chromium, find_chromium, serve
from page_watch import Visitor

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
missing = []  # why there is no browser, if there is none


@pytest.fixture(scope="session")
def book(tmp_path_factory, worker_id) -> Path:
    """The folder of the built pages; one build for all processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    out = (base if worker_id == "master" else base.parent) / "book"
    with out.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = out / "done"
        if not done.exists():
            build(ROOT, out)
            done.touch()
    return out / "_build" / "html"


@pytest.fixture(scope="session")
def site(book) -> str:
    """The address of the built pages on this machine."""
    with serve(book) as address:
        yield address


@pytest.fixture(scope="session")
def chromium_browser():
    """A Chromium.  Without one the tests are skipped, but never where a browser is demanded."""
    try:
        find_chromium()
    except NoChromiumError as error:
        if os.environ.get("CI") == "true" or os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(str(error), pytrace=False)
        missing.append(str(error))
        pytest.skip(f"no browser: {error}")
    with chromium() as browser:
        yield browser


@pytest.fixture
def visitor(chromium_browser):
    """Open pages: `visitor.open(url, **options of the context)`, each with a watch kept on it."""
    with Visitor(chromium_browser) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def wide(chromium_browser, book, page_name):
    """The page named, from the disk, in a laptop's window, light or dark by turns."""
    scheme = ("light", "dark")[sum(map(ord, page_name)) % 2]
    with Visitor(chromium_browser) as visitor:
        address = (book / f"{page_name}.html").as_uri()
        yield visitor.open(address, viewport=WIDE, color_scheme=scheme)


@pytest.fixture(scope="module")
def phone(chromium_browser, site, page_name):
    """The page named, over http, in a phone's window.  The tests of a page share it."""
    with Visitor(chromium_browser) as visitor:
        yield visitor.open(f"{site}/{page_name}.html", viewport=PHONE, has_touch=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    """Say at the very end, below pytest's own summary, that no browser was found."""
    result = yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if missing and reporter is not None:
        reporter.write_line("")
        for line in missing[0].splitlines():
            reporter.write_line(line, yellow=True)
    return result
