"""What every element promises, whichever it is: see touch_examples.py."""

import html

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import serve
from page_checks import images, overflow
from touch_examples import EXAMPLES
from touch_page import THEMES, said, write

from bareattention.touch.script import script

READY = ".touch[ready]"
FOCUSED = """() => {
  const inner = document.querySelector('.touch').shadowRoot.activeElement;
  return inner && [...inner.getRootNode().querySelectorAll('*')].indexOf(inner);
}"""
REACHABLE = """() => {
  const inside = [...document.querySelector('.touch').shadowRoot.querySelectorAll(
    'button, summary, input, select, a[href], [tabindex="0"]')];
  const radios = new Set();
  return inside.filter((e) => e.checkVisibility() && !e.disabled
    && !(e.type === 'radio' && (radios.has(e.name) || !radios.add(e.name)))).length;
}"""
# How far the controls stay from the sides, where what holds an output cuts off their outlines.
ROOM = """() => {
  const touch = document.querySelector('.touch');
  const all = touch.getBoundingClientRect();
  return Math.min(...[...touch.shadowRoot.querySelectorAll('button, summary, input, [tabindex]')]
    .filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect())
    .map(({ left, right }) => Math.min(left - all.left, all.right - right)));
}"""
# Rows of a table that are not all equally long, whatever is hidden from whom.
UNEVEN = """() => [...document.querySelector('.touch').shadowRoot.querySelectorAll('table')]
  .filter((table) => new Set([...table.rows].map((row) => [...row.cells]
    .filter((cell) => !cell.ariaHidden).reduce((n, cell) => n + cell.colSpan, 0))).size > 1)
  .map((table) => table.outerHTML.slice(0, 200))"""
# A canvas is read by nobody who does not see it: a text must stand beside it.
MUTE = """() => [...document.querySelector('.touch').shadowRoot.querySelectorAll('canvas, svg')]
  .filter((e) => !e.ariaHidden && !e.ariaLabel && !e.getAttribute('aria-labelledby'))
  .map((e) => e.outerHTML.slice(0, 200))"""

# The page is still being read when the element comes into view.
SLOWLY = """async ([before, after]) => {
  document.open();
  document.write(before);
  await new Promise((resolve) => setTimeout(resolve, 500));
  document.write(after);
  document.close();
}"""
# As Jupyter does: it listens to the whole page, and takes all that arrives there.
JUPYTER = """() => {
  window.taken = [];
  document.addEventListener('keydown', (event) => taken.push(event.key));
}"""
EACH_CONTROL = """(key) => {
  const inside = [...document.querySelector('.touch').shadowRoot.querySelectorAll(
    'button, summary, input, [tabindex]')];
  for (const node of inside) node.dispatchEvent(
    new KeyboardEvent('keydown', { key, bubbles: true, composed: true, cancelable: true }));
}"""

each_element = pytest.mark.parametrize("name", EXAMPLES, scope="module")


@pytest.fixture(scope="module")
def figure(name):
    return EXAMPLES[name]()


@pytest.fixture
def shown(visitor, figure, tmp_path):
    """Open the figure, from the disk: `shown(theme="dark", viewport=...)`."""

    def shown(theme="light", **options):
        address = write(tmp_path / "figure.html", figure.html(with_script=True), theme)
        return visitor.open(address, **options)

    return shown


@each_element
def test_it_covers_its_picture_once_it_works(shown):
    visit = shown()
    assert visit.page.locator(READY).count() == 1
    assert not visit.page.locator(".touch img").is_visible()
    # Its own methods hide nothing that every element has, such as `style`.
    assert visit.page.locator(".touch").evaluate("e => e.style instanceof CSSStyleDeclaration")
    assert visit.page.locator(".touch .try").inner_text().strip(), "nothing says what to try"
    assert visit.faults == []


@each_element
def test_it_works_over_http(visitor, figure, tmp_path):
    write(tmp_path / "figure.html", figure.html(with_script=True))
    with serve(tmp_path) as address:
        visit = visitor.open(f"{address}/figure.html")
    assert visit.page.locator(READY).count() == 1 and visit.faults == []


