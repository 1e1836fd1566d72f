"""What a cell shows: its text, and its HTML."""

from collections.abc import Iterator
from typing import Any

from booklint import prose
from booklint.markup import Markup
from booklint.pages import Cell

TEXT_TYPES = ("text/plain", "text/markdown", "text/latex")


def data(cell: Cell) -> Iterator[dict[str, Any]]:
    """The bundles of representations that the cell's outputs hold."""
    for output in cell.outputs:
        if "data" in output:
            yield output["data"]


def texts(cell: Cell) -> Iterator[str]:
    """Everything a reader can read in the outputs: no pictures, scripts or attributes."""
    for output in cell.outputs:
        if output["output_type"] == "stream":
            yield output["text"]
        elif output["output_type"] == "error":
            yield output["evalue"]
    for bundle in data(cell):
        yield from (bundle[kind] for kind in TEXT_TYPES if kind in bundle)
        if "text/html" in bundle:
            yield Markup(bundle["text/html"]).text


def printed(cell: Cell) -> Iterator[str]:
    """What stands on the page in letters of one width: no tables, and no errors' long traces."""
    for output in cell.outputs:
        if output["output_type"] == "stream":
            yield output["text"]
    for bundle in data(cell):
        if "text/plain" in bundle and "text/html" not in bundle and not has_image(bundle):
            yield bundle["text/plain"]


def html(cell: Cell) -> Iterator[tuple[int, str]]:
    """The pieces of HTML that a cell holds, in its outputs or in its Markdown, with their lines."""
    if cell.is_code:
        yield from ((1, bundle.get("text/html", "")) for bundle in data(cell))
        return
    for block in prose.blocks(cell.source):
        if block.kind == "html":
            yield block.line, block.text
    for line, token in prose.inline(cell.source):
        if token.type == "html_inline":
            yield line, token.content


def has_image(bundle: dict[str, Any]) -> bool:
    return any(kind.startswith("image/") for kind in bundle)
