"""Every page of the book follows the rules of tools/booklint."""

import pytest
from booklint.pages import paths, read
from booklint.rules import complaints


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_page_follows_the_rules(path):
    assert not (found := complaints(read(path))), "\n" + "\n".join(map(str, found))
