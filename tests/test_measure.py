"""Measurements from the command line, and the tables that travel with the package."""

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch
from expectations import assert_equal_numbers

from bareattention import (
    attention,
    kept_bytes,
    load_digits,
    measure,
    recorded,
    recorded_measurement,
)
from bareattention.exercises import EXERCISES, matrix
from bareattention.experiments import cards, failures
from bareattention.experiments.runs import machine_class, versions
from bareattention.mistakes.attention import ATTENTION

NOTEBOOK = Path(__file__).parents[1] / "book" / "13_all_at_once.ipynb"
WAYS = {"loop", "naive batch", "fused", "module"}
ATTENTIONS = {"naive", "fused"}
WITH_ONE_CHANNEL = {"loop", "fused", "tone curve"}
OF_RATES = {"mixing", "learning_rate", "seed", "right_6"}
OF_CARDS = {"digits", "mixing", "seed", "steps", "parameters", "right_2", "right_6", "right_10"}

HERE = [what for what in measure.MEASUREMENTS if not what.endswith("_gpu")]
OF_MISTAKES = {
    "failures": {"mistake", "training", "use"},
    "exercises": {"exercise", "name", "alone", "pairs", "alike"},
}


@pytest.fixture
def tiny(monkeypatch):
    """Small sizes: the rest is as in earnest."""
    monkeypatch.setattr(measure, "BATCHES", ((4, 1, 2), (3, 2, 3)))
    monkeypatch.setattr(measure, "LENGTHS", (32, 48, 64))
    monkeypatch.setattr(measure, "IMAGES", (2, 3))
    monkeypatch.setattr(measure, "PIXELS", 5)
    monkeypatch.setattr(failures, "STEPS", 1)
    monkeypatch.setattr(failures, "TESTS", 5)
    monkeypatch.setattr(matrix, "EXERCISES", {"5.3": EXERCISES["5.3"]})
    quick = {mixing: (1, attend) for mixing, (_, attend) in cards.MIXINGS.items()}
    monkeypatch.setattr(cards, "MIXINGS", quick)
    monkeypatch.setattr(cards, "SWEPT", ("softmax",))
    monkeypatch.setattr(cards, "RATES", (1e-3, 2e-3))
    monkeypatch.setattr(cards, "DEALS", 5)
    monkeypatch.setattr(cards, "load_digits", lambda source: load_digits("mnist5k"))


@pytest.fixture
def never(monkeypatch):
    """Fail as soon as anything is measured."""
    what = (lambda repeats: pytest.fail("it measures first"), "nothing")
    monkeypatch.setattr(measure, "MEASUREMENTS", {"batching": what})


# A run


def test_each_measurement_is_written_as_a_table_that_can_be_read(tiny, tmp_path, capsys):
    for what in HERE:
        arguments = [what, "--repeats", "2", "--out", str(tmp_path / "new")]
        assert measure.main(arguments) == 0
        file = tmp_path / "new" / f"{what}-measured.json"
        assert capsys.readouterr().out == f"wrote {file}\n"
        table = recorded_measurement(what, file.parent)
        of_cards = what.startswith("cards")
        command = f"python -m bareattention.measure {what} --repeats 2" + " --device cpu" * of_cards
        assert table["command"] == command
        assert (table["machine"], table["versions"]) == (machine_class(), versions())
        holds_what_it_measures(what, table)
        if what in OF_MISTAKES:
            continue
        if of_cards:
            assert [row["seed"] for row in table["rows"][:4]] == [0, 1, 0, 1]
            continue
        sizes = [(row["seq_len"], row.get("batch_size")) for row in table["rows"]]
        assert (
            sizes
            == {
                "batching": [(4, 2), (3, 3)],
                "cost": [(32, None), (48, None), (64, None)],
                "tone_curve": [(5, 2), (5, 3)],
            }[what]
        )


def holds_what_it_measures(what, table):
    """Names and units, of a table that was just measured or that travels with the package."""
    assert table["measured"] == measure.MEASUREMENTS[what][1]
    if what.startswith("cards"):
        of = OF_RATES if what == "cards_rates" else OF_CARDS
        assert all(row.keys() == of for row in table["rows"])
        return
    if what in OF_MISTAKES:
        assert all(OF_MISTAKES[what] <= row.keys() for row in table["rows"])
        return
    what = what.removesuffix("_gpu")
    ways = {"batching": WAYS, "cost": ATTENTIONS, "tone_curve": WITH_ONE_CHANNEL}[what]
    numbers = {"kept_megabytes", "megabytes", "times", "times_faster"}
    for i, row in enumerate(table["rows"]):
        for name in row.keys() & numbers:
            assert row[name].keys() == ways and torch.tensor([*row[name].values()]).min() >= 0
        if what == "batching":
            assert all(faster == sorted(faster) for faster in row["times_faster"].values())
            assert row["times_faster"]["loop"] == [1, 1, 1]
        elif what == "tone_curve":
            assert row["times_faster"]["loop"] == 1
        else:
            assert len({len(times) for times in row["times"].values()}) == 1
            if i == 0:
                assert {*row["times"]["naive"]} == {1}
    assert len(table["rows"][0].keys() & numbers) == {"batching": 2, "cost": 3}.get(what, 1)


