"""Runs a chapter cell by cell, with its shape comments checked on the way.

`python -m booklint.shapes.run CHAPTER` prints its complaints.
"""

import __future__

import ast
import contextlib
import functools
import io
import linecache
import operator
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

from booklint.notation import sizes_beside
from booklint.pages import Cell, Complaint, Page, read
from booklint.shapes.comments import find
from booklint.shapes.instrument import JUDGE, LOCALS, instrument
from booklint.shapes.judge import Judge

FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)


def complaints(page: Page) -> list[Complaint]:
    """Every shape comment of the page that lies, cannot be resolved or was never reached."""
    sizes = sizes_beside(page)
    with _fresh_main() as module:
        judge = Judge(sizes, module.__dict__)
        module.__dict__.update({JUDGE: judge, LOCALS: locals, "display": _show_nothing})
        found, flags = [], 0
        for cell in page.code_cells:
            if cell.is_setup:
                continue
            try:
                flags = _run(cell, module.__dict__, judge, sizes, flags, found)
            except Exception as error:
                what = f"stops with {type(error).__name__}: {error}"
                line = _line_of(error, cell)
                return [*found, *_of_sites(judge), cell.complain(line, what)]
    never = [
        site.complain(f"# {site.comment}: never run in the whole chapter, so nothing checks it")
        for site in judge.sites
        if not site.runs
    ]
    return [*found, *_of_sites(judge), *never]


def _run(
    cell: Cell, namespace: dict, judge: Judge, sizes: dict, flags: int, found: list[Complaint]
) -> int:
    """Runs one cell.  Returns the `__future__` flags that hold from here on, as Jupyter does."""
    may_raise = "raises-exception" in cell.tags
    name = _file_name(cell)
    lines = cell.source.splitlines(keepends=True)
    # So that inspect.getsource works, as in a notebook.
    linecache.cache[name] = (len(cell.source), None, lines, name)
    try:
        tree = ast.parse(cell.source, name)
        comments = find(cell.source, sizes)
        found += [cell.complain(line, what) for line, what in comments.faults]
        tree, faults = instrument(cell, tree, comments.comments, judge)
        found += faults
        code = compile(tree, name, "exec", flags=flags, dont_inherit=True)
        exec(code, namespace)
    except SystemExit as end:
        raise RuntimeError("a cell must not end Python") from end
    except Exception:
        if not may_raise:
            raise
        return flags
    finally:
        _close_figures()
    return flags | (code.co_flags & FUTURE)


def _of_sites(judge: Judge) -> list[Complaint]:
    return [site.complaint for site in judge.sites if site.complaint is not None]


def _file_name(cell: Cell) -> str:
    return f"<{cell.page} {cell.id}>"


def _line_of(error: BaseException, cell: Cell) -> int:
    """The line of the cell on which it stopped."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    traceback, line = error.__traceback__, 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _file_name(cell):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


@contextlib.contextmanager
def _fresh_main() -> Iterator[types.ModuleType]:
    """An empty `__main__`, as a notebook has it: classes, dataclasses and pickles find it there."""
    module, before = types.ModuleType("__main__"), sys.modules["__main__"]
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield module
    finally:
        sys.modules["__main__"] = before


def _show_nothing(*_values: object, **_options: object) -> None:
    """Stands for the `display` that notebooks have without importing it."""


def _close_figures() -> None:
    """Jupyter shows and closes a cell's figures at its end."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


if __name__ == "__main__":
    for complaint in complaints(read(Path(sys.argv[1]).resolve())):
        print(complaint)
