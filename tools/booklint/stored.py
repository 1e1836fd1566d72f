"""Stored runs: executed once from top to bottom, without stray errors or times.

nbval silently compares nothing where an execution count is null, so the counts are checked here.
"""

import ast
import warnings

import nbformat
from chapter import FORMAT, METADATA

from booklint import outputs
from booklint.markup import Markup
from booklint.pages import Complaint, Page


def is_valid(page: Page) -> list[Complaint]:
    """The notebook follows the format as Jupyter's own schema has it, and names our kernel."""
    if page.raw is None:
        return []
    version = (page.raw.get("nbformat"), page.raw.get("nbformat_minor"))
    if version != FORMAT or page.raw.get("metadata") != METADATA:
        what = "its format or its metadata is not that of tools/chapter.py: run `make chapters`"
        return [page.complain(what)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nbformat.validate(page.raw)
    except (nbformat.ValidationError, Warning) as problem:
        return [page.complain(f"not a valid notebook: {str(problem).splitlines()[0]}")]
    return []


def counts_run(page: Page) -> list[Complaint]:
    """Execution counts of the code cells are 1…n, and none is null."""
    return [
        cell.complain(1, f"its count is {cell.count}, not {expected}: run `make chapters`")
        for expected, cell in enumerate(page.code_cells, start=1)
        if cell.count != expected
    ]


def what_prints_has_printed(page: Page) -> list[Complaint]:
    """A cell that prints in any case has an output: one that is not compared may have lost it."""
    return [
        cell.complain(1, "prints, and no output is stored: run `make chapters`")
        for cell in page.code_cells
        if not cell.outputs and any(map(_prints, _body(cell.source)))
    ]


def _body(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # of IPython's own, which another rule sees
        return []


def _prints(node: ast.stmt) -> bool:
    """Whether it is a call of print, or a loop or a context with one in it."""
    if isinstance(node, ast.For | ast.With):
        return any(map(_prints, node.body))
    called = getattr(node, "value", None)
    return isinstance(called, ast.Call) and ast.unparse(called.func) == "print"


def errors_are_meant(page: Page) -> list[Complaint]:
    """An error output and the tag `raises-exception` come together."""
    complaints = []
    for cell in page.code_cells:
        errors = [o["ename"] for o in cell.outputs if o["output_type"] == "error"]
        tagged = "raises-exception" in cell.tags
        if errors and not tagged:
            what = f"shows {errors[0]}: mend it, or tag it raises-exception if that is the lesson"
            complaints.append(cell.complain(1, what))
        if tagged and not errors:
            complaints.append(cell.complain(1, "is tagged raises-exception and shows no error"))
    return complaints


def nothing_volatile(page: Page) -> list[Complaint]:
    """No times in the metadata: a second run would change them."""
    return [
        cell.complain(1, "its metadata holds execution times: run `make chapters`")
        for cell in page.code_cells
        if "execution" in cell.metadata
    ]


def no_script(page: Page) -> list[Complaint]:
    """Outputs hold data and no script: the page brings it, and a new one changes no chapter."""
    return [
        cell.complain(1, "its output holds a script: run `make chapters`")
        for cell in page.code_cells
        for _, html in outputs.html(cell)
        for element in Markup(html).elements
        if element.tag == "script" and element.attributes.get("type") != "application/json"
    ]
