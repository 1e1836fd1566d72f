"""What the front page offers: nothing, one file or both, each once it is there."""

import pytest
from downloads import FRONT, PDF, PLACE, ZIP, offer
from offline import packed


@pytest.fixture
def html(tmp_path):
    """A folder of built pages."""
    (tmp_path / "html" / "book").mkdir(parents=True)
    for name in FRONT:
        (tmp_path / "html" / name).write_text(f"<p>a</p>\n{PLACE}\n<p>b</p>\n")
    return tmp_path / "html"


def made(html, name: str):
    """Make one of the files, and offer it."""
    file = html.with_name(name)
    file.write_bytes(b"x" * 2_400_000)
    offer(file, html)
    texts = {name: (html / name).read_text() for name in FRONT}
    assert texts["index.html"].replace('href="', 'href="../') == texts["book/index.html"]
    return texts["book/index.html"]


def test_each_file_is_offered_once_it_is_there(html):
    first = made(html, ZIP)
    assert f'href="../{ZIP}"' in first and "(2 MB)" in first and PDF not in first
    both = made(html, PDF)
    assert both.count(f'href="../{ZIP}"') == both.count(f'href="../{PDF}"') == 1
    assert made(html, PDF) == both
    assert (html / PDF).exists() and (html / ZIP).exists()


def test_a_page_without_the_place_is_refused(html):
    front = html / "book" / "index.html"
    front.write_text("<p>a</p>")
    with pytest.raises(ValueError, match="wanted the comment <!-- downloads -->"):
        made(html, PDF)
    assert not (html / PDF).exists()


def test_the_offer_does_not_make_the_page_younger(html):
    """Or tools/build.sh would build everything again."""
    front = html / "book" / "index.html"
    before = front.stat().st_mtime_ns
    made(html, PDF)
    assert front.stat().st_mtime_ns == before


def test_what_is_packed_offers_nothing(html):
    plain = (html / "book" / "index.html").read_bytes()
    made(html, PDF)
    made(html, ZIP)
    assert packed(html) == dict.fromkeys(FRONT, plain)