@pytest.mark.parametrize(
    "what, sizes, of",
    [("batching", "BATCHES", ("seq_len", "d_model", "batch_size")), ("tone_curve", "IMAGES", None)],
)
def test_speeds_are_ratios_of_medians_with_the_loop(tiny, monkeypatch, what, sizes, of):
    """Of the repeats the median counts; with a table of batches come the lowest and the highest."""
    asked = []

    def seconds_in_turn(ways, turns):
        asked.append(turns)
        [way() for way in ways.values()]
        faster = (3, 9, 4)[len(asked) % 3]
        return {name: 8.0 / faster**i for i, name in enumerate(ways)}

    monkeypatch.setattr(measure, "seconds_in_turn", seconds_in_turn)
    rows = measure.MEASUREMENTS[what][0](3)
    assert asked == [3] * 6
    wanted = [[1, 1, 1], [3, 4, 9], [9, 16, 81]]
    if not of:
        wanted = [median for _, median, _ in wanted]
    assert all([*row["times_faster"].values()][:3] == wanted for row in rows)
    if of:
        assert tuple(tuple(row[name] for name in of) for row in rows) == getattr(measure, sizes)


def test_cost_hands_lengths_channels_and_repeats_on(tiny, monkeypatch):
    """Every repeat is a table of its own; megabytes are bytes by 2^20."""
    asked, stepped = [], []

    def measure_cost(*arguments):
        asked.append(arguments)
        times, kept = {"naive": len(asked), "fused": 1 / 3}, {"naive": 3 * 2**19, "fused": 2**20}
        return [{"seq_len": n, "times": times, "kept_bytes": kept} for n in arguments[1]]

    def peak_megabytes(way, *inputs):
        assert all(x.requires_grad for x in inputs)
        stepped.append((way, *(tuple(x.shape) for x in inputs)))
        return 2.3

    monkeypatch.setattr(measure, "measure_cost", measure_cost)
    monkeypatch.setattr(measure, "peak_megabytes", peak_megabytes)
    rows = measure.measure_growth(2)
    assert asked == [(measure.ATTENTIONS, (32, 48, 64), 64, 3)] * 2
    ways = measure.ATTENTIONS.values()
    assert stepped == [(way, *[(1, 1, n, 64)] * 3) for n in (32, 48, 64) for way in ways]
    assert rows[1] == {
        **{"seq_len": 48, "d_k": 64, "numbers": "float32"},
        "times": {"naive": [1, 2], "fused": [0.333, 0.333]},
        "kept_megabytes": {"naive": 1.5, "fused": 1.0},
        "megabytes": {"naive": 2.3, "fused": 2.3},
    }


def test_on_a_graphics_card_sequences_are_longer_and_numbers_of_two_kinds(tiny, monkeypatch):
    """The card is only said to be there, so that the test needs none."""
    monkeypatch.setattr(measure, "LONGER", (96,))
    monkeypatch.setattr(measure, "measure_cost", lambda ways, lengths, *_: [
        {"seq_len": n, "times": dict.fromkeys(ways, 1), "kept_bytes": dict.fromkeys(ways, 1)}
        for n in lengths
    ])  # fmt: skip
    monkeypatch.setattr(torch, "get_default_device", lambda: torch.device("cuda"))
    rows = measure.measure_growth(1)
    assert [(row["numbers"], row["seq_len"]) for row in rows] == [
        (kind, n) for kind in ("float32", "bfloat16") for n in (32, 48, 64, 96)
    ]
    assert torch.get_default_dtype() == torch.float32


def test_three_ways_with_one_channel_give_the_same_numbers():
    """Attention over pixels, whether image by image, at once, or by histogram."""
    levels = torch.linspace(-1, 3, 256)
    images = torch.randint(256, (4, 784), generator=torch.Generator().manual_seed(1))
    ways = measure._ways_with_one_channel(images)
    tokens = levels[images][..., None].double()
    wanted = attention(tokens, tokens, tokens)[0].float()[..., 0]
    assert ways.keys() == WITH_ONE_CHANNEL
    for name, way in ways.items():
        assert_equal_numbers(way().view(4, 784), wanted, name, 10)


