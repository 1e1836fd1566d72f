"""Run chapters where their readers do: each alone in an empty folder, with the package installed.

    python tools/elsewhere.py                       # all chapters
    python tools/elsewhere.py book/01_parameters.ipynb

It changes no notebook.  It asks of its Python the package (not from this folder), nbclient and
ipykernel, and says for each chapter how long it took, what it held in memory at most, and which
cells print something else than here: other versions may round otherwise.  It fails where a cell
does, or where a chapter needs more memory than Binder promises.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path

import nbformat
from execute import client, prepare
from nbclient.exceptions import CellExecutionError, DeadKernelError
from notebooks import ROOT, read_notebook

MOST_MEMORY = 1536  # MB
MEGABYTE = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux kilobytes
VERSIONS = ("torch", "torchvision", "torchaudio")


def printed(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell prints, as nbval compares it: the text, not the pictures."""
    outputs = cell.get("outputs", [])
    texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]
    return ["".join(text) for text in texts]


def run(path: Path, most: int) -> tuple[str, bool]:
    """Run one chapter; return a line about it, and whether it is well.

    To be called in a process of its own, whose only child is the chapter's kernel.
    """
    stored, notebook = read_notebook(path), read_notebook(path)
    started, failure = time.monotonic(), ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            client(notebook, folder, timeout=1200).execute()
        except (CellExecutionError, DeadKernelError) as error:
            failure = f"\n{error}"
    seconds = time.monotonic() - started
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // MEGABYTE
    other = [
        after.id
        for before, after in zip(stored.cells, notebook.cells, strict=True)
        if printed(before) != printed(after)
        and "nbval-ignore-output" not in before.metadata.get("tags", [])
    ]
    said = failure or (f"other output: {', '.join(other)}" if other else "same output")
    well = not failure and memory <= most
    said += f": more than {most} MB" if memory > most else ""
    return f"{path.stem:30}{seconds:6.0f} s{memory:7} MB  {said}", well


def main(arguments: list[str]) -> int:
    """Run the chapters named, or all; 1 if one is not well."""
    prepare()
    paths = [Path(argument).resolve() for argument in arguments]
    paths = paths or sorted((ROOT / "book").glob("*.ipynb"))
    for found in (found for name in VERSIONS for found in metadata.distributions(name=name)):
        print(found.name, found.version)
    well = True
    with ProcessPoolExecutor(max_workers=1, max_tasks_per_child=1) as pool:
        for line, fine in pool.map(run, paths, [MOST_MEMORY] * len(paths)):
            print(line, flush=True)
            well &= fine
    return int(not well)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
