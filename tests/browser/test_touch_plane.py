"""The plane: arrows are dragged or typed, and all that follows from them follows."""

import pytest
from touch_examples import EXAMPLES
from touch_page import said, shown, write

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page(visitor, tmp_path):
    return shown(visitor, tmp_path / "page.html", EXAMPLES["plane"]())


def row(page, name: str) -> list[str]:
    """q · k, angle and share of a key."""
    cells = page.locator("tbody tr", has_text=name).locator("td")
    return [text for text in cells.all_inner_texts() if text]


def field(page, label: str):
    return page.get_by_label(label, exact=True)


def test_untouched_the_numbers_are_there(page):
    assert row(page, "boat") == ["4.50", "13°", "0.91"]
    assert "It takes away 1.90 water and 0.14 money." in page.locator(".mixture").inner_text()


def test_a_typed_key_turns_the_shares(page):
    field(page, "key of boat, x").fill("-2")
    assert row(page, "boat")[0] == "−3.50"
    assert "bank looks most at the" in said(page)


def test_what_is_no_number_changes_nothing(page):
    before = row(page, "boat")
    field(page, "query of bank, x").fill("")
    assert row(page, "boat") == before


def test_numbers_end_where_the_plane_ends(page):
    field(page, "query of bank, x").fill("99")
    assert row(page, "boat")[0] == "6.50"  # as for 3
    field(page, "query of bank, y").focus()
    assert field(page, "query of bank, x").input_value() == "3"


def test_no_name_is_cut_off(page):
    field(page, "query of bank, x").fill("-3")
    for y in ("-3", "3"):
        field(page, "query of bank, y").fill(y)
        frame = page.locator(".field .frame").first.bounding_box()
        name = page.locator(".field .name", has_text="bank asks").bounding_box()
        for start, size in (("x", "width"), ("y", "height")):
            assert frame[start] <= name[start] <= frame[start] + frame[size] - name[size]


def test_the_table_fits_on_a_phone(visitor, tmp_path):
    html = EXAMPLES["plane"]().html(with_script=True)
    page = visitor.open(write(tmp_path / "page.html", html), viewport=PHONE).page
    wide, room = page.locator(".wide").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert wide <= room


def test_points_in_one_place_share_a_name(page):
    for axis in "xy":
        for name in ("boat", "the"):
            field(page, f"value of {name}, {axis}").fill("1")
    assert "boat, the" in page.locator(".field").nth(1).text_content()


def test_a_query_of_no_length_looks_at_all_alike(page):
    for axis in "xy":
        field(page, f"query of bank, {axis}").fill("0")
    assert "bank looks at all alike, 0.33." in said(page)


def test_a_value_moves_the_mixture_alone(page):
    shares = row(page, "boat")
    field(page, "value of boat, x").fill("0")
    assert row(page, "boat") == shares
    assert "It takes away 0.08 water" in page.locator(".mixture").inner_text()


def test_dragging_and_typing_come_to_the_same(page):
    grip = page.locator(".field").first.locator(".grip").nth(1).bounding_box()  # boat's key
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    width = page.locator(".field").first.bounding_box()["width"]
    page.mouse.move(x - 4 / 6 * width, y, steps=4)
    page.mouse.up()
    assert field(page, "key of boat, x").input_value() == "-2"
    assert row(page, "boat")[0] == "−3.50"
    page.get_by_role("button", name="Reset").click()
    assert field(page, "key of boat, x").input_value() == "2"
    assert said(page).startswith("As at the beginning.")


def test_a_broken_drag_puts_everything_back(page):
    grip = page.locator(".field").first.locator(".grip").nth(1)
    where = grip.bounding_box()
    page.mouse.move(where["x"] + 18, where["y"] + 18)
    page.mouse.down()
    page.mouse.move(where["x"] + 60, where["y"] + 60)
    grip.evaluate("node => node.dispatchEvent(new PointerEvent('pointercancel', {pointerId: 1}))")
    assert field(page, "key of boat, x").input_value() == "2"
    page.mouse.up()
