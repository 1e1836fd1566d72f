"""The output of a cell: data, picture and, from a live kernel, the script."""

import json

import pytest
import torch
from bs4 import BeautifulSoup

from bareattention import bars
from bareattention.touch.figure import TouchFigure, as_json
from bareattention.touch.script import script

DATA = {"label": "A label", "hint": "Try.", "x": torch.tensor([1.0, 2 / 3]), "y": "</script><!--"}


@pytest.fixture
def figure():
    picture = bars([1.0, 2.0], labels=["a", "b"], unit="share", size=(4, 2)).figure
    return TouchFigure("dial", DATA, alt='Two "bars" <b>', picture=picture)


def test_data_and_picture_stand_in_the_element(figure):
    element = BeautifulSoup(figure.html(with_script=False), "html.parser").find("touch-dial")
    assert json.loads(element.script.string) == {**DATA, "x": [1, 0.666667]}
    assert element.img["alt"] == 'Two "bars" <b>'
    assert (element.img["width"], element.img["height"]) == ("400", "200")
    assert element.img["src"].startswith("data:image/png;base64,")
    assert element["class"] == ["touch"]


def test_a_live_kernel_sends_the_script_along(figure, monkeypatch):
    monkeypatch.delenv("BAREATTENTION_TOUCH")
    html = figure._repr_mimebundle_()["text/html"]
    assert html.endswith(f"<script>{script()}</script>") and html.count("</script>") == 2


def test_what_is_stored_holds_no_script(figure):
    """tools/execute.py and nbval share their environment, which these tests have too."""
    bundle = figure._repr_mimebundle_()
    assert bundle["text/html"] == figure.html(with_script=False)
    assert bundle["text/plain"] == "<touch-dial>" and bundle["image/png"]


@pytest.mark.parametrize("x", [float("nan"), torch.tensor([float("-inf")])])
def test_data_that_no_page_can_read_are_refused(x):
    with pytest.raises(ValueError, match="JSON"):
        as_json({"x": x})
