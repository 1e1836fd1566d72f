"""Every page of the book follows the rules of tools/booklint, those that run it among them."""

import pytest
from booklint.pages import paths, read
from booklint.rules import complaints
from booklint.shapes.process import in_a_process

NOTEBOOKS = [path for path in paths() if path.suffix == ".ipynb"]


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_page_follows_the_rules(path):
    assert not (found := complaints(read(path))), "\n" + "\n".join(map(str, found))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_shape_comments_tell_the_truth(path):
    assert not (found := in_a_process(path)), "\n" + "\n".join(found)
