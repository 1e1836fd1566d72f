"""Execute chapters again, in place, so that a second run leaves no difference.

    python tools/execute.py                          # all notebooks of the book
    python tools/execute.py book/05_softmax.ipynb    # some of them

Nothing volatile is stored: no times, of outputs' metadata only the sizes of pictures, fixed cell
ids, counts from 1 to n.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from chapter import FORMAT, KERNEL, METADATA
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from notebooks import ROOT, NotebookError, read_notebook, write_whole

# What Jupyter and matplotlib keep: not in the reader's home, whose settings would change chapters.
KEPT = ROOT / "_build" / "kernels"
# The same for every execution: here, and in conftest.py for nbval.
ENVIRONMENT = {
    "IPYTHONDIR": str(KEPT / "ipython"),
    "MPLCONFIGDIR": str(KEPT / "matplotlib"),
    "PYTHONWARNINGS": "",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "BAREATTENTION_DATA": "",  # stored outputs are those of the packaged digits
    "BAREATTENTION_TOUCH": "page",  # they hold no script: the built page brings it
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "JUPYTER_PREFER_ENV_PATH": "1",
}

PICTURE = "image/png"
ARGUMENTS = [
    "--IPKernelApp.log_level=ERROR",  # no advice on encrypting local sockets
    "--InlineBackend.figure_formats=retina",  # twice the pixels, and their size stored with them
]


def normalised(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what changes from run to run, or from front end to front end."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = FORMAT
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "papermill"):
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            if output.output_type in ("execute_result", "display_data"):
                sizes = {kind: size for kind, size in output.metadata.items() if kind == PICTURE}
                output.metadata = nbformat.from_dict(sizes)
    return notebook


def prepare() -> None:
    """Put this process under ENVIRONMENT, which the kernels inherit, and build the font cache.

    A missing font cache would put a line about it into a chapter's output.
    """
    os.environ.update(ENVIRONMENT)
    fonts = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(fonts, env={**os.environ, "MPLBACKEND": "agg"}, check=True, capture_output=True)


def client(notebook: nbformat.NotebookNode, folder: Path | str, **more) -> NotebookClient:
    """What runs a notebook in a folder, in a kernel of this Python; `more` is for nbclient."""
    return NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        coalesce_streams=True,
        extra_arguments=ARGUMENTS,
        resources={"metadata": {"path": str(folder)}},
        **more,
    )


def execute(path: Path) -> str:
    """Execute one notebook in place; say whether it changed, or which cell failed."""
    started = ["none"]
    try:
        notebook, before = read_notebook(path), path.read_bytes()
        client(
            notebook,
            path.parent,
            timeout=600,
            record_timing=False,
            on_cell_execute=lambda cell, cell_index: started.append(cell.id),
        ).execute()
        after = (nbformat.writes(normalised(notebook)) + "\n").encode("utf8")
        nbformat.validate(notebook)
        if after == before:
            return f"unchanged  {path.name}"
        if path.read_bytes() != before:
            return f"failed     {path.name}: it was edited while it was executed"
        write_whole(path, after)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return f"failed     {path.name}, cell {started[-1]}\n{error}"
    except (NotebookError, OSError) as error:
        return f"failed     {error}"
    return f"changed    {path.name}"


def main(arguments: list[str]) -> int:
    """Execute the notebooks named, or all; 1 if any failed."""
    paths = [Path(argument).resolve() for argument in arguments]
    paths = paths or sorted((ROOT / "book").glob("*.ipynb"))
    if missing := [str(path) for path in paths if not path.is_file()]:
        print(f"execute: no such notebook: {', '.join(missing)}")
        return 2
    prepare()
    failed = False
    # Threads and not processes: whatever ends this process, nobody is left to write a notebook,
    # and the kernels end within a second of their parent.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        try:
            for message in pool.map(execute, paths):
                print(message, flush=True)
                failed |= message.startswith("failed")
        except KeyboardInterrupt:
            print("execute: stopped; what was under way is as it was before", flush=True)
            os._exit(130)  # the usual way out waits for the threads
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
