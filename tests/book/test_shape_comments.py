"""Every shape comment of every chapter is held against the real tensor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from truth.pages import ROOT, paths, read
from truth.shapes.comments import find

# Chapters train for up to a minute; a machine in use takes its time.
PATIENCE_S = 900
# What the kernels of `make chapters` get too, but for the pictures, which nobody looks at here.
SURROUNDINGS = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "MPLBACKEND": "agg",
}
NOTEBOOKS = [path for path in paths() if path.suffix == ".ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_shape_comments_tell_the_truth(path: Path) -> None:
    search = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.getenv("PYTHONPATH")]))
    run = subprocess.run(
        [sys.executable, "-m", "truth.shapes", str(path)],
        env=os.environ | SURROUNDINGS | {"PYTHONPATH": search},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 0, f"\n{run.stdout}{run.stderr}"


@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if read(path).number], ids=lambda path: path.stem
)
def test_shapes_are_commented(path: Path) -> None:
    """A chapter without any shape comment would pass the test above by saying nothing."""
    cells = [cell for cell in read(path).code_cells if not cell.is_setup]
    assert any(find(cell.source, ()).comments for cell in cells), f"{path.name}: no shape comment"
