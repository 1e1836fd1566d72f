"""Every symbol of a formula stands on the notation page."""

import re
from collections.abc import Iterator
from pathlib import Path

from booklint import pictures, prose
from booklint.pages import Cell, Complaint, Page, read

Symbol = tuple[str, str]  # a letter or sign, and its subscript: INDEX for one that only counts
INDEX = "i"
WORDS = re.compile(r"\\(?:text|mathrm|operatorname|begin|end)\s*\{(?:\\.|[^{}\\])*\}|(?<!\\)%.*")
# What only arranges a formula, or what every reader of school mathematics knows.
PLAIN = {"frac", "tfrac", "dfrac", "sqrt", "left", "right", "quad", "qquad", "underbrace"}
PLAIN |= {"dots", "cdots", "vdots", "ddots", "times", "approx", "le", "ge", "leq", "geq", "neq"}
PLAIN |= {"sin", "cos", "log", "ln", "exp", "max", "min", "to", "pm", "ll", "gg", "infty"}
SYMBOL = re.compile(
    r"""(?P<base>\\(?:bar|hat|tilde|mathbb|mathbf)\s*\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z])
    (?:_(?:\{(?P<group>(?:[^{}]|\{[^{}]*\})*)\}|(?P<one>\\[A-Za-z]+|[^{\s])))?""",
    re.VERBOSE,
)


def are_listed(page: Page) -> list[Complaint]:
    """What a formula names has a row on the notation page that stands in the same folder."""
    path = page.path.parent / "notation.md"
    if not path.exists():
        return []
    known = listed(path)
    complaints = []
    for cell in page.cells:
        for line, formula in formulas(cell):
            for base, sub in dict.fromkeys(symbols(formula)):
                if not is_known((base, sub), known):
                    name = base + (f"_{{{sub}}}" if sub else "")
                    what = f"${name}$ is not on the notation page: list it, or call it otherwise"
                    complaints.append(cell.complain(line, what))
    return complaints


def listed(path: Path) -> set[Symbol]:
    """The symbols of a notation page."""
    cells = read(path).cells
    return {s for cell in cells for _, formula in formulas(cell) for s in symbols(formula)}


def is_known(symbol: Symbol, known: set[Symbol]) -> bool:
    """A matrix may stand with an index, and what has one without it."""
    base, sub = symbol
    return symbol in known or (sub in ("", INDEX) and bool({(base, ""), (base, INDEX)} & known))


def symbols(formula: str) -> Iterator[Symbol]:
    """The letters and signs of a formula, with their subscripts, in their order."""
    for match in SYMBOL.finditer(WORDS.sub(" ", formula)):
        base = match["base"].replace(" ", "")
        if base.lstrip("\\") not in PLAIN or not base.startswith("\\"):
            yield base, _subscript(match["group"] or match["one"] or "")


def _subscript(text: str) -> str:
    """A word or a letter that names something, as in d_k; INDEX for what counts, as in x_{ij}."""
    text = text.replace(" ", "")
    if re.fullmatch(r"[A-Za-z]{3,}|ff|[kqv]", text):
        return text
    return INDEX if text else ""


def formulas(cell: Cell) -> Iterator[tuple[int, str]]:
    """The formulas of a cell's prose, or of the texts of its picture, with their lines."""
    texts = [cell.source] if cell.is_markdown else []
    texts += pictures.texts(cell).values() if cell.is_code else []
    for text in texts:
        for block in prose.blocks(text):
            if block.kind == "math":
                yield block.line, block.text
            for token in block.tokens:
                if token.type.startswith("math_") or token.meta.get("name") == "math":
                    yield block.line, token.content
