"""What every tool needs that reads or writes the book: `read_notebook` and `write_whole`."""

from __future__ import annotations

import importlib.util
import json
import textwrap
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]

# By its path and not from the package, whose `__init__.py` a tool may just have to mend.
_SPEC = importlib.util.spec_from_file_location("files", ROOT / "code/bareattention/files.py")
_FILES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FILES)
write_whole = _FILES.write_whole


class NotebookError(Exception):
    """A file that is no sound notebook; the message is one line, `file: what is wrong`."""


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """The notebook stored at `path`.

    Raises: NotebookError where it cannot be read, or is not what Jupyter writes today.
    """
    try:
        return _parsed(path.read_text("utf8"))
    except UnicodeDecodeError:
        raise NotebookError(f"{path.name}: wanted text in UTF-8") from None
    except OSError as error:
        raise NotebookError(f"{path.name}: {error.strerror or error}") from None
    except NotebookError as error:
        raise NotebookError(f"{path.name}: {error}") from None


def _parsed(text: str) -> nbformat.NotebookNode:
    if not text.strip():
        raise NotebookError("the file is empty")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            raise NotebookError(f"line {number}: a merge left its mark {line[:7]}; choose one side")
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotebookError(f"line {error.lineno}: not JSON: {error.msg}") from None
    try:
        version = raw["nbformat"], raw["nbformat_minor"]
        if version != (4, 5):
            raise NotebookError("wanted nbformat 4.5, got {}.{}".format(*version))
        ids = [cell["id"] for cell in raw["cells"]]
        if twice := sorted(name for name in set(ids) if ids.count(name) > 1):
            raise NotebookError(f"two cells have the id {twice[0]}")
        nbformat.validate(raw)
    except nbformat.ValidationError as error:
        raise NotebookError(f"no sound notebook: {textwrap.shorten(error.message, 100)}") from None
    except (KeyError, TypeError) as error:
        raise NotebookError(f"no sound notebook: {error}") from None
    return nbformat.reads(text, as_version=4)
