"""Every symbol of a formula in the book is on the notation page."""

import re

import pytest
from booklint.pages import BOOK, paths, read

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$", re.DOTALL)
# What arranges a formula and means nothing by itself.
LAYOUT = {
    *("frac", "tfrac", "left", "right", "quad", "qquad", "dots", "cdots", "underbrace", "begin"),
    *("end", "phantom", "text", "times", "mathbb", "hat", "bar", "lVert", "rVert", "top"),
}
WORDS = re.compile(r"\\text\{[^}]*\}|\\(?:begin|end)\{[^}]*\}|_\{[a-z]{2,}\}")
SYMBOL = re.compile(r"\\([A-Za-z]+)|([A-Za-z])")
PAGES = [path for path in paths() if path.name != "notation.md"]


def symbols(text: str) -> set[str]:
    """The letters and commands of all formulas of a text; words and names of sizes are none."""
    found = set()
    for formula in FORMULA.finditer(text):
        formula = WORDS.sub(" ", formula[1] or formula[2])
        found |= {command or letter for command, letter in SYMBOL.findall(formula)}
    return found - LAYOUT


def on(path) -> set[str]:
    return set().union(*(symbols(cell.source) for cell in read(path).markdown_cells))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_symbol_is_explained(path):
    assert not (missing := on(path) - on(BOOK / "notation.md")), f"explain {sorted(missing)}"


def test_what_counts_as_a_symbol():
    text = r"$W_{query} \in \mathbb{R}^{a \times b}$, costs 5 \$, $$\text{loss} = -\log p_i$$"
    assert symbols(text) == {"W", "in", "R", "a", "b", "log", "p", "i"}
