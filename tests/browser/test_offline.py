"""The packed pages open from the disk, and search there."""

import zipfile

import pytest
from downloads import FRONT, PDF, offer
from offline import pack
from page_checks import images


@pytest.fixture(scope="module")
def unpacked(book, tmp_path_factory):
    """The folder that a reader unpacks."""
    folder = tmp_path_factory.mktemp("offline")
    pack(book, folder / "laid-bare.zip")
    with zipfile.ZipFile(folder / "laid-bare.zip") as file:
        file.extractall(folder)
    return folder / "laid-bare"


def test_the_first_page_leads_to_figures_and_answers(visitor, unpacked):
    visit = visitor.open((unpacked / "index.html").as_uri())
    page = visit.page
    page.locator("nav.bd-links").get_by_role("link", name="How do scores become shares?").click()
    page.wait_for_url("**/book/05_softmax.html")
    assert images(page) == []
    page.goto((unpacked / "search.html").as_uri() + "?q=softmax")
    page.wait_for_selector("#search-results .context")
    assert visit.faults == []


def test_nothing_is_packed_that_nobody_reads(unpacked):
    assert not list(unpacked.rglob("*.map")) and not (unpacked / "objects.inv").exists()


def test_the_same_pages_make_the_same_file(book, unpacked, tmp_path):
    pack(book, tmp_path / "laid-bare.zip")
    assert (tmp_path / "laid-bare.zip").read_bytes() == (
        unpacked.parent / "laid-bare.zip"
    ).read_bytes()


def test_the_front_page_has_a_place_for_what_is_made_of_it(book, tmp_path):
    html = tmp_path / "html"
    (html / "book").mkdir(parents=True)
    for name in FRONT:
        (html / name).write_text((book / name).read_text("utf8"), "utf8")
    (tmp_path / PDF).write_bytes(b"%PDF")
    offer(tmp_path / PDF, html)
    for name, root in FRONT.items():
        assert f'<a href="{root}{PDF}">' in (html / name).read_text("utf8")
