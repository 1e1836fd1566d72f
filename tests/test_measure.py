"""Measurements from the command line, and the table that travels with the package."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bareattention import measure, recorded_measurement

NOTEBOOK = Path(__file__).parents[1] / "book" / "13_all_at_once.ipynb"
WAYS = {"loop", "naive batch", "fused", "module"}


@pytest.fixture
def tiny(monkeypatch):
    """Small sizes, and no processes of their own: the rest is as in earnest."""
    monkeypatch.setattr(measure, "BATCHES", ((4, 1, 2), (3, 2, 3)))
    monkeypatch.setattr(measure, "peak_megabytes", lambda way, sizes: 1.26)


@pytest.fixture
def never(monkeypatch):
    """Fail as soon as anything is measured."""

    def measured(*_):
        pytest.fail("it measures first")

    monkeypatch.setattr(measure, "measure_batching", measured)
    monkeypatch.setattr(
        measure, "MEASUREMENTS", {"batching": (measured, *measure.MEASUREMENTS["batching"][1:])}
    )


# A run


def test_a_run_writes_a_record_that_can_be_read(tiny, tmp_path, capsys):
    folder = tmp_path / "runs" / "today"
    assert measure.main(["batching", "--repeats", "2", "--out", str(folder)]) == 0
    assert capsys.readouterr().out == f"wrote {folder / 'batching-measured.json'}\n"
    assert [path.name for path in folder.iterdir()] == ["batching-measured.json"]
    table = recorded_measurement("batching", folder)
    sizes = [(row["seq_len"], row["d_model"], row["batch_size"]) for row in table["rows"]]
    assert sizes == [(4, 1, 2), (3, 2, 3)]
    for row in table["rows"]:
        assert row["times_faster"].keys() == row["megabytes"].keys() == WAYS
        assert row["times_faster"]["loop"] == 1 and min(row["times_faster"].values()) > 0
        assert set(row["megabytes"].values()) == {1.3}
    assert "times faster" in table["measured"] and "MB" in table["measured"]


def test_speeds_are_ratios_of_medians_and_all_ways_take_turns(tiny, monkeypatch):
    """Each way is timed as often as asked; one disturbance in three moves nothing."""
    order, clock = [], {"loop": 8.0, "naive batch": 2.0, "fused": 1.0, "module": 16.0}
    made = {}
    for name, make in measure.WAYS.items():

        def remembered(*sizes, name=name, make=make):
            made[model := make(*sizes)] = name
            return model

        monkeypatch.setitem(measure.WAYS, name, remembered)

    def seconds(model, x):
        order.append(made[model])
        disturbed = order.count(made[model]) % 3 == 2
        return clock[made[model]] * (100 if disturbed else 1)

    monkeypatch.setattr(measure, "seconds", seconds)
    for row in measure.measure_batching(3):
        wanted = {"loop": 1.0, "naive batch": 4.0, "fused": 8.0, "module": 0.5}
        assert row["times_faster"] == wanted
    assert order == [*measure.WAYS] * 3 * 2


def test_a_step_runs_forward_and_backward_and_its_time_is_taken():
    for make in measure.WAYS.values():
        model, x = make(4, 2), torch.randn(3, 4, 2)
        assert 0 < measure.seconds(model, x) < 60
        assert all(parameter.grad is not None for parameter in model.parameters())


def test_memory_of_a_process_of_its_own():
    """A naive batch keeps tables that have to be there; fused attention keeps none."""
    sizes = (784, 1, 16)
    table = 16 * 784 * 784 * 4 / 2**20
    assert table < measure.peak_megabytes("naive batch", sizes) < 10 * table
    assert 0 <= measure.peak_megabytes("fused", sizes) < table


def test_a_process_that_dies_is_reported(monkeypatch, tmp_path, capsys):
    class Dead:
        def __init__(self, target, args):
            self.pipe = args[-1]

        def start(self):
            pass

        def join(self):
            pass

    context = measure.multiprocessing.get_context("spawn")
    monkeypatch.setattr(context, "Process", Dead, raising=False)
    monkeypatch.setattr(measure.multiprocessing, "get_context", lambda method: context)
    monkeypatch.setattr(measure, "BATCHES", ((4, 1, 2),))
    assert measure.main(["batching", "--repeats", "1", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "measure: loop at (4, 1, 2) ended without an answer" in told
    assert not [*tmp_path.iterdir()]


# The command line


def test_help_reads_well(capsys):
    with pytest.raises(SystemExit) as left:
        measure.main(["--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0
    assert told.startswith("usage: python -m bareattention.measure ")
    for part in ("{batching}", "--repeats", "--out", "runs", "--overwrite", "how often", "folder"):
        assert part in told
    # Every option says what it is for.
    assert all(len(line.split()) > 2 for line in told.splitlines() if line.startswith("  --"))


@pytest.mark.parametrize(
    "arguments, part",
    [
        ([], "what"),
        (["speed"], "'speed'"),
        (["batching", "--repeats", "0"], "--repeats: wanted at least 1, got 0"),
        (["batching", "--repeats", "-3"], "--repeats: wanted at least 1, got -3"),
        (["batching", "--repeats", "many"], "'many'"),
        (["batching", "--repeats", "1.5"], "'1.5'"),
        (["batching", "--fast"], "--fast"),
        (["batching", "twice"], "twice"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_measured(never, arguments, part, capsys):
    with pytest.raises(SystemExit) as left:
        measure.main(arguments)
    told = capsys.readouterr().err
    assert left.value.code == 2 and told.startswith("usage: ") and part in told


def test_from_a_shell_there_is_no_traceback(tmp_path):
    command = [sys.executable, "-m", "bareattention.measure", "batching", "--repeats", "0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and not done.stdout and not [*tmp_path.iterdir()]
    assert "--repeats: wanted at least 1, got 0" in done.stderr
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr


def test_a_table_is_not_replaced_and_nothing_is_measured_in_vain(never, tmp_path, capsys):
    file = tmp_path / "batching-measured.json"
    file.write_text("precious")
    assert measure.main(["batching", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.err == f"measure: {file} is there already; --overwrite replaces it\n"
    assert not told.out and file.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_told_before_measuring(never, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert measure.main(["batching", "--out", str(tmp_path / "file")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("measure: ") and "file" in told


def test_overwrite_replaces_a_table(tiny, tmp_path):
    file = tmp_path / "batching-measured.json"
    file.write_text("old")
    arguments = ["batching", "--repeats", "1", "--out", str(tmp_path), "--overwrite"]
    assert measure.main(arguments) == 0
    assert len(recorded_measurement("batching", tmp_path)["rows"]) == 2


# The table that travels with the package


def test_the_recorded_table_is_what_the_command_measures():
    table = recorded_measurement("batching")
    sizes = [(row["seq_len"], row["d_model"], row["batch_size"]) for row in table["rows"]]
    assert sizes == list(measure.BATCHES)
    assert table["measured"] == measure.MEASUREMENTS["batching"][1]
    for row in table["rows"]:
        assert row["times_faster"].keys() == row["megabytes"].keys() == WAYS
        assert row["times_faster"]["loop"] == 1 and min(row["times_faster"].values()) > 0
        assert min(row["megabytes"].values()) > 0


def test_what_chapter_13_says_of_the_table_is_true_of_it():
    for row in recorded_measurement("batching")["rows"]:
        speed, memory = row["times_faster"], row["megabytes"]
        if row["seq_len"] == 49:
            assert min(speed["naive batch"], speed["fused"], speed["module"]) > 1.5
        else:
            assert memory["fused"] < memory["naive batch"] / 3
        if row["d_model"] == 1:
            assert speed["naive batch"] < 0.8
        assert speed["fused"] > max(speed.values()) / 2


def printed(notebook: Path) -> list[list[float]]:
    """The numbers of each printed row that starts with sizes, in the order of the chapter."""
    cells = json.loads(notebook.read_text("utf8"))["cells"]
    reads = [cell for cell in cells if "recorded_measurement(" in "".join(cell["source"])]
    (text,) = ["".join(cell["outputs"][0]["text"]) for cell in reads]
    rows = [line for line in text.splitlines() if " tokens, " in line]
    number = re.compile(r"-?\d[\d,]*\.?\d*")
    return [[float(found.replace(",", "")) for found in number.findall(row)] for row in rows]


def test_chapter_13_prints_the_recorded_numbers():
    wanted = []
    for key in ("times_faster", "megabytes"):
        for row in recorded_measurement("batching")["rows"]:
            sizes = [row[name] for name in ("seq_len", "d_model", "batch_size")]
            wanted.append([*sizes, *(float(f"{found:.1f}") for found in row[key].values())])
    assert printed(NOTEBOOK) == wanted
    assert recorded_measurement("batching")["machine"] in NOTEBOOK.read_text("utf8")
