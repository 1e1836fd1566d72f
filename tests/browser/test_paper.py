"""What goes on paper: the whole book in one PDF, and a page as a reader prints it."""

import pikepdf
import pytest
from book_site import ROOT, page_names
from browser import PICTURES
from one_page import Part, parts
from pdf import print_book
from test_html import soup

CHAPTER = "book/05_softmax"
SHEET = {"width": 665, "height": 1000}  # A4 within its margins, in px
A6 = {"width": 280, "height": 430}
BOOK = [Part(None, ["book/index"]), Part("Part I", [CHAPTER])]

# Prints, and returns what is not on the sheet or not seen there.
LOST = """() => {
  dispatchEvent(new Event('beforeprint')); // what fades in after this is not printed
  const width = document.documentElement.clientWidth, faults = [];
  const seen = { checkOpacity: true, checkVisibilityCSS: true, contentVisibilityAuto: true };
  const asked = 'h1, p, li, pre, td, th, img, math';
  for (const e of document.querySelectorAll('article :is(' + asked + ')')) {
    if (e.closest('annotation, .touch[ready], .hide > summary')) continue;
    const box = e.getBoundingClientRect(), name = e.outerHTML.slice(0, 100);
    if (!e.checkVisibility(seen)) faults.push('hidden: ' + name);
    else if (box.right > width + 1 || box.left < -1) faults.push('off the sheet: ' + name);
    else if (e.localName !== 'math' && e.clientWidth && e.scrollWidth > e.clientWidth + 1)
      faults.push('cut off: ' + name);
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def printed(book, chromium_browser, tmp_path_factory):
    """The front page and a chapter, printed as a book."""
    out = tmp_path_factory.mktemp("paper") / "book.pdf"
    print_book(chromium_browser, book, BOOK, out)
    with pikepdf.open(out) as pdf:
        yield pdf


@pytest.fixture(scope="module")
def on_paper(chromium_browser, site):
    """Open a page as it goes on paper, by a reader whose screen is dark."""
    with chromium_browser.new_context(color_scheme="dark", viewport=SHEET) as context:

        def open_page(name: str):
            page = context.new_page()
            page.goto(f"{site}/{name}.html", wait_until="load")
            page.emulate_media(media="print", color_scheme="dark")
            page.evaluate(PICTURES)
            return page

        yield open_page


@pytest.mark.parametrize("name", page_names())
def test_a_printed_page_is_whole(on_paper, name):
    page = on_paper(name)
    assert page.evaluate(LOST) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#jb-print-docs-body, header, .bd-sidebar-primary").first.is_visible()


def test_nor_does_a_small_sheet_lose_anything(on_paper):
    page = on_paper(CHAPTER)
    page.set_viewport_size(A6)
    assert page.evaluate(LOST) == []


def test_a_question_stays_and_what_is_to_be_clicked_goes(on_paper):
    page = on_paper(CHAPTER)
    page.evaluate(LOST)
    questions = page.locator("article details:not(.hide) > summary")
    assert questions.count() > 0 and all(question.is_visible() for question in questions.all())
    assert not page.locator("article details.hide > summary").first.is_visible()


def test_after_printing_the_page_is_as_it_was(on_paper):
    page = on_paper(CHAPTER)
    page.evaluate(LOST)
    assert page.locator("article details[open]").count() > 3
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("article details[open]").count() == 0


def test_the_book_is_tagged_and_says_its_language_and_title(printed):
    assert printed.Root.MarkInfo.Marked and printed.Root.StructTreeRoot.K
    assert printed.Root.Lang == "en-GB"
    assert printed.docinfo["/Title"] == "Attention, Laid Bare"
    assert printed.Root.PageMode == "/UseOutlines"


def test_bookmarks_lead_to_parts_chapters_and_sections(printed):
    with printed.open_outline() as outline:
        contents, introduction, part = outline.root
        assert (contents.title, introduction.title, part.title) == (
            "Contents",
            "Introduction",
            "Part I",
        )
        (chapter,) = part.children
        assert chapter.title == "5 · How do scores become shares?"
        sections = [section.title for section in chapter.children]
    assert sections[-1] == "Solutions"
    assert "Leaving someone out" in sections, "what moved to another sheet is not said twice"
    begins = printed.Root.Dests["/05_softmax"][0]
    assert chapter.destination[0].objgen == begins.objgen


def test_every_picture_is_printed_the_folded_ones_too(printed, book):
    wanted = [soup(book / f"{name}.html").select("article img") for name in ("book/index", CHAPTER)]
    drawn = {image.objgen for page in printed.pages for image in page.get_images().values()}
    assert len(drawn) == sum(map(len, wanted)) > 3


def test_the_book_is_every_page_under_its_part():
    book = parts(ROOT / "_toc.yml")
    assert [page for part in book for page in part.pages] == page_names()
    assert [part.title for part in book][:2] == [None, "Part I · One head, by hand"]
