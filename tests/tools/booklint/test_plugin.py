"""`pytest --nbval` beside the book's conftest: shape comments are a test of their own."""

import shutil
import subprocess
import sys

from booklint.pages import ROOT
from planted import code, stored

WRONG = """def f(scores):
    return scores.softmax(-1)"""


def test_lies_are_the_only_failure(tmp_path):
    shutil.copy(ROOT / "book" / "conftest.py", tmp_path)
    cells = [
        code("import torch", id="start"),
        code("x = torch.zeros(2, 3)  # (2, 3)\ny = x.T  # (2, 3)", id="lie"),
        code(WRONG, id="wrong", tags=("fails-as:overflow",)),
    ]
    (tmp_path / "05_softmax.ipynb").write_text(stored(*cells), "utf8")
    command = [sys.executable, "-m", "pytest", "--nbval", str(tmp_path), "-c", "pyproject.toml"]
    run = subprocess.run([*command, "-n0", "-q"], cwd=ROOT, capture_output=True, text=True)
    assert "1 failed, 3 passed" in run.stdout
    assert "05_softmax.ipynb, cell lie, line 2: # (2, 3): (2, 3) is (2, 3) here" in run.stdout
    assert "cell wrong, line 1: the checker does not find overflow in it, but right" in run.stdout
