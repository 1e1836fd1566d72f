"""Every built page in a real browser, from the disk and over http: whole, light, fit for a phone.

The tests of one page share its visit, so each folds or unfolds what it needs to.
"""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from book_site import page_names
from hosting import packed
from page_checks import barriers, fold, headings, images, overflow, raw_math, traces

KILOBYTE = 1_000

each_chapter = pytest.mark.parametrize("page_name", page_names(), scope="module")
each_page = pytest.mark.parametrize("page_name", [*page_names(), "search"], scope="module")


# One after the other: those within another are out of sight until that is open.
UNFOLD = """() => [...document.querySelectorAll('article details')].flatMap((folded) => {
  const [summary, inside] = folded.children, said = summary.innerText;
  const faults = inside.checkVisibility() ? ['not folded: ' + said] : [];
  if (summary.hasAttribute('aria-label')) faults.push('not called what is written on it: ' + said);
  if (getComputedStyle(summary).pointerEvents === 'none') faults.push('nobody can press: ' + said);
  summary.click();
  if (!inside.checkVisibility()) faults.push('does not unfold: ' + said);
  return faults;
})"""


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
def test_page_is_whole(wide):
    fold(wide.page, closed=False)
    assert wide.faults == []
    assert raw_math(wide.page) == []
    assert images(wide.page) == []
    assert traces(wide.page) == []


@each_page
def test_nothing_stands_in_anybodys_way(wide):
    fold(wide.page, closed=False)
    assert barriers(wide.page) == []


@each_chapter
def test_headings_are_in_order(wide):
    assert headings(wide.page) == []


@each_chapter
def test_every_code_cell_can_be_copied(wide):
    cells = wide.page.locator("article .cell_input")
    buttons = wide.page.locator("article .cell_input button.copybtn")
    assert buttons.count() == cells.count()


@each_chapter
def test_what_is_folded_unfolds(wide):
    fold(wide.page, closed=True)
    assert wide.page.evaluate(UNFOLD) == []
    assert wide.faults == []


@each_chapter
def test_folded_cells_say_what_they_show(wide):
    fold(wide.page, closed=True)
    prompts = {
        "predict": "Show what happens",
        "solution": "Show the solution",
        "hide-input": "Show the code",
    }
    for tag, words in prompts.items():
        for prompt in wide.page.locator(f"article .cell.tag_{tag} > details > summary").all():
            assert prompt.inner_text().strip() == words


@each_page
def test_a_page_is_light(phone, book):
    pictures = late(phone.page)
    first = set(phone.asked) - pictures
    assert len(first) <= 20
    assert weight(book, first) <= 450 * KILOBYTE
    assert weight(book, first | pictures) <= 700 * KILOBYTE


@each_page
def test_page_fits_a_phone(phone):
    for width in (320, 640, 390):  # a small one, and a laptop's window at twice the size
        phone.page.set_viewport_size({"width": width, "height": 844})
        for closed in (True, False):
            fold(phone.page, closed)
            assert overflow(phone.page) == [], width
    stretched = phone.page.locator("article img[height]").evaluate_all(
        """pictures => pictures.filter((i) => i.clientHeight > 0 && Math.abs(
          i.clientHeight / i.clientWidth - i.getAttribute('height') / i.getAttribute('width')
        ) > 0.05).map((i) => i.alt)"""
    )
    assert stretched == []
    assert phone.faults == []


@each_chapter
def test_wide_boxes_can_be_scrolled_with_the_keyboard(phone):
    fold(phone.page, closed=False)
    unreachable = phone.page.evaluate(
        """() => new Promise(requestAnimationFrame).then(() =>
          [...document.querySelectorAll('article *')]
            .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
              && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.tabIndex < 0)
            .map((e) => e.outerHTML.slice(0, 120)))"""
    )
    assert unreachable == []


@each_chapter
def test_code_of_80_columns_is_not_cut_off(wide):
    fold(wide.page, closed=False)
    cut = wide.page.evaluate(
        """() => [...document.querySelectorAll('article :is(.cell_input, .cell_output) pre')]
          .filter((box) => box.scrollWidth > box.clientWidth + 1)
          .map((box) => Math.max(...box.textContent.split('\\n').map((line) => line.length)))
          .filter((columns) => columns <= 80)"""
    )
    assert cut == []


@each_chapter
def test_no_name_in_a_table_is_broken(wide):
    fold(wide.page, closed=False)
    broken = wide.page.locator("article td code.literal .pre").evaluate_all(
        "names => names.filter((e) => e.getClientRects().length > 1).map((e) => e.textContent)"
    )
    assert broken == []
