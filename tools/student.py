"""Write the chapters without their solutions, for a class.

python tools/student.py            # into _build/student
python tools/student.py FOLDER

A student's notebook ends where the solutions begin, and has no outputs.  Everything else stands, so
that it runs from top to bottom.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from chapter import SECTIONS
from notebooks import ROOT, read_notebook, write_whole

HEADING = f"## {SECTIONS['solutions']}"
# What speaks of the solutions before they come.
POINTER = re.compile(r"^The solutions (are|stand) at the end of the chapter\.\n?", re.MULTILINE)


class StudentError(Exception):
    """A chapter that cannot be cut; the message says why."""


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Cut a chapter where its solutions begin, and clear its outputs."""
    starts = [cell.source.startswith(HEADING) for cell in notebook.cells]
    if not any(starts):
        raise StudentError(f"there is no {HEADING}")
    end = starts.index(True)
    after = "\n".join(c.source for c in notebook.cells[end:] if c.cell_type == "markdown")
    if re.search(r"^## ", after.removeprefix(HEADING), re.MULTILINE):
        raise StudentError(f"something stands after {HEADING}, and would be lost")
    notebook.cells = notebook.cells[:end]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = POINTER.sub("", cell.source).rstrip()
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    return notebook


def main(arguments: list[str]) -> int:
    """Write every chapter without its solutions; 0 if all went well."""
    folder = Path(arguments[0]) if arguments else ROOT / "_build" / "student"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb")):
        try:
            notebook = without_solutions(read_notebook(path))
        except StudentError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            return 1
        write_whole(folder / path.name, nbformat.writes(notebook) + "\n")
    print(f"The chapters without solutions stand in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
