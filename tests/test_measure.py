"""Measurements from the command line, and the table that travels with the package."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from expectations import assert_equal_numbers

from bareattention import attention, kept_bytes, measure, recorded_measurement

NOTEBOOK = Path(__file__).parents[1] / "book" / "13_all_at_once.ipynb"
WAYS = {"loop", "naive batch", "fused", "module"}
ATTENTIONS = {"naive", "fused"}
WITH_ONE_CHANNEL = {"loop", "fused", "tone curve"}


@pytest.fixture
def tiny(monkeypatch):
    """Small sizes, and no processes of their own: the rest is as in earnest."""
    monkeypatch.setattr(measure, "BATCHES", ((4, 1, 2), (3, 2, 3)))
    monkeypatch.setattr(measure, "LENGTHS", (8, 12, 16))
    monkeypatch.setattr(measure, "IMAGES", (2, 3))
    monkeypatch.setattr(measure, "PIXELS", 5)
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


def test_a_run_of_cost_writes_time_and_memory_for_each_length(tiny, tmp_path):
    assert measure.main(["cost", "--repeats", "2", "--out", str(tmp_path)]) == 0
    table = recorded_measurement("cost", tmp_path)
    assert [row["seq_len"] for row in table["rows"]] == [8, 12, 16]
    for row in table["rows"]:
        assert row.keys() == {"seq_len", "d_k", "times", "kept_megabytes", "megabytes"}
        assert row["d_k"] == 64
        for key in ("times", "kept_megabytes", "megabytes"):
            assert row[key].keys() == ATTENTIONS
        assert min(row["times"].values()) > 0
        assert set(row["megabytes"].values()) == {1.3}
    assert table["rows"][0]["times"]["naive"] == 1
    assert "time" in table["measured"] and "MB" in table["measured"]


def test_cost_hands_lengths_channels_and_repeats_on(tiny, monkeypatch):
    """Megabytes are bytes by 2^20; processes are asked for the same sizes."""
    asked, started = [], []

    def measure_cost(*arguments):
        asked.append(arguments)
        times, kept = {"naive": 1.0, "fused": 1 / 3}, {"naive": 3 * 2**19, "fused": 2**20 // 3}
        return [{"seq_len": n, "times": times, "kept_bytes": kept} for n in arguments[1]]

    def peak_megabytes(way, sizes):
        started.append((way, sizes))
        return 2.26

    monkeypatch.setattr(measure, "measure_cost", measure_cost)
    monkeypatch.setattr(measure, "peak_megabytes", peak_megabytes)
    rows = measure.measure_growth(7)
    assert asked == [(measure.ATTENTIONS, (8, 12, 16), 64, 7)]
    assert started == [(way, (n, 64)) for n in (8, 12, 16) for way in measure.ATTENTIONS]
    for n, row in zip((8, 12, 16), rows, strict=True):
        assert row == {
            "seq_len": n,
            "d_k": 64,
            "times": {"naive": 1.0, "fused": 0.333},
            "kept_megabytes": {"naive": 1.5, "fused": 0.333},
            "megabytes": {"naive": 2.3, "fused": 2.3},
        }


def test_a_run_of_the_tone_curve_writes_speeds_for_each_batch_size(tiny, tmp_path):
    assert measure.main(["tone_curve", "--repeats", "2", "--out", str(tmp_path)]) == 0
    table = recorded_measurement("tone_curve", tmp_path)
    assert [(row["batch_size"], row["seq_len"]) for row in table["rows"]] == [(2, 5), (3, 5)]
    for row in table["rows"]:
        assert row["times_faster"].keys() == WITH_ONE_CHANNEL
        assert row["times_faster"]["loop"] == 1
    assert "times faster" in table["measured"]


def test_three_ways_with_one_channel_give_the_same_numbers():
    """Attention over pixels, whether image by image, at once, or by histogram."""
    levels = torch.linspace(-1, 3, 256)
    images = torch.randint(256, (4, 784), generator=torch.Generator().manual_seed(1))
    ways = measure._ways_with_one_channel(images)
    assert ways.keys() == WITH_ONE_CHANNEL
    tokens = levels[images][..., None].double()
    wanted = attention(tokens, tokens, tokens)[0].float()[..., 0]
    for name, way in ways.items():
        assert_equal_numbers(way().view(4, 784), wanted, name, 10)


def test_speeds_of_the_tone_curve_are_ratios_of_medians_and_all_ways_take_turns(tiny, monkeypatch):
    """A first turn, and one disturbance in three, move nothing."""
    order, now = [], 0.0
    takes = {"loop": 8.0, "fused": 4.0, "tone curve": 0.5}

    def way(name):
        def run():
            nonlocal now
            order.append(name)
            turn = order.count(name) % 4  # the first of four, and one of the others
            now += takes[name] * (100 if turn in (1, 3) else 1)

        return run

    ways = {name: way(name) for name in takes}
    monkeypatch.setattr(measure, "_ways_with_one_channel", lambda images: ways)
    monkeypatch.setattr(measure.time, "perf_counter", lambda: now)
    rows = measure.measure_tone_curve(3)
    assert [row["times_faster"] for row in rows] == [
        {"loop": 1.0, "fused": 2.0, "tone curve": 16.0}
    ] * 2
    assert order == [*takes] * 4 * 2


def test_speeds_are_ratios_of_medians_and_all_ways_take_turns(tiny, monkeypatch):
    """Each way is timed as often as asked; one disturbance in three moves nothing."""
    order, clock = [], {"loop": 8.0, "naive batch": 2.0, "fused": 1.0, "module": 16.0}
    made = {}
    for name, make in measure.WAYS.items():

        def remembered(*sizes, name=name, make=make):
            made[model := make(*sizes)] = name
            return model

        monkeypatch.setitem(measure.WAYS, name, remembered)

    def seconds(way):
        model, x = way.args
        assert way.func is measure.step and len(x) > 1
        order.append(made[model])
        turn = order.count(made[model]) % 4  # the first of four, and one of the others
        return clock[made[model]] * (100 if turn in (1, 3) else 1)

    monkeypatch.setattr(measure, "seconds", seconds)
    for row in measure.measure_batching(3):
        wanted = {"loop": 1.0, "naive batch": 4.0, "fused": 8.0, "module": 0.5}
        assert row["times_faster"] == wanted
    assert order == [*measure.WAYS] * 4 * 2


def test_a_step_runs_forward_and_backward_and_its_time_is_taken():
    for make in measure.WAYS.values():
        model, x = make(4, 2), torch.randn(3, 4, 2)
        assert 0 < measure.seconds(lambda model=model, x=x: measure.step(model, x)) < 60
        assert all(parameter.grad is not None for parameter in model.parameters())


def test_memory_of_a_process_of_its_own():
    """A naive batch keeps tables that have to be there; fused attention keeps none."""
    sizes = (784, 1, 16)
    table = 16 * 784 * 784 * 4 / 2**20
    assert table < measure.peak_megabytes("naive batch", sizes) < 10 * table
    assert 0 <= measure.peak_megabytes("fused", sizes) < table


def test_memory_of_attention_in_a_process_of_its_own():
    """The naive way has its table of weights in memory, more than once."""
    table = 2048**2 * 4 / 2**20
    assert table < measure.peak_megabytes("naive", (2048, 64)) < 10 * table


@pytest.mark.parametrize("system, unit", [("linux", 1), ("darwin", 1024)])
def test_a_peak_counts_in_kilobytes_where_the_system_counts_in_bytes(monkeypatch, system, unit):
    monkeypatch.setattr(measure.Path, "exists", lambda path: False)
    monkeypatch.setattr(measure.sys, "platform", system)
    usage = SimpleNamespace(ru_maxrss=5 * unit)
    monkeypatch.setattr(measure.resource, "getrusage", lambda who: usage)
    assert measure._peak_kilobytes() == 5


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
    assert "{" + ",".join(sorted(measure.MEASUREMENTS)) + "}" in told
    for part in (
        "batching",
        "cost",
        "tone_curve",
        "--repeats",
        "--out",
        "runs",
        "--overwrite",
        "how often",
        "folder",
    ):
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


def test_the_recorded_cost_is_what_the_command_measures():
    table = recorded_measurement("cost")
    assert table["measured"] == measure.MEASUREMENTS["cost"][1]
    assert [(row["seq_len"], row["d_k"]) for row in table["rows"]] == [
        (seq_len, measure.D_K) for seq_len in measure.LENGTHS
    ]
    for row in table["rows"]:
        for key in ("times", "kept_megabytes", "megabytes"):
            assert row[key].keys() == ATTENTIONS and min(row[key].values()) > 0
    assert table["rows"][0]["times"]["naive"] == 1


def test_the_recorded_memory_is_kept_here_as_well():
    """Time depends on the machine; what naive attention keeps does not."""
    for row in recorded_measurement("cost")["rows"]:
        kept, x = row["kept_megabytes"], torch.randn(1, 1, row["seq_len"], row["d_k"])
        assert kept["naive"] == round(row["seq_len"] ** 2 * 4 / 2**20, 3)
        # The output, and one number for each token.
        assert kept["fused"] == round((x.nbytes + row["seq_len"] * 4) / 2**20, 3)
        here = kept_bytes(measure.ATTENTIONS["fused"], x, x, x)
        assert kept["fused"] == round(here / 2**20, 3)
        # A process holds at least what is kept.
        assert all(row["megabytes"][name] > kept[name] for name in ATTENTIONS)


def test_the_recorded_tone_curve_is_what_the_command_measures():
    table = recorded_measurement("tone_curve")
    assert table["measured"] == measure.MEASUREMENTS["tone_curve"][1]
    assert [(row["batch_size"], row["seq_len"]) for row in table["rows"]] == [
        (batch_size, measure.PIXELS) for batch_size in measure.IMAGES
    ]
    for row in table["rows"]:
        speed = row["times_faster"]
        assert speed.keys() == WITH_ONE_CHANNEL
        assert speed["loop"] == 1 and min(speed.values()) > 0
        assert max(speed, key=speed.get) == "tone curve"


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
