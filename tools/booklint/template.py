"""A chapter goes from top to bottom as the template has it."""

import re
from dataclasses import dataclass

from chapter import REQUIRED, SECTIONS

from booklint import prose
from booklint.pages import Cell, Complaint, Page

FEWEST_PREDICTIONS = 2
# What opens a prediction, and what somebody may write in its place.
OPENING = "> **Predict, then run.** "
NEARLY = re.compile(r"\W*(?:\{admonition\}\s*)?\W*predict,? then run\b.*", re.IGNORECASE)


@dataclass(frozen=True)
class Heading:
    cell: Cell
    line: int
    level: int
    text: str


def headings(page: Page) -> list[Heading]:
    return [
        Heading(cell, block.line, block.level, prose.plain(block.tokens).strip())
        for cell in page.markdown_cells
        for block in prose.blocks(cell.source)
        if block.kind == "heading"
    ]


def asks_and_answers(page: Page) -> list[Complaint]:
    """The title is a question, and the parts every chapter has come in their order.

    Sections of its own stand anywhere before the fine print.
    """
    if page.number is None:
        return []
    found = headings(page)
    return _title(page, found) + _sections(page, [head for head in found if head.level == 2])


def _title(page: Page, found: list[Heading]) -> list[Complaint]:
    titles = [heading for heading in found if heading.level == 1]
    if len(titles) != 1 or found[0] != titles[0]:
        what = f"{len(titles)} titles: a chapter starts with its title and has no other"
        return [page.complain(what)]
    title = titles[0]
    if not title.text.endswith("?"):
        return [title.cell.complain(title.line, "the title is the chapter's question: end in `?`")]
    return []


def _sections(page: Page, found: list[Heading]) -> list[Complaint]:
    names = [heading.text for heading in found]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        return [page.complain(f"the section `## {name}` is missing") for name in missing]
    complaints = []
    expected = [name for name in REQUIRED if name in names]
    ordered = [heading for heading in found if heading.text in REQUIRED]
    for heading, name in zip(ordered, expected, strict=False):
        if heading.text != name:
            what = f"`## {heading.text}` stands where `## {name}` is due"
            complaints.append(heading.cell.complain(heading.line, what))
            break
    if len(ordered) > len(expected):
        complaints.append(page.complain("a section of the template stands there twice"))
    if names[0] != REQUIRED[0]:
        what = f"the first section is `## {REQUIRED[0]}`"
        complaints.append(found[0].cell.complain(found[0].line, what))
    # What is the chapter's own comes before the fine print; after it, only what every chapter has.
    fine_print = SECTIONS["limits"]
    complaints += [
        heading.cell.complain(heading.line, f"`## {heading.text}` belongs before `## {fine_print}`")
        for heading in found[names.index(fine_print) :]
        if heading.text not in REQUIRED
    ]
    return complaints


def solutions_are_folded(page: Page) -> list[Complaint]:
    """Code under "Solutions", and no other, is tagged `solution`, and folded everywhere."""
    if page.number is None:
        return []
    complaints, inside, solved = [], False, 0
    for cell in page.cells:
        if cell.is_markdown:
            for heading in headings(Page(page.path, [cell])):
                if heading.level <= 2:
                    inside = heading.text == SECTIONS["solutions"]
        elif cell.is_code and inside:
            solved += 1
            if not {"solution", "hide-cell"} <= set(cell.tags):
                what = "a solution is tagged solution and hide-cell, so that the page folds it"
                complaints.append(cell.complain(1, what))
            hidden = cell.metadata.get("jupyter", {}).get("source_hidden") is True
            if not hidden or cell.metadata.get("cellView") != "form":
                what = (
                    "a solution is folded in Jupyter and Colab too: metadata jupyter.source_hidden "
                    'is true, and cellView is "form"'
                )
                complaints.append(cell.complain(1, what))
        elif "solution" in cell.tags:
            complaints.append(cell.complain(1, "a solution stands under `## Solutions`"))
    if not solved:
        complaints.append(page.complain("no executed solution under `## Solutions`"))
    return complaints


def predictions_come_first(page: Page) -> list[Complaint]:
    """The reader is asked, and answers, before the output of a `predict` cell unfolds."""
    complaints, count = [], 0
    for before, cell in zip([None, *page.cells], page.cells, strict=False):
        if "predict" not in cell.tags:
            continue
        count += 1
        if "hide-output" not in cell.tags:
            complaints.append(cell.complain(1, "a predict cell is tagged hide-output as well"))
        folded = cell.metadata.get("jupyter", {}).get("outputs_hidden") is True
        if not (folded and cell.metadata.get("collapsed") is True):
            what = (
                "a predict cell is folded in Jupyter too: metadata collapsed, "
                "and jupyter.outputs_hidden, are true"
            )
            complaints.append(cell.complain(1, what))
        if before is None or not before.is_markdown:
            what = "ask before: a Markdown cell with the question stands above a predict cell"
            complaints.append(cell.complain(1, what))
    if page.number is not None and count < FEWEST_PREDICTIONS:
        what = f"{count} predict cells: a chapter has {FEWEST_PREDICTIONS} at least"
        complaints.append(page.complain(what))
    return complaints


def predictions_read_well_everywhere(page: Page) -> list[Complaint]:
    """A prediction is a plain quotation, which the page's extension makes a box of."""
    return [
        cell.complain(number, f"open a prediction with `{OPENING}…`: the page makes the box")
        for cell in page.markdown_cells
        for number, line in enumerate(cell.source.splitlines(), start=1)
        if NEARLY.fullmatch(line) and not re.match(re.escape(OPENING) + r"\S", line)
    ]
