"""Small pages to plant faults in."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
from booklint.pages import Page, parse
from chapter import METADATA
from nbformat import v4

NOTATION = """
# Notation

## Sizes

| Symbol | Python name | What it counts | Where you can read it |
|---|---|---|---|
| $T$ | `seq_len` | tokens | `queries.shape[-2]`, `embeddings.shape[-2]` |
| $d_k$ | `d_k` | channels of a query | `queries.shape[-1]`, `W_query.shape[-1]` |
| $h$ | `n_heads` | heads | `sizes.n_heads` |

## Tensors

| Symbol | Python name | What it is | Shape | Chapter |
|---|---|---|---|---|
| $Q$ | `queries` | what tokens ask | `(seq_len, d_k)` | [3](03_three.ipynb) |

## Functions and modules

| Python name | What it does | Chapter |
|---|---|---|
| `softmax` | turns scores into shares | 3 |
"""


def text(source: str, id: str = "words", tags: tuple[str, ...] = ()) -> dict[str, Any]:
    """A Markdown cell."""
    return v4.new_markdown_cell(dedent(source).strip("\n"), id=id, metadata=_tagged(tags))


def code(
    source: str = "1",
    *shown: dict[str, Any],
    id: str = "work",
    tags: tuple[str, ...] = (),
    **metadata: Any,
) -> dict[str, Any]:
    """A code cell and its outputs; its count is set when the notebook is put together."""
    settings = {"id": id, "metadata": _tagged(tags) | metadata, "outputs": list(shown)}
    return v4.new_code_cell(dedent(source).strip("\n"), **settings)


def prints(shown: str) -> dict[str, Any]:
    return v4.new_output("stream", name="stdout", text=shown)


def shows(kind: str, value: str = "not looked at") -> dict[str, Any]:
    return v4.new_output("display_data", data={kind: value})


def raises() -> dict[str, Any]:
    return v4.new_output("error", ename="ValueError", evalue="no", traceback=[])


def notebook(*cells: dict[str, Any], path: Path = Path("05_softmax.ipynb")) -> Page:
    """A page of these cells, counted as if it had been run."""
    return parse(path, stored(*cells))


def stored(*cells: dict[str, Any]) -> str:
    """What the file of such a notebook holds."""
    counted = [cell for cell in cells if cell["cell_type"] == "code"]
    for count, cell in enumerate(counted, start=1):
        cell["execution_count"] = count
    return nbformat.writes(v4.new_notebook(cells=list(cells), metadata=METADATA))


def markdown(source: str, path: Path = Path("notation.md")) -> Page:
    return parse(path, dedent(source).strip("\n"))


def _tagged(tags: tuple[str, ...]) -> dict[str, Any]:
    return {"tags": list(tags)} if tags else {}
