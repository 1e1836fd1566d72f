"""The digit: drawn by mouse and by keys, read, covered, and read without heads."""

import pytest
from touch_examples import EXAMPLES
from touch_page import answer, said, shown

EMPTY = "Draw a digit, or take one."


@pytest.fixture
def page(visitor, tmp_path):
    return shown(visitor, tmp_path / "page.html", EXAMPLES["digit"]())


def test_untouched_it_reads_its_first_example(page):
    assert answer(page) == "It reads a 3, share 1.00."
    assert "an even look would be 0.06" in page.locator(".beside").nth(1).inner_text()


def test_all_examples_are_read(page):
    read = []
    for digit in range(10):
        page.get_by_role("button", name=f"Take the {digit}").click()
        read.append(answer(page)[len("It reads a ")])
    assert "".join(read) == "0123456789"
    assert said(page).startswith("It reads a 9")


def test_a_stroke_by_mouse_and_one_by_keys_are_ones(page):
    for draw in (by_mouse, by_keys):
        page.get_by_role("button", name="Clear").click()
        assert answer(page) == EMPTY
        draw(page)
        assert answer(page).startswith("It reads a 1"), draw.__name__


def test_a_cleared_pad_has_no_answer(page):
    page.get_by_role("button", name="Clear").click()
    page.locator(".square").nth(5).click()
    assert answer(page) == EMPTY
    assert said(page) == EMPTY
    assert "0.00" not in page.locator(".touch").evaluate("e => e.shadowRoot.textContent")


def by_mouse(page) -> None:
    box = page.locator(".pad").bounding_box()
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(x, box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()


def by_keys(page) -> None:
    pad = page.locator(".pad")
    for key in ["ArrowUp"] * 7 + [" "] + ["ArrowDown"] * 14 + [" "]:
        pad.press(key)


def test_a_covered_square_and_heads_switched_off_change_the_answer(page):
    before = answer(page)
    squares = page.locator(".square")
    for square in (5, 6, 9, 10):
        squares.nth(square).click()
    assert squares.nth(5).get_attribute("aria-pressed") == "true"
    assert "Uncovered and with all heads, a 3" in answer(page)
    for square in (5, 6, 9, 10):
        squares.nth(square).click()
    assert answer(page) == before
    page.locator("summary").click()
    for switch in page.get_by_role("checkbox").all():
        switch.uncheck()
    assert "Uncovered and with all heads, a 3" in answer(page)
    assert "Block 5, head 4 is off." in said(page)


def test_blocks_and_heads_are_looked_through(page):
    told = page.locator(".beside").nth(1)
    first = told.inner_text()
    page.get_by_role("radio", name="2").first.check(force=True)
    assert "Block 2, head 1" in told.inner_text() != first
    assert said(page).startswith("Block 2, head 1")
