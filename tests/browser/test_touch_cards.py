"""The cards: asked, dealt, shuffled and drawn; the answer is read off the card looked at."""

import pytest
from touch_examples import EXAMPLES
from touch_page import answer, said, shown


@pytest.fixture
def page(visitor, tmp_path):
    return shown(visitor, tmp_path / "page.html", EXAMPLES["cards"]())


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_untouched_it_looks_at_the_card_asked_for(page):
    assert answer(page).startswith("It looks at the card 5 | 0, share ")
    assert "and answers 0, share " in answer(page)
    shares = [float(text.split()[-1]) for text in page.locator(".cards li p").all_inner_texts()]
    assert len(shares) == 6 and abs(sum(shares) - 1) < 0.04


def test_another_question_another_card(page):
    press(page, "Ask for the 0")
    assert answer(page).startswith("It looks at the card 0 | 5, share ")
    assert said(page) == answer(page)


def test_the_order_of_the_cards_does_not_matter(page):
    before = answer(page)
    press(page, "Shuffle")
    assert answer(page) == before


def test_it_plays_with_two_to_ten_cards(page):
    for _ in range(4):
        press(page, "Add a card")
    assert page.locator(".cards li").count() == 10
    assert page.get_by_role("button", name="Add a card").is_disabled()
    lefts = [text.split()[1] for text in page.locator(".cards .unseen").all_inner_texts()]
    assert len(set(lefts)) == 10, "two cards have one left digit"
    for _ in range(8):
        press(page, "Take one away")
    assert page.get_by_role("button", name="Take one away").is_disabled()


def test_a_drawn_digit_is_asked_for(page):
    before = answer(page)
    page.locator("summary").click()
    box = page.locator(".pad").bounding_box()
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(x, box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    assert answer(page) != before
