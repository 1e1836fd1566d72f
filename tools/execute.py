"""Execute chapters again, in place, so that a second run leaves no difference.

    python tools/execute.py                          # all notebooks of the book
    python tools/execute.py book/05_softmax.ipynb    # some of them

Nothing volatile is stored: no times, no output metadata, fixed cell ids, counts from 1 to n.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from chapter import FORMAT, KERNEL, METADATA
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
# The same for every execution: here, and in conftest.py for nbval.
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "BAREATTENTION_DATA": "",  # stored outputs are those of the packaged digits
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "JUPYTER_PREFER_ENV_PATH": "1",
}


def normalised(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what changes from run to run, or from front end to front end."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = FORMAT
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "papermill"):
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            if output.output_type in ("execute_result", "display_data"):
                output.metadata = nbformat.from_dict({})
    return notebook


def execute(path: Path) -> str:
    """Execute one notebook in place; say whether it changed, or which cell failed."""
    before = path.read_text("utf8")
    notebook = nbformat.reads(before, as_version=4)
    started = ["none"]
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name=KERNEL["name"],
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # no advice on encrypting local sockets
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: started.append(cell.get("id", cell_index)),
    )
    try:
        client.execute(env={**os.environ, **ENVIRONMENT})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return f"failed     {path.name}, cell {started[-1]}\n{error}"
    after = nbformat.writes(normalised(notebook)) + "\n"
    nbformat.validate(notebook)
    if after == before:
        return f"unchanged  {path.name}"
    path.write_text(after, "utf8")
    return f"changed    {path.name}"


def main(arguments: list[str]) -> int:
    """Execute the notebooks named, or all; 1 if any failed."""
    os.environ.update(ENVIRONMENT)
    paths = [Path(argument).resolve() for argument in arguments]
    paths = paths or sorted((ROOT / "book").glob("*.ipynb"))
    if missing := [str(path) for path in paths if not path.is_file()]:
        print(f"execute: no such notebook: {', '.join(missing)}")
        return 2
    failed = False
    with ProcessPoolExecutor(max_workers=min(len(paths) or 1, os.cpu_count() or 1)) as pool:
        for message in pool.map(execute, paths):
            print(message, flush=True)
            failed |= message.startswith("failed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
