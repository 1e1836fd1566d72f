"""Prose quotes no number that no cell prints.

Every decimal and every percentage in a page's prose, captions and alt texts must stand in the
outputs or in the code of that page, or in a sentence that cites its source.
"""

import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from markdown_it.token import Token

from booklint import outputs, pictures, prose, python
from booklint.markup import Markup
from booklint.pages import Cell, Complaint, Page

# Prose may round what a cell prints, by two decimals at most: 0.81 for 0.8132, not for 0.81324.
MOST_DROPPED = 2

WHOLE = r"\d{1,3}(?:,\d{3})+|\d+"
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
NUMBER = re.compile(
    rf"""(?<![\w.])
    (?P<digits>(?:{WHOLE})?\.\d+|(?:{WHOLE}))(?!\d)
    (?:[eE](?P<exponent>[-+−]?\d+))?
    (?:\s*(?:×|\\times|\\cdot)\s*10(?:\^\{{?\s*(?P<power>[-+−]?\d+)\s*\}}?|(?P<raised>[⁻⁺]?[⁰¹²³⁴-⁹]+)))?
    (?P<percent>(?:\s|\\,|\\\s|~|\\;)*\\?%|(?:\s|-)+per\s?cent(?:age)?\b)?""",
    re.VERBOSE,
)
# Numbers in names: versions, places in a work, licences, identifiers of papers, addresses.
NAMES = re.compile(
    r"""https?://\S+|\barXiv[:\s]*\d{4}\.\d{4,5}|\b10\.\d{4,}/\S+|\bv?\d+(?:\.\d+){2,}\S*
    |\bv\d+\.\d+
    |\b(?:Python|PyTorch|torch|torchvision|torchmetrics|[Mm]atplotlib|NumPy|numpy|CUDA|MyST|Sphinx
        |Jupyter\sBook|nbformat|Debian|Ubuntu|[Vv]ersions?|BY|BY-SA|GPL|Apache|CFF
        |[Ss]ections?|[Ff]igures?|[Ff]ig\.|[Tt]ables?|[Ee]quations?|[Ee]q\.|[Cc]hapters?|[Aa]ppendix|§)
        [\s-]*v?\d+(?:\.\d+)+(?:\s*(?:–|-|to)\s*\d+(?:\.\d+)+)?
    |\b[A-Za-z]+-\d+\.\d+""",
    re.VERBOSE,
)
SHOWN = re.compile(
    rf"(?<![\w.])(?P<digits>(?:{WHOLE})(?:\.\d*)?|\.\d+)(?:[eE](?P<exponent>[-+]?\d+))?"
    r"(?P<percent>\s*\\?%|\s+per\s?cent\b)?"
)
SIGN = re.compile(r"(?:^|[\s(\[{=,;:≈~<>≤≥|&$])([-−+])$")


@dataclass(frozen=True)
class Number:
    """A number as written: its digits count, so 0.50 and 0.5 differ in `value.as_tuple()`."""

    text: str
    value: Decimal
    signed: bool
    percent: bool
    exact: bool = False

    @property
    def decimals(self) -> int:
        return -int(self.value.as_tuple().exponent)


@dataclass(frozen=True)
class Sentence:
    """A line of prose, a row of a table or a formula."""

    cell: Cell
    line: int
    text: str
    cited: bool


def are_found(page: Page) -> list[Complaint]:
    """Every decimal and percentage of the prose is printed, coded or cited on its page."""
    shown = list(_shown(page))
    complaints = []
    for sentence in _sentences(page):
        if sentence.cited:
            continue
        for number in in_prose(sentence.text):
            if not any(_backs(number, other) for other in shown):
                what = (
                    f"{number.text.strip()} is in no output and no code here: print it, "
                    "correct it, or cite its source in the same sentence"
                )
                complaints.append(sentence.cell.complain(sentence.line, what))
    return complaints


def in_prose(text: str) -> list[Number]:
    """The decimals and percentages of a text; whole numbers and numbers in names are none."""
    text = NAMES.sub(lambda match: " " * len(match.group()), text.replace("{,}", ","))
    found = []
    for match in NUMBER.finditer(text):
        if "." in match["digits"] or match["percent"]:
            found.append(_number(match, text, percent=bool(match["percent"])))
    return found


