"""axe-core finds nothing on a page, nor in what a reader opens on it.

test_pages searches every page as a laptop shows it, everything unfolded, light or dark by turns;
here a few are searched in the other states, too.
"""

import pytest
from page_checks import barriers, fold

PHONE = {"width": 390, "height": 844}
SAMPLE = ["book/index", "book/03_queries_keys_values", "book/results", "404"]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_stands_in_anybodys_way_on_a_phone(visitor, site, name, closed):
    scheme = ("light", "dark")[closed]
    page = visitor.open(f"{site}/{name}.html", viewport=PHONE, color_scheme=scheme).page
    fold(page, closed)
    assert barriers(page) == []


def test_axe_sees_what_it_should(visitor, site):
    page = visitor.open(f"{site}/404.html").page
    page.evaluate("document.querySelector('article').innerHTML += '<img src=x><button></button>'")
    assert {line.partition(":")[0] for line in barriers(page)} >= {"image-alt", "button-name"}