def test_a_step_runs_forward_and_backward():
    for make in measure.WAYS.values():
        model = make(4, 2)
        measure.step(model, torch.randn(3, 4, 2))
        assert all(parameter.grad is not None for parameter in model.parameters())


def test_alive_counts_storages_once_and_lets_go_of_them():
    """Views and changes in place take nothing; what is freed no longer counts."""
    given, x = torch.zeros(1000), torch.zeros(1000)
    with measure.Alive() as alive:
        given.add_(1)
        _ = given.view(10, 100).T[2:]
        assert (alive.now, alive.peak) == (0, 0)
        x = torch.ones(256)
        halves = x.chunk(2)
        assert alive.now == 1024
        y = x.double()
        assert alive.now == alive.peak == 3072
        del y, halves
        assert (alive.now, alive.peak) == (1024, 3072)
        x = None
    assert (alive.now, alive.peak) == (0, 3072)


def test_the_peak_is_what_a_pencil_says():
    """Loop: all weights, and two tables of gradients; the batch: two for every sample."""
    seq_len, batch_size = 200, 8
    x, table = torch.randn(batch_size, seq_len, 1), seq_len**2 * 4 / 2**20
    peaks = {
        name: measure.peak_megabytes(make(seq_len, 1), x) for name, make in measure.WAYS.items()
    }
    assert peaks["loop"] / table == pytest.approx(batch_size + 2, rel=0.1)
    assert peaks["naive batch"] / table == pytest.approx(3 * batch_size, rel=0.1)
    assert max(peaks["fused"], peaks["module"]) < table


def test_the_peak_is_the_same_each_time():
    for name, make in measure.WAYS.items():
        x = torch.randn(3, 100, 4)
        assert len({measure.peak_megabytes(make(100, 4), x) for _ in range(3)}) == 1, name


# The command line