def in_output(text: str) -> list[Number]:
    return [
        _number(match, text, percent=bool(match["percent"]), exact=match["digits"].endswith("."))
        for match in SHOWN.finditer(text)
    ]


def in_code(source: str) -> list[Number]:
    """The number literals of a cell; what stands in comments and strings proves nothing."""
    found = []
    for token in python.tokens(source):
        # A number such as 0x10 is one that no prose repeats.
        if token.type == tokenize.NUMBER and re.fullmatch(
            r"[\d_.]+(e[+-]?\d+)?", token.string, re.I
        ):
            text = token.string.replace("_", "")
            found.append(Number(text, Decimal(text), signed=False, percent=False, exact=True))
    return found


def _number(match: re.Match[str], text: str, *, percent: bool, exact: bool = False) -> Number:
    groups = match.groupdict()
    value = Decimal(match["digits"].replace(",", ""))
    for name in ("exponent", "power", "raised"):
        if groups.get(name):
            value = value.scaleb(int(groups[name].translate(SUPERSCRIPTS).replace("−", "-")))
    sign = SIGN.search(text[: match.start()])
    if sign and sign.group(1) in "-−":
        value = -value
    return Number(match.group(), value, bool(sign), percent, exact)


def _backs(prose_number: Number, shown: Number) -> bool:
    """Whether a number that the page shows is the one that the prose names."""
    for value, decimals in _readings(prose_number):
        for other, other_decimals in _readings(shown):
            whole_percent = prose_number.percent and prose_number.decimals <= 0
            same_kind = decimals == prose_number.decimals
            if whole_percent and same_kind and not shown.percent and other_decimals <= 0:
                continue  # "8 %" is not proved by any 8 that a cell happens to print.
            if not prose_number.signed or (shown.exact and not shown.signed):
                value, other = abs(value), abs(other)
            if value == other and (
                shown.exact or other_decimals >= decimals or prose_number.decimals <= 0
            ):
                return True
            if 0 < other_decimals - decimals <= MOST_DROPPED and _rounds(other, value, decimals):
                return True
    return False


def _readings(number: Number) -> Iterator[tuple[Decimal, int]]:
    """The number as written and, of a percentage, as a share."""
    yield number.value, number.decimals
    if number.percent:
        yield number.value.scaleb(-2), number.decimals + 2


def _rounds(value: Decimal, to: Decimal, decimals: int) -> bool:
    step = Decimal(1).scaleb(-decimals)
    # Python rounds a 5 to even or, for want of exact binary digits, up: both occur in outputs.
    return any(value.quantize(step, mode) == to for mode in (ROUND_HALF_EVEN, ROUND_HALF_UP))


def _shown(page: Page) -> Iterator[Number]:
    for cell in page.code_cells:
        yield from in_code(cell.source)
        for text in outputs.texts(cell):
            yield from in_output(text)


def _sentences(page: Page) -> Iterator[Sentence]:
    for cell in page.cells:
        if cell.is_code:
            for name, text in pictures.texts(cell).items():
                for block in prose.blocks(text):
                    tokens = block.tokens
                    yield Sentence(cell, 1, f"{name}: {prose.plain(tokens)}", _cited(tokens))
        elif cell.is_markdown and "definition" not in cell.tags:
            yield from _markdown(cell)


def _markdown(cell: Cell) -> Iterator[Sentence]:
    for block in prose.blocks(cell.source):
        match block.kind:
            case "paragraph":
                for line, tokens, _ in prose.lines(block):
                    yield Sentence(cell, line, prose.plain(tokens), _cited(tokens))
            case "heading" | "title" | "row":
                text = prose.plain(block.tokens)
                yield Sentence(cell, block.line, text, _cited(block.tokens))
            case "math":
                yield Sentence(cell, block.line, block.text, cited=False)
            case "html":
                markup = Markup(block.text)
                cited = any(
                    element.attributes.get("href", "").startswith("https://")
                    for element in markup.elements
                )
                yield Sentence(cell, block.line, markup.text, cited)


def _cited(tokens: Iterable[Token]) -> bool:
    return any(address.startswith("https://") for address in prose.targets(tokens))
