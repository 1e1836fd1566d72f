"""Runs each chapter in a process of its own.

The threads and the hash seed are set when Python starts, and nothing that a chapter changes (random
state, default type, plotting style) may reach another.
"""

import os
import subprocess
import sys
from pathlib import Path

from execute import ENVIRONMENT

# Chapters train for up to a minute; a machine in use takes its time.
PATIENCE_S = 900


def in_a_process(path: Path) -> list[str]:
    """The complaints of the chapter stored at `path`, or what stopped the process."""
    search = os.pathsep.join([str(Path(__file__).parents[2]), os.getenv("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-m", "booklint.shapes.run", path.name],
        # Nobody looks at the pictures here.
        env=os.environ | ENVIRONMENT | {"MPLBACKEND": "agg", "PYTHONPATH": search},
        cwd=path.parent,  # where Jupyter starts a notebook
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return run.stdout.splitlines() + (run.stderr.splitlines() if run.returncode else [])
