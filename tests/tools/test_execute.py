"""Chapters are executed in place: what is stored, what is not, and what a failure says."""

import json
import subprocess
import sys

import nbformat
import pytest
from execute import ENVIRONMENT
from nbformat import v4
from setup_cell import ROOT

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


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "execute.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A sound notebook after one execution, beside one that fails; and what was said."""
    folder = tmp_path_factory.mktemp("book")
    sound, broken = folder / "01_sound.ipynb", folder / "02_broken.ipynb"
    write(
        sound,
        "import os\nfor i in range(3):\n    print(i, flush=True)",
        "{name: os.environ[name] for name in " + repr(sorted(ENVIRONMENT)) + "}",
        PICTURE,
        "from pathlib import Path\n\nPath.cwd().name, hash('attention')",
    )
    write(broken, "x = 1", "undefined_name + x", "print('never reached')")
    before = broken.read_bytes()
    ran = run(sound, broken)
    return {"ran": ran, "sound": sound, "broken": broken, "before": before}


@pytest.fixture(scope="module")
def notebook(executed):
    return json.loads(executed["sound"].read_text("utf8"))


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_counts_run_from_1_to_n(notebook):
    assert [cell["execution_count"] for cell in code(notebook)] == [1, 2, 3, 4]
    for cell in code(notebook):
        for output in cell["outputs"]:
            assert output.get("execution_count") in (None, cell["execution_count"])


def test_outputs_are_new_and_a_stream_is_one_output(notebook):
    first = code(notebook)[0]["outputs"]
    assert [(o["output_type"], "".join(o["text"])) for o in first] == [("stream", "0\n1\n2\n")]


def test_the_kernel_runs_where_the_chapter_lies_and_under_the_books_settings(notebook, executed):
    found = "".join(code(notebook)[1]["outputs"][0]["data"]["text/plain"])
    for name, value in ENVIRONMENT.items():
        assert f"{name!r}: {value!r}" in found
    where = "".join(code(notebook)[3]["outputs"][0]["data"]["text/plain"])
    assert where.startswith(f"('{executed['sound'].parent.name}', ")


def test_nothing_volatile_is_stored(notebook):
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    for cell in code(notebook):
        assert cell["metadata"] == {"tags": ["kept"]}
        for output in cell["outputs"]:
            assert not output.get("metadata")
    assert [cell["id"] for cell in notebook["cells"]] == ["title", *(f"cell-{i}" for i in range(4))]
    assert "2001-01-01" not in json.dumps(notebook)


def test_the_file_is_written_as_nbformat_writes_it(executed):
    text = executed["sound"].read_text("utf8")
    again = nbformat.reads(text, as_version=4)
    nbformat.validate(again)
    assert text == nbformat.writes(again) + "\n"


def test_a_second_run_changes_no_byte(executed):
    before = executed["sound"].read_bytes(), executed["sound"].stat().st_mtime_ns
    ran = run(executed["sound"])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout == "unchanged  01_sound.ipynb\n"
    assert (executed["sound"].read_bytes(), executed["sound"].stat().st_mtime_ns) == before


def test_a_failing_cell_is_named_and_its_notebook_left_alone(executed):
    ran, said = executed["ran"], executed["ran"].stdout
    assert ran.returncode == 1
    assert "failed     02_broken.ipynb, cell cell-1\n" in said
    assert "undefined_name + x" in said and "NameError" in said
    assert executed["broken"].read_bytes() == executed["before"]
    # The others are executed all the same.
    assert "changed    01_sound.ipynb" in said


def test_a_kernel_that_dies_is_a_failure_that_names_its_cell(tmp_path):
    write(tmp_path / "03_dying.ipynb", "x = 1", "import os\nos._exit(3)")
    before = (tmp_path / "03_dying.ipynb").read_bytes()
    ran = run(tmp_path / "03_dying.ipynb")
    assert ran.returncode == 1
    assert ran.stdout.startswith("failed     03_dying.ipynb, cell cell-1\n")
    assert (tmp_path / "03_dying.ipynb").read_bytes() == before


def test_a_missing_notebook_is_named_before_anything_runs(executed, tmp_path):
    missing = tmp_path / "99_missing.ipynb"
    write(tmp_path / "01_there.ipynb", "1 / 0")
    before = (tmp_path / "01_there.ipynb").read_bytes()
    ran = run(tmp_path / "01_there.ipynb", missing)
    assert ran.returncode == 2
    assert "no such notebook" in ran.stdout and str(missing) in ran.stdout
    assert (tmp_path / "01_there.ipynb").read_bytes() == before
