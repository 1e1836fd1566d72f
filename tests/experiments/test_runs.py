"""Runs and measurements: they load back equal, and what is none is refused by its field."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
from expectations import full_disk

from bareattention.data import Provenance
from bareattention.experiments import runs
from bareattention.experiments.runs import (
    Measurement,
    Record,
    RecordError,
    Run,
    check_place,
    check_record,
    load_run,
    machine_class,
    processor,
    recorded,
    recorded_measurement,
    save_measurement,
    save_run,
    versions,
)

MADE = {"versions": {"torch": "1.0"}, "machine": "an abacus", "command": "python -m try"}


def a_record(**changed) -> Record:
    """A whole record, as a training might hand it over."""
    fields = {
        "model": "patches",
        "seed": 3,
        "configuration": {"d_model": 64, "betas": [0.9, 0.98], "mask": None, "é": "√"},
        "data": Provenance("mnist5k", "500 of each", "400/50/50", None, {"x.gz": "a" * 64}),
        "n_parameters": 142_154,
        "seconds": 1234.5678901234567,
        "curve": [{"epoch": 1, "bits": 0.1 + 0.2}, {"epoch": 2, "bits": 1e-17}],
        **MADE,
    }
    return Record(**{**fields, **changed})


def a_table(**changed) -> Measurement:
    rows = [{"tokens": 49, "ms": 0.1 + 0.2, "kind": "fused"}, {"tokens": 784, "ms": {"x": 1}}]
    return Measurement(**{"name": "cost", "measured": "ms", "rows": rows, **MADE, **changed})


def some_parameters(fill: float = 0.5) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((2, 3), fill), "bias": torch.tensor([1.0, -2, 3e-5])}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def file(tmp_path) -> Path:
    return save_run(tmp_path / "patches-seed3", a_record(), some_parameters())


# What is written loads back


@pytest.mark.parametrize("ending", ["", ".json", ".safetensors"])
def test_a_run_loads_back_equal(tmp_path, ending):
    """By any of its names, and a dot in a name is no ending."""
    record = a_record(final={"accuracy": 99.5, "wrong": 50}, cpu_seconds=3.0)
    stem = tmp_path / "new" / "lr0.003"
    path = save_run(f"{stem}{ending}", record, some_parameters())
    assert names(stem.parent) == {"lr0.003.json", "lr0.003.safetensors"}
    run = load_run(f"{stem}{ending}")
    assert isinstance(run, Run) and run.path == path == Path(f"{stem}.json")
    for name in {*Record.__struct_fields__} - {"parameters_file"}:
        assert getattr(run, name) == getattr(record, name), name
    assert run.parameters_file.dtype == "float32" and same(run.parameters, some_parameters())


def test_a_run_cannot_be_changed(file):
    with pytest.raises(AttributeError, match="immutable"):
        load_run(file).seed = 1


def test_a_run_without_parameters_and_without_final_figures(tmp_path):
    run = load_run(save_run(tmp_path / "x", a_record()))
    assert names(tmp_path) == {"x.json"}
    assert run.parameters is run.parameters_file is run.final is run.cpu_seconds is None


def test_half_takes_half_the_room(tmp_path):
    parameters = {**some_parameters(1 / 3), "steps": torch.tensor([70_000])}
    run = load_run(save_run(tmp_path / "x", a_record(), parameters, half=True))
    assert torch.equal(run.parameters["weight"], parameters["weight"].half())
    assert torch.equal(run.parameters["steps"], parameters["steps"]), "a count is no float"
    assert run.parameters_file.dtype == "float16"


def test_tied_turned_and_learning_parameters_are_stored(tmp_path):
    weight = torch.nn.Parameter(torch.randn(2, 3))
    parameters = {"one": weight, "other": weight, "turned": weight.T, "small": weight.bfloat16()}
    run = load_run(save_run(tmp_path / "x", a_record(), parameters))
    assert same(run.parameters, {name: x.detach().float() for name, x in parameters.items()})


def test_the_layout_is_stable_and_an_epoch_is_a_line(file):
    text = file.read_text("utf8")
    assert list(json.loads(text)) == sorted(json.loads(text)) and text.endswith("}\n")
    assert '    {"bits": 0.30000000000000004, "epoch": 1},\n' in text and "√" in text
    assert '  "configuration": {\n    "betas"' in text
    assert json.loads(text)["format"] == 1 and json.loads(text)["kind"] == "run"


def test_a_run_is_printed_alike_everywhere(file):
    run = load_run(file)
    assert repr(run) == "Run(patches, seed 3: 2 epochs, 142,154 parameters, 1,235 s)"
    assert run != load_run(file), "tensors have no one answer to whether they are equal"


def test_a_measurement_loads_back_equal(tmp_path):
    save_measurement(tmp_path / "new" / "cost-measured.json", a_table())
    found = recorded_measurement("cost", tmp_path / "new")
    assert found == {"kind": "measurement", "format": 1, "name": "cost", "measured": "ms"} | {
        **{"rows": a_table().rows},
        **MADE,
    }


def test_recorded_runs_are_sorted_by_seed(tmp_path):
    for seed in (10, 0, 2):
        save_run(tmp_path / f"patches-seed{seed}", a_record(seed=seed))
    save_run(tmp_path / "patches-tall-seed3", a_record(model="patches-tall"))
    (tmp_path / "patches-seed7.json.bak").touch()
    assert [run.seed for run in recorded("patches", tmp_path)] == [0, 2, 10]
    assert [run.model for run in recorded("patches-tall", tmp_path)] == ["patches-tall"]


def test_what_is_not_yet_recorded_is_nothing(tmp_path):
    assert recorded("patches", tmp_path) == recorded("patches", tmp_path / "nowhere") == []
    assert recorded("no-such-model") == [] and recorded_measurement("no-such-table") is None


# What is refused

FIELDS = [
    ({"model": "Patches/x"}, "`$.model`"),
    ({"model": "a--b"}, "`$.model`"),
    ({"seed": -1}, "`$.seed`"),
    ({"seed": True}, "`$.seed`"),
    ({"seed": None}, "`$.seed`"),
    ({"configuration": []}, "`$.configuration`"),
    ({"data": {"source": "mnist5k"}}, "`digits` - at `$.data`"),
    ({"data": Provenance("m", "d", "s", 0, {})}, "`$.data.files`"),
    ({"data": Provenance("m", "d", "s", 0, {"x": "abc"})}, "`$.data.files[...]`"),
    ({"n_parameters": 1.5}, "`$.n_parameters`"),
    ({"n_parameters": -1}, "`$.n_parameters`"),
    ({"seconds": -0.5}, "`$.seconds`"),
    ({"seconds": float("nan")}, "`$.seconds`"),
    ({"cpu_seconds": -0.5}, "`$.cpu_seconds`"),
    ({"curve": {}}, "`$.curve`"),
    ({"curve": [{"epoch": 1, "bits": float("inf")}]}, "`$.curve[0][...]`"),
    ({"final": []}, "`$.final`"),
    ({"machine": ""}, "`$.machine`"),
    ({"command": 3}, "`$.command`"),
    ({"versions": {"torch": ""}}, "`$.versions[...]`"),
    ({"format": 2}, "`$.format`"),
]


@pytest.mark.parametrize("change, named", FIELDS, ids=lambda x: str(x)[:40])
def test_an_odd_field_is_refused_by_name_and_nothing_is_written(tmp_path, change, named):
    for act in (check_record, lambda record: save_run(tmp_path / "x", record)):
        with pytest.raises(RecordError, match=rf"^record: [^\n]*{re.escape(named)}$"):
            act(a_record(**change))
    assert not names(tmp_path)


@pytest.mark.parametrize(
    "change, named",
    [
        ({"name": "A"}, "`$.name`"),
        ({"measured": ""}, "`$.measured`"),
        ({"rows": []}, "`$.rows`"),
        ({"rows": [3]}, "`$.rows[0]`"),
    ],
)
def test_an_odd_measurement_is_refused_by_name(tmp_path, change, named):
    with pytest.raises(RecordError, match=rf"^record: .*{re.escape(named)}$"):
        save_measurement(tmp_path / "cost-measured.json", a_table(**change))
    assert not names(tmp_path)


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(RecordError, match=r"^record: .*Tensor"):
        check_record(a_record(configuration={"rate": torch.ones(1)}))


@pytest.mark.parametrize(
    "parameters, half, kind",
    [
        ({"w": torch.zeros(2, dtype=torch.complex64)}, False, "complex64"),
        ({"w": torch.tensor([1e39], dtype=torch.float64)}, False, "float32"),
        ({"w": torch.tensor([1e6])}, True, "float16"),
    ],
)
def test_parameters_that_would_not_load_back_are_refused(tmp_path, parameters, half, kind):
    with pytest.raises(ValueError, match=rf"^parameters: wanted .*{kind}.*got others in w$"):
        save_run(tmp_path / "x", a_record(), parameters, half=half)
    assert not names(tmp_path)
    save_run(tmp_path / "x", a_record(), {"w": torch.tensor([torch.inf])}, half=half)


@pytest.mark.parametrize(
    "before, after, message",
    [
        (b'"seed": 3', b'"seed": \xff', "malformed|invalid|decode"),
        (b'"seed": 3', b'"seed": NaN', "malformed"),
        (b'"seed": 3', b'"seed": 3, "remarks": 1', "unknown field `remarks`"),
        (b'"source"', b'"sauce"', r"unknown field `sauce` - at `\$.data`"),
        (b'"seconds": 1234', b'"seconds": 1e999, "x": 1', "out of range|seconds"),
        (b'"kind": "run"', b'"kind": "measurement"', "kind"),
        (b'"d_model": 64', b'"d_model": ' + 9999 * b"[" + 9999 * b"]", "recursion"),
    ],
)
def test_a_damaged_record_is_refused(file, before, after, message):
    whole = file.read_bytes()
    assert before in whole
    file.write_bytes(whole.replace(before, after, 1))
    with pytest.raises(RecordError, match=rf"(?i)^{file}: [^\n]*({message})"):
        load_run(file)


def test_a_record_that_is_cut_anywhere_or_lacks_a_field_is_refused(file):
    whole = file.read_bytes()
    for length in range(0, len(whole) - 2, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(RecordError, match=r"patches-seed3\.json: "):
            load_run(file)
    content = json.loads(whole)
    optional = {"kind", "format", "cpu_seconds", "final", "wrong", "parameters_file"}
    for field in content.keys() - optional:
        file.write_text(json.dumps({name: x for name, x in content.items() if name != field}))
        with pytest.raises(RecordError, match=field):
            load_run(file)


def test_damaged_or_missing_parameters_are_refused(file):
    beside = file.with_suffix(".safetensors")
    whole = beside.read_bytes()
    for harmed in (whole[:-1], whole[:-1] + b"\x01", b""):
        beside.write_bytes(harmed)
        with pytest.raises(RecordError, match=rf"^{beside} is damaged, or belongs to another run"):
            load_run(file)
    beside.unlink()
    with pytest.raises(RecordError, match=rf"^{beside} cannot be read: No such file"):
        load_run(file)
    with pytest.raises(RecordError, match=r"nothing\.json cannot be read: No such file"):
        load_run(file.with_name("nothing"))


def test_a_record_under_another_name_is_refused(tmp_path):
    for model, seed in (("rows", 3), ("patches", 4)):
        save_run(tmp_path / "patches-seed3", a_record(model=model, seed=seed), overwrite=True)
        with pytest.raises(RecordError, match=rf"wanted its own name, got {model}-seed{seed}$"):
            recorded("patches", tmp_path)
    save_measurement(tmp_path / "time-measured.json", a_table())
    with pytest.raises(RecordError, match=r"wanted its own name, got cost$"):
        recorded_measurement("time", tmp_path)


# Nothing is lost


def test_a_run_is_replaced_only_when_asked(file):
    before = file.read_bytes()
    with pytest.raises(RecordError, match=r"patches-seed3\.json is there already; --overwrite"):
        save_run(file, a_record(seconds=1.0), some_parameters(2))
    assert file.read_bytes() == before and same(load_run(file).parameters, some_parameters())
    save_run(file, a_record(seconds=1.0), some_parameters(2), overwrite=True)
    assert load_run(file).seconds == 1.0 and same(load_run(file).parameters, some_parameters(2))
    save_run(file, a_record(), overwrite=True)
    assert names(file.parent) == {file.name}, "parameters of another run are left lying"
    table = file.with_name("cost-measured.json")
    save_measurement(table, a_table())
    with pytest.raises(RecordError, match="is there already"):
        save_measurement(table, a_table(measured="s"))
    save_measurement(table, a_table(measured="s"), overwrite=True)
    assert recorded_measurement("cost", table.parent)["measured"] == "s"


def test_a_kill_between_the_two_files_is_noticed(file, monkeypatch):
    def killed(path, data):
        if path == file:
            raise SystemExit(9)
        path.write_bytes(data)

    monkeypatch.setattr(runs, "write_whole", killed)
    with pytest.raises(SystemExit):
        save_run(file, a_record(), some_parameters(2), overwrite=True)
    with pytest.raises(RecordError, match="belongs to another run"):
        load_run(file)


def test_a_full_disk_leaves_the_old_run_and_nothing_unfinished(file):
    before = load_run(file)
    with full_disk(200), pytest.raises(OSError, match=r"patches-seed3\.\w+ cannot be written: "):
        save_run(file, a_record(), some_parameters(2), overwrite=True)
    assert same(load_run(file).parameters, before.parameters)
    assert names(file.parent) == {file.name, "patches-seed3.safetensors"}


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    nowhere = [tmp_path / "file", tmp_path / "file" / "below"]
    nowhere += [Path("/proc/self")] if Path("/proc/self").exists() else []  # not even by root
    for folder in nowhere:
        with pytest.raises(RecordError, match=f"^{folder} cannot be written: "):
            check_place(folder / "x.json", overwrite=True)
    check_place(tmp_path / "new" / "x.json", overwrite=False)
    assert not names(tmp_path / "new")


# What a run was made with


def test_versions_are_those_in_use(monkeypatch):
    found = versions()
    assert list(found) == ["python", "torch", "torchvision", "bareattention"]
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    monkeypatch.setattr(runs, "PACKAGES", ("no-such-package-here",))
    assert versions()["no-such-package-here"] == "none"


def test_a_machine_is_told_in_words(monkeypatch):
    kind, instructions = processor(), torch.backends.cpu.get_cpu_capability()
    assert kind.endswith(f" ({instructions})") and len(kind) > len(f" ({instructions})")
    before = torch.get_num_threads()
    for threads, words in ((1, "1 thread"), (2, "2 threads")):
        torch.set_num_threads(threads)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 7}, raising=False)
        assert machine_class() == f"{kind}, 3 cores, {words}"
    torch.set_num_threads(before)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert f"{kind}, 1 core, " in machine_class()
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Something")
    assert machine_class("cuda:0") == processor("cuda:0") == "NVIDIA Something"
    monkeypatch.setattr(Path, "read_text", lambda path: "model name\t: Intel(R)  Core(TM) i7\n")
    if Path("/proc/cpuinfo").exists():
        assert processor() == f"Intel Core i7 ({instructions})"
