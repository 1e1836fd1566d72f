"""The set-up cell, which stands word for word the same in every notebook.

It installs the book's package where it is missing (Colab), and does nothing elsewhere.  Where to
install from is the repository's address, and that stands in one place: `[project.urls]` of
pyproject.toml, written by `make repository URL=…`.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CELL_ID = "setup"
CELL_TAGS = ["setup", "remove-cell"]

TEMPLATE = """\
# Set-up: installs the book's package where it is missing; elsewhere, nothing.
import importlib.util

if importlib.util.find_spec("bareattention") is None:
    repository = "ADDRESS"
    if not repository:
        raise ModuleNotFoundError(
            "The book's package is missing.  Type `make book` in your copy,"
            " then choose the Python in its folder .venv as the kernel."
        )
    %pip install --quiet "bareattention @ git+{repository}"
"""


def read_address(root: Path = ROOT) -> str:
    """The repository's address as pyproject.toml states it; empty while there is none.

    A Python that is too old for tomllib can do this as well: `make repository` asks for no .venv.
    """
    text = (root / "pyproject.toml").read_text("utf8")
    stated = re.search(r'^Repository = "(.*)"$', text, re.MULTILINE)
    return stated[1] if stated else ""


def setup_cell(address: str) -> str:
    """The source of the set-up cell for a repository at this address; empty means none yet."""
    return TEMPLATE.replace("ADDRESS", address).rstrip("\n")


SETUP_CELL = setup_cell(read_address())
