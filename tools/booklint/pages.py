"""The pages of the book as the checks see them: notebooks and Markdown files, read alike."""

import functools
import json
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"


@dataclass(frozen=True)
class Complaint:
    """One fault: where it stands, and what to do about it.  Lines count from 1 within a cell."""

    page: str
    cell: str
    line: int
    what: str

    def __str__(self) -> str:
        cell = f", cell {self.cell}" if self.cell else ""
        return f"{self.page}{cell}, line {self.line}: {self.what}"


@dataclass
class Cell:
    """A cell of a notebook.  A Markdown page is one cell without an id."""

    page: str
    id: str
    kind: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    count: int | None = None

    @property
    def tags(self) -> list[str]:
        return list(self.metadata.get("tags", []))

    @property
    def is_code(self) -> bool:
        return self.kind == "code"

    @property
    def is_markdown(self) -> bool:
        return self.kind == "markdown"

    @property
    def is_setup(self) -> bool:
        return "setup" in self.tags

    def complain(self, line: int, what: str) -> Complaint:
        return Complaint(self.page, self.id, line, what)


@dataclass
class Page:
    """A notebook or a Markdown file of the book."""

    path: Path
    cells: list[Cell]
    raw: dict[str, Any] | None = None  # the notebook's JSON, before nbformat mends anything

    @property
    def is_notebook(self) -> bool:
        return self.raw is not None

    @property
    def number(self) -> int | None:
        """The chapter's number; None for the pages around the chapters."""
        match = re.match(r"(\d+)_", self.path.name)
        return int(match.group(1)) if match and self.is_notebook else None

    @property
    def code_cells(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.is_code]

    @property
    def markdown_cells(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.is_markdown]

    def complain(self, what: str) -> Complaint:
        return Complaint(self.path.name, "", 1, what)


def parse(path: Path, text: str) -> Page:
    """The page that a file of this name and text is."""
    if path.suffix == ".md":
        return Page(path, [Cell(path.name, "", "markdown", text)])
    raw = json.loads(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It mends what the checks complain of.
        notebook = nbformat.reads(text, as_version=4)
    cells = [
        Cell(
            page=path.name,
            id=stored.get("id", ""),
            kind=cell.cell_type,
            source=cell.source,
            metadata=cell.metadata,
            outputs=cell.get("outputs", []),
            count=cell.get("execution_count"),
        )
        for stored, cell in zip(raw["cells"], notebook.cells, strict=True)
    ]
    return Page(path, cells, raw=raw)


@functools.cache
def _read(path: Path, changed_ns: int) -> Page:
    return parse(path, path.read_text("utf8"))


def read(path: Path) -> Page:
    """The page stored at `path`; read again only when the file has changed."""
    return _read(path, path.stat().st_mtime_ns)


def paths(folder: Path = BOOK) -> list[Path]:
    """Every page of the book, in reading order."""
    return sorted([*folder.glob("*.ipynb"), *folder.glob("*.md")])
