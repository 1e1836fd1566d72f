"""The matrix: cells are walked, broken and masked, by mouse, keys and finger."""

import pytest
from touch_examples import EXAMPLES
from touch_page import said, shown


@pytest.fixture(params=["matrix"])
def page(request, visitor, tmp_path):
    return shown(visitor, tmp_path / "page.html", EXAMPLES[request.param]())


def cell(page, row: int, column: int):
    return page.locator("tbody").first.locator("tr").nth(row).locator("td.cell").nth(column)


def beside(page) -> str:
    return page.locator(".sum").inner_text()


def test_untouched_it_shows_the_whole_sum_behind_one_number(page):
    text = beside(page)
    assert "bank asks, boat is asked" in text
    assert "= 6.00" in text and "divided by 2.00: 3.00" in text
    assert "e^3.0 / (e^3.0 + e^1.0 + e^−1.0 + e^1.0) = 0.78" in text


def test_arrow_keys_walk_and_say_the_cell(page):
    cell(page, 3, 0).press("ArrowRight")
    assert "bank asks, by is asked" in beside(page)
    assert said(page) == "bank gives by 0.10."
    assert cell(page, 3, 1).evaluate("cell => cell.matches(':focus')")
    cell(page, 3, 1).press("ArrowDown")  # there is no further row
    assert "bank asks, by is asked" in beside(page)


def test_the_mouse_previews_and_a_click_pins(page):
    cell(page, 1, 1).hover()
    assert "by asks, by is asked" in beside(page)
    page.mouse.move(0, 0)
    assert "bank asks, boat is asked" in beside(page)
    cell(page, 1, 1).click()
    page.mouse.move(0, 0)
    assert "by asks, by is asked" in beside(page)


def test_a_hidden_cell_is_opened_by_key_and_by_button(page):
    assert cell(page, 0, 3).get_attribute("aria-label") == "0.00, hidden"
    cell(page, 0, 3).click()
    page.get_by_role("button", name="Let it look").click()
    assert cell(page, 0, 3).get_attribute("aria-label") is None
    assert said(page).startswith("May look.")
    cell(page, 0, 3).press(" ")
    assert cell(page, 0, 3).get_attribute("aria-label") == "0.00, hidden"


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("no √d", "The scores are not divided by √d_k. Row sums 1.00;"),
        ("wrong axis", "Row sums from 0."),
        ("mask as 0", "of the weight lies where nobody may look."),
        ("mask after softmax", "Row sums from 0."),
    ],
)
def test_each_mistake_says_what_the_checker_says_and_what_it_does(page, label, says):
    before = page.locator(".told").inner_text()
    assert "off by up to 0.00; 0.00 of the weight" in before
    page.get_by_role("radio", name=label).check(force=True)
    now = page.locator(".told").inner_text()
    assert says in now
    assert "off by up to 0.00" not in now
    page.get_by_role("radio", name="nothing").check(force=True)
    assert page.locator(".told").inner_text() == before


def test_the_mask_is_a_step_of_its_own_and_says_where_it_fails(page):
    page.get_by_role("radio", name="mask as 0").check(force=True)
    cell(page, 1, 2).click()
    assert "divided by 2.00: −1.00, and with the mask 0.00, which should be hidden" in beside(page)
    page.get_by_role("radio", name="mask transposed").check(force=True)
    cell(page, 3, 0).click()
    assert "divided by 2.00: 3.00, hidden by mistake" in beside(page)


@pytest.mark.parametrize("page", ["large_matrix"], indirect=True)
def test_a_head_that_is_off_puts_the_output_off(page):
    assert "off by up to 0.00" in page.locator(".told").inner_text()
    page.get_by_role("checkbox", name="switch it off").check()
    assert "off by up to 0.00" not in page.locator(".told").inner_text()


@pytest.mark.parametrize("page", ["large_matrix"], indirect=True)
def test_a_large_table_is_painted_and_told(page):
    canvas = page.locator("canvas")
    painted = canvas.evaluate(
        "c => new Set(c.getContext('2d').getImageData(0, 0, 384, 384).data).size"
    )
    assert painted > 20
    canvas.press("ArrowDown")
    assert "word 1 asks, word 0 is asked" in beside(page)
    assert "word 1 looks most at" in canvas.get_attribute("aria-label")
    canvas.click(position={"x": canvas.bounding_box()["width"] - 4, "y": 4})
    assert "word 0 asks, word 19 is asked" in beside(page)


@pytest.mark.parametrize("page", ["large_matrix"], indirect=True)
def test_a_head_is_switched_off_and_on(page):
    page.get_by_role("radio", name="2").check(force=True)
    takes = page.locator(".takes tbody tr")
    before = takes.all_inner_texts()
    page.get_by_role("checkbox").check()
    off = takes.all_inner_texts()
    assert off[:8] == before[:8] and all("\t0.00\t" in row for row in off[8:])
    page.get_by_role("checkbox").uncheck()
    assert takes.all_inner_texts() == before
