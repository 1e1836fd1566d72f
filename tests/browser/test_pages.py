"""Every built page in a real browser: whole, readable on a phone, and asking nobody else.

The tests of one page share its visit, so each folds or unfolds what it needs to.
"""

import pytest
from book_site import page_names
from page_checks import fold, headings, images, overflow, raw_math, traces

each_chapter = pytest.mark.parametrize("page_name", page_names(), scope="module")
each_page = pytest.mark.parametrize("page_name", [*page_names(), "search"], scope="module")


@each_page
def test_page_is_whole(wide):
    fold(wide.page, closed=False)
    assert wide.faults == []
    assert raw_math(wide.page) == []
    assert images(wide.page) == []
    assert traces(wide.page) == []


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
    page = wide.page
    fold(page, closed=True)
    for folded in page.locator("article details").all():
        if folded.locator("xpath=ancestor::details").count():
            continue  # out of sight until the outer one is open
        summary, inside = folded.locator("> summary"), folded.locator("> :not(summary)").first
        assert not inside.is_visible(), f"not folded: {summary.inner_text()}"
        assert summary.get_attribute("aria-label") is None, "not called what is written on it"
        summary.click()
        assert inside.is_visible(), f"does not unfold: {summary.inner_text()}"
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
def test_page_opens_from_the_disk(visitor, book, page_name):
    visit = visitor.open((book / f"{page_name}.html").as_uri())
    assert visit.faults == []
    assert raw_math(visit.page) == []
    assert images(visit.page) == []


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
