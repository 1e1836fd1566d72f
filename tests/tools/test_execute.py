"""Chapters are executed in place: what is stored, what is not, and what a failure says."""

import os
import signal
import subprocess
import sys
import time

import execute
import nbformat
import pytest
from execute import ENVIRONMENT
from nbformat import v4
from notebooks import read_notebook
from setup_cell import ROOT

EXECUTE = [sys.executable, ROOT / "tools" / "execute.py"]
PICTURE = """\
from IPython.display import Image, display

display(Image(data=b"\\x89PNG", format="png"), metadata={"image/png": {"width": 40}})"""


def write(path, *sources):
    """A notebook as a front end might leave it: old counts, outputs and times."""
    cells = [v4.new_markdown_cell("# A chapter", id="title")]
    for i, source in enumerate(sources):
        cell = v4.new_code_cell(source, id=f"cell-{i}", execution_count=90 - i)
        cell.outputs = [v4.new_output("stream", text="an old output\n")]
        cell.metadata = {"tags": ["kept"], "execution": {"iopub.status.busy": "2001-01-01"}}
        cell.metadata |= {"ExecuteTime": {"end_time": "2001-01-01"}, "papermill": {"duration": 1}}
        cells.append(cell)
    metadata = {"kernelspec": {"name": "my-venv", "display_name": "Mine"}, "widgets": {}}
    path.write_text(nbformat.writes(v4.new_notebook(cells=cells, metadata=metadata)), "utf8")
    return path


def run(*paths, **environment):
    settings = {"capture_output": True, "text": True, "timeout": 300}
    return subprocess.run([*EXECUTE, *paths], env=os.environ | environment, **settings)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Two notebooks executed where a reader's home cannot be written to, and warnings are errors.

    The second has a cell that fails, the third one that ends its kernel.
    """
    folder = tmp_path_factory.mktemp("book")
    sound = write(
        folder / "01_sound.ipynb",
        "import os\nfor i in range(3):\n    print(i, flush=True)",
        "[os.environ[name] for name in " + repr([*ENVIRONMENT]) + "]",
        "import matplotlib.pyplot",
        PICTURE,
        "from pathlib import Path\n\nPath.cwd().name",
    )
    faulty = [
        write(folder / "02_broken.ipynb", "x = 1", "undefined_name + x", "print('never reached')"),
        write(folder / "03_dying.ipynb", "x = 1", "import os\nos._exit(3)"),
    ]
    before = [path.read_bytes() for path in faulty]
    elsewhere = {"HOME": "/dev/null", "PYTHONWARNINGS": "error"} | dict.fromkeys(
        [name for name in ENVIRONMENT if name.endswith("DIR")], "/dev/null"
    )
    said = run(sound, *faulty, **elsewhere)
    assert said.returncode == 1, said.stderr
    assert [path.read_bytes() for path in faulty] == before
    return {"said": said.stdout, "sound": sound, "notebook": read_notebook(sound)}


def test_counts_run_from_1_to_n_and_outputs_are_new(executed):
    code = [cell for cell in executed["notebook"].cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5]
    stream, settings, nothing, picture, folder = [cell.outputs for cell in code]
    assert [(o.output_type, o.text) for o in stream] == [("stream", "0\n1\n2\n")]
    assert eval(settings[0].data["text/plain"]) == [*ENVIRONMENT.values()]
    assert nothing == []  # no word of a home that cannot be written to
    assert "image/png" in picture[0].data and picture[0].metadata == {"image/png": {"width": 40}}
    assert folder[0].data["text/plain"] == repr(executed["sound"].parent.name)


def test_nothing_volatile_is_stored(executed):
    notebook = executed["notebook"]
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells[1:]:
        assert cell.metadata == {"tags": ["kept"]}
    assert [cell.id for cell in notebook.cells] == ["title", *(f"cell-{i}" for i in range(5))]
    text = executed["sound"].read_text("utf8")
    assert text == nbformat.writes(notebook) + "\n" and "2001-01-01" not in text


def test_a_failing_cell_is_named_and_the_others_are_executed(executed):
    for says in (
        "changed    01_sound.ipynb\n",
        "failed     02_broken.ipynb, cell cell-1\n",
        ": name 'undefined_name' is not defined",
        "failed     03_dying.ipynb, cell cell-1\n",
    ):
        assert says in executed["said"]


def test_a_second_run_changes_no_byte(executed):
    before = executed["sound"].read_bytes(), executed["sound"].stat().st_mtime_ns
    assert run(executed["sound"]).stdout == "unchanged  01_sound.ipynb\n"
    assert (executed["sound"].read_bytes(), executed["sound"].stat().st_mtime_ns) == before


def test_a_missing_notebook_is_named_before_anything_runs(tmp_path, capsys):
    there = write(tmp_path / "01_there.ipynb", "1 / 0")
    assert execute.main([str(there), str(tmp_path / "99_missing.ipynb")]) == 2
    assert capsys.readouterr().out == f"execute: no such notebook: {tmp_path}/99_missing.ipynb\n"


def test_an_edit_made_meanwhile_is_not_overwritten(tmp_path):
    edit = "from pathlib import Path\n\nPath('01_edited.ipynb').write_text('mine')"
    edited = write(tmp_path / "01_edited.ipynb", edit)
    says = "failed     01_edited.ipynb: it was edited while it was executed"
    assert execute.execute(edited) == says
    assert edited.read_text() == "mine"


def test_a_full_disk_leaves_the_notebook_whole(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(f"{path} cannot be written: No space left on device")

    notebook = write(tmp_path / "01_whole.ipynb", "1")
    before = notebook.read_bytes()
    monkeypatch.setattr(execute, "write_whole", full)
    assert (
        execute.execute(notebook)
        == f"failed     {notebook} cannot be written: No space left on device"
    )
    assert notebook.read_bytes() == before


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_an_execution_that_is_ended(tmp_path, end):
    notebook = write(
        tmp_path / "01_long.ipynb",
        "from pathlib import Path\nfrom time import sleep, time\n\nfor _ in range(1000):\n"
        "    Path('alive').write_text(str(time()))\n    sleep(0.05)",
    )
    before, alive = notebook.read_bytes(), tmp_path / "alive"
    process = subprocess.Popen([*EXECUTE, notebook])
    while not alive.exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(end)
    assert process.wait(timeout=10) != 0
    time.sleep(3)  # a kernel looks once a second whether its parent is there
    last = alive.read_text()
    time.sleep(0.5)
    assert alive.read_text() == last and notebook.read_bytes() == before
