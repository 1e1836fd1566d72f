"""`pytest --nbval` beside the book's conftest: shape comments are a test of their own."""

import shutil
import subprocess
import sys

from booklint.pages import ROOT
from planted import code, stored


def test_a_lie_is_the_only_failure(tmp_path):
    shutil.copy(ROOT / "book" / "conftest.py", tmp_path)
    cells = [
        code("import torch", id="start"),
        code("x = torch.zeros(2, 3)  # (2, 3)\ny = x.T  # (2, 3)", id="lie"),
    ]
    (tmp_path / "05_softmax.ipynb").write_text(stored(*cells), "utf8")
    command = [sys.executable, "-m", "pytest", "--nbval", str(tmp_path), "-c", "pyproject.toml"]
    run = subprocess.run([*command, "-n0", "-q"], cwd=ROOT, capture_output=True, text=True)
    assert "1 failed, 2 passed" in run.stdout
    assert "05_softmax.ipynb, cell lie, line 2: # (2, 3): (2, 3) is (2, 3) here" in run.stdout
