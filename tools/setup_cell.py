"""The set-up cell, which stands word for word the same in every notebook.

It installs the book's package where it is missing (Colab), and does nothing elsewhere.  Where to
install from is the repository's address, which `make repository` writes; while there is none, the
cell says so.
"""

from __future__ import annotations

import re
from pathlib import Path

from address import Repository, read_address

ROOT = Path(__file__).resolve().parents[1]
CELL_ID = "setup"
CELL_TAGS = ["setup", "remove-cell"]

NOWHERE = """\
# Set-up: says what to do where the book's package is missing.
from importlib.util import find_spec

if find_spec("bareattention") is None:
    raise ModuleNotFoundError(
        "The book's package is missing.  Type `make book` in your copy,"
        " then choose the Python in its folder .venv as the kernel."
    )"""
# What pip is told of stays as it is: a newer PyTorch would break torchvision and torchaudio, newer
# arrays and tables what else the host has.
SOMEWHERE = """\
# Set-up: installs the book's package where it is missing; elsewhere, nothing.
from importlib.metadata import version
from importlib.util import find_spec

if find_spec("bareattention") is None:
    source = "git+{url}@{branch}"
    kept = filter(find_spec, "matplotlib numpy pandas scipy torch".split())
    kept = " ".join(f"{{name}}=={{version(name)}}" for name in kept)
    %pip install --quiet "bareattention @ {{source}}" {{kept}}
    if find_spec("bareattention") is None:
        raise ImportError("pip says why, above; PyTorch {torch} or newer is needed")"""


def oldest_torch(root: Path = ROOT) -> str:
    """The oldest PyTorch that pyproject.toml takes."""
    return re.search(r'"torch>=([\d.]+)', (root / "pyproject.toml").read_text("utf8"))[1]


def setup_cell(repository: Repository | None) -> str:
    """The source of the set-up cell for a repository; None while the book has no address."""
    if repository is None:
        return NOWHERE
    return SOMEWHERE.format(url=repository.url, branch=repository.branch, torch=oldest_torch())


SETUP_CELL = setup_cell(read_address(ROOT))
