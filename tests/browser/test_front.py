"""The front page: what shows before scrolling, and the route as cards."""

import pytest
from book_site import page_names
from bs4 import BeautifulSoup
from PIL import Image

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
TOUCHABLE = "article .touch"
FIRST = ["article h1", "article h1 + p", "article p:has(+ .start)", "article .start a", TOUCHABLE]


@pytest.mark.parametrize("window", [WIDE, PHONE], ids=["wide", "phone"])
def test_what_for_whom_the_start_and_the_hero_show_at_once(visitor, site, window):
    page = visitor.open(f"{site}/index.html", viewport=window).page
    page.locator(TOUCHABLE).first.get_by_role("radio", name="loan").wait_for()
    for part in FIRST:
        box = page.locator(part).first.bounding_box()
        assert box["height"] > 0 and box["y"] + box["height"] <= window["height"], part


def test_each_chapter_has_a_card_with_a_picture(book):
    page = BeautifulSoup((book / "book/index.html").read_text("utf8"), "html.parser")
    cards = page.select(".route a")
    chapters = [name for name in page_names() if name.removeprefix("book/")[0].isdigit()]
    assert [f"book/{card['href']}" for card in cards] == [f"{name}.html" for name in chapters]
    for card in cards:
        with Image.open(book / "book" / card.img["src"]) as picture:
            assert picture.width <= 320 and picture.format == "WEBP"
            shown = int(card.img["width"]) / int(card.img["height"])
            assert shown == pytest.approx(picture.width / picture.height, rel=0.03)


def test_a_card_leads_to_its_chapter(visitor, site):
    page = visitor.open(f"{site}/index.html", viewport=PHONE).page
    card = page.locator(".route a").nth(4)
    question = card.locator(".question").inner_text()
    card.click()
    page.wait_for_url("**/05_softmax.html")
    assert page.locator("article h1").inner_text().startswith(question)
