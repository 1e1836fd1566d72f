"""The notation page: every symbol once, and every name of it in the code."""

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from booklint import prose, python
from booklint.pages import ROOT, Cell, Complaint, Page, paths, read

SIZES = ("Symbol", "Python name", "What it counts", "Where you can read it")
TENSORS = ("Symbol", "Python name", "What it is", "Shape", "Chapter")
FUNCTIONS = ("Python name", "What it does", "Chapter")
TABLES = (SIZES, TENSORS, FUNCTIONS)


@dataclass(frozen=True)
class Row:
    cell: Cell
    line: int
    columns: dict[str, list[prose.Token]]

    def codes(self, column: str) -> list[str]:
        return prose.code_spans(self.columns[column])

    def text(self, column: str) -> str:
        return prose.plain(self.columns[column], code="").strip()

    @property
    def names(self) -> list[str]:
        """The Python names of the row, without the parameters a signature may show."""
        return [code.partition("(")[0].strip() for code in self.codes("Python name")]

    def complain(self, what: str) -> Complaint:
        return self.cell.complain(self.line, what)


@dataclass
class Notation:
    """The rows of the page's three tables."""

    rows: dict[tuple[str, ...], list[Row]] = field(
        default_factory=lambda: {header: [] for header in TABLES}
    )
    complaints: list[Complaint] = field(default_factory=list)

    @property
    def sizes(self) -> dict[str, list[str]]:
        """Each size and the Python expressions it can be read from, in the order of the page."""
        return {
            name: row.codes("Where you can read it")
            for row in self.rows[SIZES]
            for name in row.names
        }


def parse(page: Page) -> Notation:
    """The tables of a notation page.  What is no such table is prose, and left alone."""
    notation = Notation()
    for cell in page.markdown_cells:
        header: tuple[str, ...] | None = None
        for block in prose.blocks(cell.source):
            if block.kind != "row":
                continue
            if block.name == "header":
                header = tuple(prose.plain(tokens).strip() for tokens in block.cells)
                if header not in TABLES and "Python name" in header:
                    what = (
                        f"no table has the columns {' | '.join(header)}: see booklint/notation.py"
                    )
                    notation.complaints.append(cell.complain(block.line, what))
            elif header in TABLES:
                columns = dict(zip(header, block.cells, strict=True))
                notation.rows[header].append(Row(cell, block.line, columns))
    return notation


def sizes_beside(page: Page) -> dict[str, list[str]]:
    """The sizes of the notation page that stands in the same folder."""
    path = page.path.parent / "notation.md"
    return parse(read(path)).sizes if path.exists() else {}


def names_exist(page: Page) -> list[Complaint]:
    """Rows name what the chapters' code has, chapters that exist, and sizes of the page itself."""
    if page.path.name != "notation.md":
        return []
    chapters = [read(path) for path in paths(page.path.parent) if path.suffix == ".ipynb"]
    notation = parse(page)
    complaints = list(notation.complaints)
    for header in TABLES:
        if not notation.rows[header]:
            complaints.append(page.complain(f"the table {' | '.join(header)} is missing"))
    complaints += _unique(notation)
    used = {chapter.path.name: names_in_code(chapter) for chapter in chapters}
    for row in notation.rows[SIZES]:
        complaints += _size(row, set().union(*used.values()))
    for row in notation.rows[TENSORS]:
        complaints += _tensor(row, chapters, used, set(notation.sizes))
    for row in notation.rows[FUNCTIONS]:
        complaints += _function(row, chapters)
    return complaints


def names_in_code(page: Page) -> set[str]:
    """The names that a chapter's code assigns or takes as parameters."""
    found = set()
    for cell in page.code_cells:
        tree = None if cell.is_setup else python.tree(cell.source)
        for node in ast.walk(tree) if tree else ():
            match node:
                case ast.Name(id=name, ctx=ast.Store()):
                    found.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    found.add(name)
                case ast.arg(arg=name):
                    found.add(name)
    return found


def _unique(notation: Notation) -> Iterator[Complaint]:
    names = Counter(name for rows in notation.rows.values() for row in rows for name in row.names)
    for rows in notation.rows.values():
        for row in rows:
            if not row.names:
                yield row.complain("names nothing: write its Python name as `code`")
            for name in row.names:
                if names[name] > 1:
                    yield row.complain(f"`{name}` has {names[name]} rows: one name, one meaning")


def _size(row: Row, used: set[str]) -> Iterator[Complaint]:
    for name in row.names:
        if name not in used:
            yield row.complain(f"no chapter's code assigns `{name}` or takes it as a parameter")
    for expression in row.codes("Where you can read it"):
        try:
            ast.parse(expression, mode="eval")
        except SyntaxError:
            yield row.complain(f"`{expression}` is no Python expression to read a size from")


def _tensor(
    row: Row, chapters: list[Page], used: dict[str, set[str]], sizes: set[str]
) -> Iterator[Complaint]:
    named, faults = _chapters(row, chapters)
    yield from faults
    here = set().union(*(names for page, names in used.items() if page in named or not named))
    for name in row.names:
        if not faults and name not in here:
            where = ", ".join(sorted(named)) or "the chapters"
            yield row.complain(f"`{name}` is neither assigned nor a parameter in {where}")
    for symbol in re.findall(r"[A-Za-z_]\w*", " ".join(row.codes("Shape"))):
        if symbol not in sizes:
            yield row.complain(f"the shape names `{symbol}`, which has no row among the sizes")


def _function(row: Row, chapters: list[Page]) -> Iterator[Complaint]:
    yield from _chapters(row, chapters)[1]
    for name in row.names:
        if name not in _public():
            yield row.complain(f"`{name}` is not in bareattention: correct it, or hand it on there")


@functools.cache
def _public() -> set[str]:
    """The names that the package hands on, read and not imported: that takes seconds."""
    source = (ROOT / "code" / "bareattention" / "__init__.pyi").read_text("utf8")
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


def _chapters(row: Row, chapters: list[Page]) -> tuple[set[str], list[Complaint]]:
    """The files of the chapters that a row names, by link, by number or by a dash for none."""
    tokens, text = row.columns["Chapter"], row.text("Chapter")
    named = {address.partition("#")[0] for address in prose.targets(tokens)}
    unknown = named - {chapter.path.name for chapter in chapters}
    for number in re.findall(r"\d+", "" if named else text):
        found = [page.path.name for page in chapters if page.number == int(number)]
        named.update(found)
        unknown |= set() if found else {number}
    if unknown:
        names = ", ".join(sorted(unknown))
        return named, [row.complain(f"there is no chapter {names}: name one that exists")]
    if not named and text not in ("–", "—"):
        return named, [row.complain("names no chapter: link it, or write –")]
    return named, []
