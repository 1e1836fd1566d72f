"""Offer each notebook for download without its pictures: they are on the page, and ten megabytes.

What a cell prints stays; the pictures come when a reader runs the cells.
"""

import re
from pathlib import Path

import nbformat

WITHIN = re.compile(r"data:image/png;base64,[\w+/=]+")


def lighten(path: Path) -> None:
    """Take the pictures out of a notebook's outputs; what stands in for them in words stays."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for part in ("data", "metadata"):
                output.get(part, {}).pop("image/png", None)
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = WITHIN.sub("data:,", data["text/html"])
    nbformat.write(notebook, path)


def lighten_all(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        for path in (Path(app.outdir) / "_sources").rglob("*.ipynb"):
            lighten(path)


def setup(app) -> None:
    app.connect("build-finished", lighten_all)
