"""The surroundings of every test, and of the kernels that `pytest --nbval book/` starts.

A chapter is compared with outputs that tools/execute.py stored, so both run under the same
settings.  The kernels inherit them from here.
"""

import os
from pathlib import Path

import pytest
from execute import ENVIRONMENT, prepare  # tools/ is on the path: see pyproject.toml
from notebooks import ROOT, NotebookError, read_notebook

os.environ.update(ENVIRONMENT)


def pytest_configure(config):
    """What nbval needs, from whichever folder it is called."""
    config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval.cfg")
    if not getattr(config.option, "nbval", False) or hasattr(config, "workerinput"):
        return
    for path in [Path(argument.partition("::")[0]) for argument in config.args]:
        for notebook in [path] if path.suffix == ".ipynb" else path.glob("*.ipynb"):
            try:
                read_notebook(notebook)  # nbval's own word for a damaged one is a traceback
            except NotebookError as error:
                raise pytest.UsageError(str(error)) from None
    prepare()
