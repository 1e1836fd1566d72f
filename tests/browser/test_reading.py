"""What a reader does with a page: the dark, the menu, the copy button, the search."""

import pytest

PHONE = {"width": 390, "height": 844}
CHAPTER = "book/01_parameters"
PICTURED = "book/04_scores"
HEIGHT = "document.querySelector('.cell.tag_predict ~ .answer').getBoundingClientRect().height"
NOTE = "getComputedStyle(document.querySelector('.cell.tag_predict'), '::after').content"


def luminance(page, selector: str, style: str) -> float:
    """Return how bright a colour of an element is, from 0 to 1."""
    colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{style}")
    red, green, blue = (int(part) for part in colour[4:-1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_readers_scheme(visitor, site, scheme):
    visit = visitor.open(f"{site}/{CHAPTER}.html", color_scheme=scheme)
    paper = luminance(visit.page, "body", "backgroundColor")
    ink = luminance(visit.page, "article section section p", "color")
    assert (paper > 0.9 and ink < 0.2) if scheme == "light" else (paper < 0.15 and ink > 0.7)


def test_the_page_is_right_before_any_script_has_come(chromium_browser, site):
    with chromium_browser.new_context(color_scheme="dark") as context:
        context.route("**/*.js*", lambda route: route.abort())
        page = context.new_page()
        page.goto(f"{site}/{CHAPTER}.html")
        assert luminance(page, "body", "backgroundColor") < 0.15
        assert page.locator(".logo__image:visible").count() == 1
        assert page.evaluate(HEIGHT) < 1


def test_the_switch_turns_the_page_dark_and_it_stays_dark(visitor, site):
    visit = visitor.open(f"{site}/{CHAPTER}.html", color_scheme="light")
    page, seen = visit.page, set()
    assert luminance(page, "body", "backgroundColor") > 0.9
    for _ in range(3):  # automatic, light, dark
        page.locator(".bd-header-article .theme-switch-button").click()
        seen.add(page.locator("html").get_attribute("data-theme"))
        if page.locator("html").get_attribute("data-mode") == "dark":
            break
    assert seen >= {"dark"}
    assert luminance(page, "body", "backgroundColor") < 0.15
    page.reload(wait_until="load")
    assert luminance(page, "body", "backgroundColor") < 0.15
    assert visit.faults == []


def test_the_switch_keeps_the_focus(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html").page
    button = page.locator(".bd-header-article .theme-switch-button")
    button.focus()
    page.keyboard.press("Enter")
    assert button.evaluate("e => e === document.activeElement")


def test_the_focus_comes_back_from_the_drawer(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html", viewport=PHONE).page
    button = page.locator("button.primary-toggle")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#pst-primary-sidebar-modal[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#pst-primary-sidebar-modal:not([open])", state="attached")
    assert button.evaluate("e => e === document.activeElement")


def test_the_keyboard_can_skip_to_the_contents(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html").page
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert focused.inner_text() == "Skip to main content"
    page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    page.wait_for_url("**#main-content", wait_until="commit")  # a busy browser takes a moment


def test_what_has_the_focus_can_be_seen(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html").page
    page.locator("#main-content").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        outline, shadow = page.locator(":focus").evaluate(
            "e => { const s = getComputedStyle(e); return [s.outlineStyle, s.boxShadow]; }"
        )
        assert outline != "none" or shadow != "none", page.locator(":focus").inner_html()


def test_an_item_of_a_menu_that_has_the_focus_can_be_seen(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html").page
    page.locator(".dropdown-download-buttons .dropdown-toggle").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    item = page.locator(".dropdown-item:focus")
    assert item.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_a_link_into_a_page_leads_there(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html#recap").page
    assert 0 <= page.locator("#recap > h2").bounding_box()["y"] < 200


def test_pictures_lie_on_the_page_undimmed(visitor, site):
    page = visitor.open(f"{site}/{PICTURED}.html", color_scheme="dark").page
    picture = page.locator("article img[role=button]").first
    style = "e => { const s = getComputedStyle(e); return [s.filter, s.backgroundColor]; }"
    assert picture.evaluate(style) == ["none", "rgba(0, 0, 0, 0)"]
    picture.click()
    assert page.locator("dialog.enlarged img").evaluate(style) == ["none", "rgba(0, 0, 0, 0)"]


@pytest.mark.parametrize("press", ["click", "Enter"])
def test_a_picture_grows_until_its_words_can_be_read_on_a_phone(visitor, site, press):
    visit = visitor.open(f"{site}/{PICTURED}.html", viewport=PHONE, has_touch=True)
    page = visit.page
    picture = page.locator("article img[role=button]:visible").first
    dialog, large = page.locator("dialog.enlarged"), page.locator("dialog.enlarged img")
    assert not dialog.is_visible()
    picture.focus()
    picture.tap() if press == "click" else page.keyboard.press(press)
    assert large.is_visible() and large.get_attribute("alt") == picture.get_attribute("alt")
    # Words have 12.5 px where an inch has 100, and 9 px can be read.
    wide = int(picture.get_attribute("width"))
    assert large.bounding_box()["width"] >= 0.72 * wide
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert picture.evaluate("e => e === document.activeElement")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    assert visit.faults == []


def test_a_figures_words_are_large_enough_on_a_wide_page(visitor, site):
    """An inch of a figure is 100 px, as long as the figure is not wider than the column."""
    page = visitor.open(f"{site}/{PICTURED}.html", viewport={"width": 1280, "height": 800}).page
    pictures = page.locator("article img[role=button]:visible").all()
    assert pictures
    for picture in pictures:
        wide = min(int(picture.get_attribute("width")), 730)  # 7.2 inches and a margin
        assert picture.bounding_box()["width"] >= 0.95 * wide


def test_copying_copies_the_code_alone(visitor, site):
    visit = visitor.open(
        f"{site}/{CHAPTER}.html", permissions=["clipboard-read", "clipboard-write"]
    )
    cell = visit.page.locator("article .cell > .cell_input").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = visit.page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    assert visit.faults == []


def test_the_menu_opens_on_a_phone(visitor, site):
    visit = visitor.open(f"{site}/{CHAPTER}.html", viewport=PHONE, has_touch=True)
    link = visit.page.get_by_role("link", name="Notation").first
    assert not link.is_visible()
    visit.page.locator("button.primary-toggle").click()
    link.click()
    visit.page.wait_for_url("**/book/notation.html")
    assert visit.faults == []


def test_the_first_address_shows_the_first_page(visitor, site):
    visit = visitor.open(f"{site}/")
    assert visit.page.locator("article h1").is_visible()
    visit.page.locator("nav.bd-links a").first.click()
    visit.page.wait_for_url(f"**/{CHAPTER}.html")
    assert visit.faults == []


def test_the_answer_to_a_prediction_waits_until_its_output_is_opened(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html").page
    cell = page.locator(".cell.tag_predict").first
    assert page.evaluate(HEIGHT) < 1
    assert "goes on" in page.evaluate(NOTE)
    cell.locator("summary").click()
    page.wait_for_function(f"{HEIGHT} > 10")
    assert page.evaluate(NOTE) == "none"
    cell.locator("summary").click()
    page.wait_for_function(f"{HEIGHT} < 1")


def test_without_scripts_the_answer_and_the_formulas_stand_on_the_page(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html", java_script_enabled=False).page
    assert page.locator(".cell.tag_predict ~ .answer").first.bounding_box()["height"] > 10
    assert page.locator("div.math mfrac").first.bounding_box()["height"] > 10


def test_a_formula_wider_than_a_phone_can_be_read_from_its_beginning(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html", viewport=PHONE).page
    formulas = page.evaluate(
        """() => [...document.querySelectorAll("div.math")].map((box) => ({
            wide: box.scrollWidth > box.clientWidth,
            cut: box.getBoundingClientRect().left
                - box.querySelector("math").getBoundingClientRect().left,
        }))"""
    )
    assert any(formula["wide"] for formula in formulas)
    assert all(formula["cut"] <= 1 for formula in formulas)


def test_nothing_moves_when_the_fonts_come(chromium_browser, site):
    heights = []
    for refused in ("nothing", "**/_static/fonts/*.woff2"):
        with chromium_browser.new_context() as context:
            context.route(refused, lambda route: route.abort())
            page = context.new_page()
            page.goto(f"{site}/{CHAPTER}.html")
            page.evaluate("document.fonts.ready.then(() => true)")
            heights.append(page.locator("article").bounding_box()["height"])
    assert heights[1] == pytest.approx(heights[0], rel=0.02)


def test_a_page_prints_dark_on_light_and_whole(visitor, site):
    page = visitor.open(f"{site}/{CHAPTER}.html", color_scheme="dark").page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert luminance(page, "body", "color") < 0.2
    assert page.locator("article h1").is_visible()
    assert page.locator("article details:not([open])").count() == 0
    assert page.evaluate(HEIGHT) > 10
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("article details[open]").count() == 0