@pytest.mark.parametrize(
    "arguments, part",
    [
        ([], "what"),
        (["speed"], "'speed'"),
        (["batching", "--repeats", "0"], "--repeats: wanted at least 1, got 0"),
        (["batching", "--repeats", "1.5"], "'1.5'"),
        (["batching", "twice"], "twice"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_measured(never, arguments, part, capsys):
    with pytest.raises(SystemExit) as left:
        measure.main(arguments)
    told = capsys.readouterr().err
    assert left.value.code == 2 and told.startswith("usage: ") and part in told


def test_from_a_shell_help_describes_every_option(tmp_path):
    command = [sys.executable, "-m", "bareattention.measure", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    assert told.startswith("usage: python -m bareattention.measure ")
    assert re.findall(r"^  --(\w+).*? \w\w+", told, re.M) == [
        "repeats",
        "device",
        "out",
        "overwrite",
    ]
    assert "{" + ",".join(sorted(measure.MEASUREMENTS)) + "}" in told


@pytest.mark.parametrize("out", ["file", "/proc/self", "."])
def test_what_cannot_be_written_is_told_before_measuring(never, tmp_path, monkeypatch, capsys, out):
    """A folder that is none, one that takes no file, and a table that is there."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("batching-measured.json").write_text("precious")
    assert measure.main(["batching", "--out", out]) == 1
    told = {
        ".": "batching-measured.json is there already; --overwrite replaces it\n",
    }.get(out, f"{out} cannot be written: ")
    assert capsys.readouterr().err.startswith(f"measure: {told}")
    assert Path("batching-measured.json").read_text() == "precious"


def test_with_the_cards_goes_a_reader_in_half_floats(tiny, tmp_path):
    assert measure.main(["cards", "--repeats", "1", "--out", str(tmp_path)]) == 0
    (run,) = recorded("cards", tmp_path)
    assert {tensor.dtype for tensor in run.parameters.values()} == {torch.float16}
    assert (run.command, run.final.keys()) == (
        "python -m bareattention.measure cards --repeats 1 --device cpu",
        {"right_2", "right_6", "right_10"},
    )


def test_overwrite_replaces_a_table(tiny, tmp_path):
    (tmp_path / "batching-measured.json").write_text("old")
    arguments = ["batching", "--repeats", "1", "--out", str(tmp_path), "--overwrite"]
    assert measure.main(arguments) == 0
    assert len(recorded_measurement("batching", tmp_path)["rows"]) == 2


# The tables that travel with the package


@pytest.mark.parametrize("what", measure.MEASUREMENTS)
def test_a_recorded_table_is_what_the_command_measures(what):
    table = recorded_measurement(what)
    holds_what_it_measures(what, table)
    if what == "cards_rates":
        asked = [(row["mixing"], row["learning_rate"], row["seed"]) for row in table["rows"]]
        assert asked == [*product(cards.SWEPT, cards.RATES, range(3))]
        return
    if what.startswith("cards"):
        return  # held by the tests of chapter 18
    if what == "exercises":
        return  # held by the tests of the exercises
    if what == "failures":
        known = ATTENTION.mistakes
        assert [row["mistake"] for row in table["rows"]] == ["", *known]
        return
    batches = (("seq_len", "d_model", "batch_size"), measure.BATCHES)
    of_cost = ("seq_len", "d_k", "numbers")
    names, wanted = {
        **{"batching": batches, "batching_gpu": batches},
        "cost": (of_cost, [(n, measure.D_K, "float32") for n in measure.LENGTHS]),
        "cost_gpu": (
            of_cost,
            [
                (n, measure.D_K, numbers)
                for numbers in ("float32", "bfloat16")
                for n in measure.LENGTHS + measure.LONGER
            ],
        ),
        "tone_curve": (("batch_size", "seq_len"), [(n, measure.PIXELS) for n in measure.IMAGES]),
    }[what]
    assert [tuple(row[name] for name in names) for row in table["rows"]] == [*wanted]


def test_the_recorded_memory_is_counted_here_as_well():
    """Time depends on the machine; what attention keeps does not."""
    for row in recorded_measurement("cost")["rows"][:3]:
        kept, x = row["kept_megabytes"], torch.randn(1, 1, row["seq_len"], row["d_k"])
        assert kept["naive"] == round(row["seq_len"] ** 2 * 4 / 2**20, 3)
        assert kept["fused"] == round(kept_bytes(measure.ATTENTIONS["fused"], x, x, x) / 2**20, 3)
        inputs = [x.clone().requires_grad_() for _ in range(3)]
        for name, way in measure.ATTENTIONS.items():
            peak = measure.peak_megabytes(way, *inputs)
            assert row["megabytes"][name] == pytest.approx(peak, rel=0.1)
            assert peak > kept[name]


def faster_than_naive(what, numbers="float32"):
    """(tokens, how many times as fast fused attention was, in each repeat)."""
    for row in recorded_measurement(what)["rows"]:
        if row["numbers"] == numbers:
            pairs = zip(row["times"]["naive"], row["times"]["fused"], strict=True)
            yield row["seq_len"], [naive / fused for naive, fused in pairs]


def test_what_chapters_say_of_the_tables_is_true_of_them():
    for row in recorded_measurement("batching")["rows"]:
        speed, memory = row["times_faster"], row["megabytes"]
        if row["seq_len"] == 49:
            assert speed["naive batch"][0] > 1
        else:
            assert memory["fused"] < memory["naive batch"] / 3
            assert memory["loop"] < memory["naive batch"]
            assert speed["naive batch"][2] < 1
        assert speed["fused"][0] > 1 or (row["seq_len"], row["d_model"]) == (784, 64)
    for row in recorded_measurement("batching_gpu")["rows"]:
        memory, whole = row["megabytes"], row["seq_len"] == 784
        assert min(low for low, *_ in row["times_faster"].values()) >= 1
        assert (memory["fused"] == memory["naive batch"]) or not whole
        assert (memory["module"] < memory["fused"] / 3) == (whole and row["d_model"] == 64)
    assert all(min(faster) > 1 for n, faster in faster_than_naive("cost") if n >= 2048)
    for numbers, slower, least in (("float32", (4096, 8192), 1.3), ("bfloat16", (), 5.5)):
        on_card = dict(faster_than_naive("cost_gpu", numbers))
        assert all(max(on_card[n]) < 1 for n in slower) and min(on_card[32768]) > least
    for row in recorded_measurement("tone_curve")["rows"]:
        assert max(row["times_faster"], key=row["times_faster"].get) == "tone curve"


def test_chapter_13_shows_the_recorded_numbers():
    cells = json.loads(NOTEBOOK.read_text("utf8"))["cells"]
    shown = "".join(
        "".join(out["data"]["text/html"])
        for cell in cells
        if "times_as_fast(recorded" in "".join(cell["source"])
        for out in cell["outputs"]
        if "data" in out
    )
    tables = [recorded_measurement(name) for name in ("batching", "batching_gpu")]
    assert re.findall(r"<td>([\d.]+) \(([\d.]+)–([\d.]+)\)</td>", shown) == [
        tuple(f"{faster[i]:.1f}" for i in (1, 0, 2))
        for table in tables
        for row in table["rows"]
        for name, faster in row["times_faster"].items()
        if name != "loop"
    ]
    assert all(table["machine"] in NOTEBOOK.read_text("utf8") for table in tables)
