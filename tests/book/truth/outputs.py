"""What a cell shows, as text."""

from collections.abc import Iterator
from typing import Any

from truth.markup import Markup
from truth.pages import Cell

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


def has_image(bundle: dict[str, Any]) -> bool:
    return any(kind.startswith("image/") for kind in bundle)
