"""The dial: what its sliders do, by keyboard alone."""

import pytest
from touch_examples import EXAMPLES
from touch_page import said, shown


@pytest.fixture
def page(visitor, tmp_path):
    return shown(visitor, tmp_path / "dial.html", EXAMPLES["dial"]())


def shares(page, side: int) -> list[float]:
    return [float(text) for text in page.locator("table").nth(side).locator("td").all_inner_texts()]


def press(page, label: str, key: str) -> str:
    """Press a key on a slider; return what the slider says."""
    slider = page.get_by_label(label, exact=True)
    slider.press(key)
    return slider.get_attribute("aria-valuetext")


def test_untouched_one_side_has_a_winner_and_the_other_not(page):
    assert max(shares(page, 0)) > 0.95 and max(shares(page, 1)) < 0.7


def test_both_sides_agree_at_d_1_and_are_what_the_slider_says(page):
    assert press(page, "d", "Home") == "1"
    assert shares(page, 0) == shares(page, 1)
    assert press(page, "d", "End") == "512"
    assert "divided by √d = 22.63" in said(page)


def test_dividing_by_d_makes_all_shares_alike(page):
    assert press(page, "divide by", "End") == "d"
    assert max(shares(page, 1)) < 0.25


def test_a_temperature_makes_both_sides_even_or_sharp(page):
    before = max(shares(page, 1))
    assert press(page, "temperature", "End") == "10"
    assert max(shares(page, 1)) < before
    assert press(page, "temperature", "Home") == "0.1"
    assert max(shares(page, 1)) > before


def test_a_change_is_said_once(page):
    page.evaluate("""() => {
      const region = document.querySelector('.touch').shadowRoot.querySelector('[role=status]');
      window.changes = 0;
      new MutationObserver(() => window.changes++).observe(region, { childList: true });
    }""")
    for _ in range(4):
        press(page, "d", "ArrowLeft")
    assert said(page).startswith("d = 4; not divided: largest share ")
    assert page.evaluate("changes") == 1