@each_element
def test_the_picture_stays_without_scripts(shown):
    page = shown(java_script_enabled=False).page
    assert page.locator(".touch img").is_visible()


@each_element
def test_the_picture_stays_with_bad_data(visitor, figure, tmp_path):
    broken = figure.html(with_script=True).replace('"label"', "label", 1)
    page = visitor.open(write(tmp_path / "figure.html", broken)).page
    assert page.locator(".touch img").is_visible() and images(page) == []


@each_element
def test_it_works_though_it_is_there_before_its_data(visitor, figure, tmp_path):
    late = f"<script>{script()}</script>{figure.html(with_script=False)}"
    page = visitor.open(write(tmp_path / "figure.html", late)).page
    assert page.locator(READY).count() == 1


@pytest.mark.parametrize("name", ["cards", "digit"], scope="module")
def test_parameters_that_a_page_still_brings_are_waited_for(visitor, figure, tmp_path):
    before, model = figure.html(with_script=True).rsplit("<script>", 1)
    visit = visitor.open(write(tmp_path / "figure.html", ""))
    visit.page.evaluate(SLOWLY, [before, f"<script>{model}"])
    visit.page.wait_for_selector(".touch[awake]")
    assert visit.faults == []


@each_element
def test_it_works_twice_on_a_page_in_a_frame_of_no_origin(visitor, figure, tmp_path):
    """As in Colab: each output is alone, with the script, in a sandbox."""
    twice = html.escape(2 * figure.html(with_script=True))
    frame = f'<iframe title="f" sandbox="allow-scripts" srcdoc="{twice}"></iframe>'
    visit = visitor.open(write(tmp_path / "figure.html", frame))
    assert visit.page.frame_locator("iframe").locator(READY).count() == 2
    assert visit.faults == []


@each_element
@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_makes_the_page_scroll_sideways(shown, width):
    visit = shown(viewport={"width": width, "height": 844}, has_touch=True)
    assert overflow(visit.page) == [] and visit.faults == []


@each_element
def test_outlines_are_not_cut_off(shown):
    assert shown().page.evaluate(ROOM) >= 4


@each_element
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(shown, theme):
    page = shown(theme=theme).page
    found = Axe().run(page, context=".touch").response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found] == []


@each_element
def test_tables_are_even_and_drawings_have_words(shown):
    page = shown().page
    assert page.evaluate(UNEVEN) == []
    assert page.evaluate(MUTE) == []


@each_element
def test_the_keyboard_reaches_all_and_leaves_again(shown):
    page = shown().page
    places = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        place = page.evaluate(FOCUSED)
        if place is None and places:
            break
        places.add(place)
    else:
        pytest.fail("the keyboard does not come out again")
    assert len(places - {None}) == page.evaluate(REACHABLE) > 0


@each_element
def test_jupyter_gets_none_of_its_keys_and_escape_goes_back_to_the_cell(visitor, figure, tmp_path):
    cell = f'<div class="jp-Cell" tabindex="0">{figure.html(with_script=True)}</div>'
    page = visitor.open(write(tmp_path / "figure.html", cell)).page
    page.evaluate(JUPYTER)
    for key in ("x", "M", "ArrowDown", "Enter"):
        page.evaluate(EACH_CONTROL, key)
    assert page.evaluate("taken") == []
    control = page.locator(".touch :is(input, button)").first
    control.press("Control+s")
    assert "s" in page.evaluate("taken"), "the notebook cannot be saved"
    control.press("Escape")
    assert page.evaluate("document.activeElement.className") == "jp-Cell"


@each_element
def test_it_is_silent_until_it_is_touched(shown):
    assert said(shown().page) == ""


@each_element
def test_it_shows_in_forced_colours(shown):
    page = shown(forced_colors="active").page
    assert page.locator(READY).is_visible()


def test_a_planted_fault_is_seen_by_axe(visitor, tmp_path):
    planted = '<div class="touch"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></div>'
    page = visitor.open(write(tmp_path / "figure.html", planted)).page
    assert [v["id"] for v in Axe().run(page, context=".touch").response["violations"]] == [
        "image-alt"
    ]
