"""What pages wait for, and what the site weighs; a page's own weight is in test_pages."""

from pathlib import Path

import pytest
from book_site import page_names
from bs4 import BeautifulSoup

MEGABYTE = 1_000_000
each_page = pytest.mark.parametrize("page_name", [*page_names(), "search"], scope="module")


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
