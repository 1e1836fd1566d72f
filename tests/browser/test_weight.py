"""What the pages weigh on the wire, and what they wait for: a phone on the road should do."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from book_site import page_names
from bs4 import BeautifulSoup
from hosting import packed

MEGABYTE, KILOBYTE = 1_000_000, 1_000
each_page = pytest.mark.parametrize("page_name", [*page_names(), "search"], scope="module")


def weight(book: Path, addresses) -> int:
    """Return how many bytes go over the wire for some addresses of the site."""
    parts = {urlsplit(address).path.lstrip("/") for address in addresses}
    return sum(len(packed(book / part)) for part in parts if (book / part).is_file())


def late(page) -> set[str]:
    """Return the addresses of the pictures that come only when they are near."""
    return set(
        page.evaluate("[...document.querySelectorAll('img[loading=lazy]')].map((i) => i.src)")
    )


@each_page
def test_a_page_is_light(wide, book):
    pictures = late(wide.page)
    first = set(wide.asked) - pictures
    assert len(first) <= 20
    assert weight(book, first) <= 450 * KILOBYTE
    assert weight(book, first | pictures) <= 700 * KILOBYTE


@each_page
def test_the_first_paint_waits_for_one_style_sheet_and_no_script(book, page_name):
    head = BeautifulSoup((book / f"{page_name}.html").read_text("utf8"), "html.parser").head
    scripts = [s["src"] for s in head.select("script[src]:not([defer], [async], [type=module])")]
    sheets = [
        link["href"].partition("?")[0]
        for link in head.select("link[rel=stylesheet]:not([media=print])")
    ]
    assert scripts == []
    assert [Path(sheet).name for sheet in sheets] == ["page.css"]


def test_the_site_is_small_and_holds_no_source_maps(book):
    files = [path for path in book.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12 * MEGABYTE
    assert [path.name for path in files if path.suffix in {".map", ".ttf"}] == []


def test_what_is_downloaded_runs_and_has_no_pictures(book):
    notebooks = list((book / "_sources").rglob("*.ipynb"))
    assert len(notebooks) > 20
    assert not [path for path in notebooks if '"image/png"' in path.read_text("utf8")]
