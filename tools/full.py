"""Run the chapters that take digits on all of MNIST, from top to bottom; the book stays as it is.

    python tools/full.py                               # from chapter 11 on
    python tools/full.py book/12_one_sample_at_a_time.ipynb    # some of them

Their checks hold there, too, or it says which cell failed.  What they show stands in _build/full;
docs/full.json keeps the processor seconds and the memory that each took.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nbformat
from elsewhere import MEGABYTE
from execute import client, prepare
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import v4
from notebooks import ROOT, read_notebook, write_whole

FIRST, SHOWN, KEPT = 11, ROOT / "_build" / "full", ROOT / "docs" / "full.json"
NEEDED = """\
import json, resource
from bareattention.experiments.runs import machine_class, versions
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu_seconds": round(used.ru_utime + used.ru_stime), "megabytes": used.ru_maxrss,
                  "machine": machine_class(), "versions": versions()}))"""


def run(path: Path) -> dict:
    """Run one chapter with all of MNIST; what it needed.  Raises: CellExecutionError."""
    notebook = read_notebook(path)
    notebook.cells.append(v4.new_code_cell(NEEDED))
    try:
        client(notebook, path.parent, timeout=None).execute()
    finally:
        SHOWN.mkdir(parents=True, exist_ok=True)
        write_whole(SHOWN / path.name, nbformat.writes(notebook).encode("utf8"))
    needed = json.loads(notebook.cells[-1].outputs[0].text)
    return needed | {"megabytes": needed["megabytes"] // MEGABYTE}


def main(arguments: list[str], kept: Path = KEPT) -> int:
    """Run the chapters named, or all from FIRST on; 1 if any failed."""
    every = sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
    paths = [Path(argument).resolve() for argument in arguments]
    paths = paths or [path for path in every if int(path.stem[:2]) >= FIRST]
    if missing := [str(path) for path in paths if not path.is_file()]:
        print(f"full: no such notebook: {', '.join(missing)}")
        return 2
    prepare()
    os.environ["BAREATTENTION_DATA"] = "mnist"
    failed = False
    for path in paths:
        try:
            needed = run(path)
        except (CellExecutionError, DeadKernelError) as error:
            print(f"failed  {path.name}\n{error}", flush=True)
            failed = True
            continue
        print(f"{needed['cpu_seconds']:6} s {needed['megabytes']:6} MB  {path.name}", flush=True)
        table = json.loads(kept.read_text("utf8")) if kept.exists() else {}
        table = dict(sorted((table | {path.stem: needed}).items()))
        write_whole(kept, (json.dumps(table, indent=1) + "\n").encode("utf8"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
