"""The sentence: one word changed turns a meaning round, and words can be moved in three ways."""

import pytest
from touch_examples import EXAMPLES
from touch_page import said, write


@pytest.fixture
def opened(visitor, tmp_path):
    """Open the sentence: `opened(has_touch=True)`."""

    def opened(**options):
        address = write(tmp_path / "sentence.html", EXAMPLES["sentence"]().html(with_script=True))
        return visitor.open(address, **options).page

    return opened


def words(page) -> str:
    return " ".join(page.locator(".name").all_inner_texts())


def takes(page) -> list[str]:
    return page.locator(".meaning td").all_inner_texts()


def word(page, name: str):
    return page.locator(".word", has_text=name)


def middle(page, name: str) -> tuple[float, float]:
    box = word(page, name).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_untouched_bank_is_a_river_bank(opened):
    page = opened()
    assert words(page) == "boat by the bank" and takes(page) == ["1.66", "0.10"]
    assert page.locator("#says").inner_text() == (
        "bank gives 0.78 to boat, 0.10 to by, 0.01 to the, 0.10 to itself."
    )


def test_loan_turns_the_meaning_round_and_no_share(opened):
    page = opened()
    shares = page.locator(".share").all_inner_texts()
    page.get_by_label("loan").check()
    assert words(page) == "loan by the bank" and takes(page) == ["0.10", "1.66"]
    assert page.locator(".share").all_inner_texts() == shares
    assert said(page).startswith("loan by the bank: bank gives 0.78 to loan")


def test_a_word_that_is_tapped_stays_lit(opened):
    page = opened(has_touch=True)
    word(page, "the").tap()
    page.locator("h1").tap()
    assert word(page, "the").get_attribute("aria-pressed") == "true"
    assert page.locator(".share").all_inner_texts() == ["0.09", "0.03", "0.24", "0.64"]


def test_arrow_keys_move_a_word_and_keep_the_focus(opened):
    page = opened()
    word(page, "bank").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert words(page) == "bank boat by the" and takes(page) == ["1.66", "0.10"]
    assert "this head does not see the order" in said(page)
    page.keyboard.press("ArrowRight")
    assert words(page) == "boat bank by the"


def test_buttons_move_the_word_that_asks(opened):
    page = opened()
    word(page, "boat").click()
    page.get_by_label("move the word to the right").click()
    assert words(page) == "by boat the bank"


def test_positions_let_the_head_see_the_order(opened):
    """The numbers of chapter 8."""
    page = opened()
    page.get_by_label("with positions").check()
    assert takes(page) == ["1.12", "0.83"]
    for _ in range(3):
        word(page, "bank").press("ArrowLeft")
    for _ in range(2):
        word(page, "boat").press("ArrowRight")
    word(page, "bank").click()
    assert words(page) == "bank by the boat" and takes(page) == ["1.30", "0.30"]
    assert "it was 1.12 water, 0.83 money" in said(page)


def test_dragging_moves_a_word(opened):
    page = opened()
    page.mouse.move(*middle(page, "bank"))
    page.mouse.down()
    page.mouse.move(*middle(page, "by"), steps=5)
    page.mouse.up()
    assert words(page) == "boat bank by the"


def test_a_drag_that_is_broken_off_leaves_the_order(opened):
    page = opened()
    (x, y), (target, _) = middle(page, "bank"), middle(page, "boat")
    bank = word(page, "bank")
    touch = {"pointerId": 7, "pointerType": "touch", "isPrimary": True, "clientY": y}
    # A made-up pointer cannot be captured.
    page.evaluate("() => { Element.prototype.setPointerCapture = () => {}; }")
    bank.dispatch_event("pointerdown", {**touch, "clientX": x})
    bank.dispatch_event("pointermove", {**touch, "clientX": target})
    assert words(page) == "bank boat by the"
    bank.dispatch_event("pointercancel", {**touch, "clientX": target})
    assert words(page) == "boat by the bank"
