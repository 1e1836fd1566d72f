"""axe-core finds nothing on any page, nor in what a reader opens on it.

Every page is searched as a laptop shows it, everything unfolded, light or dark by turns; a few are
searched in the other states, too.
"""

from importlib.resources import files

import pytest
from book_site import page_names
from page_checks import fold

AXE = files("axe_playwright_python") / "axe.min.js"
RUN = """() => axe.run({
  rules: { 'label-content-name-mismatch': { enabled: true } },
  resultTypes: ['violations'],
}).then((found) => found.violations.flatMap((rule) => rule.nodes.map(
  (node) => `${rule.id}: ${node.target} ${node.html.slice(0, 120)}`)))"""
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PAGES = [*page_names(), "search", "404"]
SAMPLE = ["book/index", "book/03_queries_keys_values", "book/results"]


def violations(visitor, url: str, window: dict, scheme: str, closed: bool) -> list[str]:
    """Return what axe-core complains about on a page."""
    page = visitor.open(url, viewport=window, color_scheme=scheme).page
    page.add_script_tag(content=AXE.read_text("utf8"))
    fold(page, closed)
    return page.evaluate(RUN)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_stands_in_anybodys_way(visitor, site, name):
    scheme = ("light", "dark")[PAGES.index(name) % 2]
    assert violations(visitor, f"{site}/{name}.html", WIDE, scheme, closed=False) == []


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("name", SAMPLE)
def test_nor_on_a_phone(visitor, site, name, closed):
    scheme = ("light", "dark")[closed]
    assert violations(visitor, f"{site}/{name}.html", PHONE, scheme, closed) == []


def test_axe_sees_what_it_should(visitor, site):
    page = visitor.open(f"{site}/404.html").page
    page.add_script_tag(content=AXE.read_text("utf8"))
    page.evaluate("document.querySelector('article').innerHTML += '<img src=x><button></button>'")
    assert {line.partition(":")[0] for line in page.evaluate(RUN)} >= {"image-alt", "button-name"}
