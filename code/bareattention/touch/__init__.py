"""Figures that readers touch: each call makes the output of a cell.

    from bareattention import touch

    touch.dial(queries, keys, names=["red", "green", "blue"])

The output is an element of the page with its numbers, which come out of the arguments, and a
picture that stays where scripts do not run.  A live kernel sends the script along; stored notebooks
hold none, because the built pages load it once (book/_ext/book_page/elements.py).
"""

from bareattention.touch._cards import cards
from bareattention.touch._dial import dial
from bareattention.touch._digit import digit
from bareattention.touch._matrix import matrix
from bareattention.touch._plane import plane
from bareattention.touch._sentence import sentence

__all__ = ["cards", "dial", "digit", "matrix", "plane", "sentence"]
