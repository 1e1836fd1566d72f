"""Records: they load back equal, appear whole or not at all, and name no machine."""

import copy
import dataclasses
import json
import math
import os
import platform
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import safetensors.torch
import torch

import bareattention
from bareattention import records
from bareattention.data import Provenance
from bareattention.experiments.runs import (
    RecordError,
    Run,
    check_portable,
    command_line,
    load_run,
    machine_class,
    recorded,
    recorded_measurement,
    save_measurement,
    save_run,
    versions,
)

ROOT = "/"  # joined below: no path of a machine stands in the project, not even a made-up one
HOME = ROOT + "home/somebody"
REQUIRED = (
    *("format", "kind", "model", "seed", "configuration", "data", "n_parameters", "seconds"),
    *("curve", "versions", "machine", "command"),
)


def a_record(**changed) -> dict:
    """A whole record, as a training might hand it over."""
    record = {
        "model": "patches",
        "seed": 3,
        "configuration": {"d_model": 64, "lr": 3e-3, "betas": [0.9, 0.98], "mask": None, "é": "√"},
        "data": {
            "source": "mnist5k",
            "digits": "500 digits of each class",
            "split": "400/50/50 of each class",
            "seed": 0,
            "files": {"mnist_5k.csv.gz": "a" * 64},
        },
        "n_parameters": 9,
        "seconds": 12.345678901234567,
        "curve": [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 1e-17, "best": True}],
        "final": {"accuracy": 99.5, "wrong": 50},
        "versions": dict.fromkeys(("python", "torch", "torchvision", "bareattention"), "1.0"),
        "machine": "AMD EPYC (AVX512), 2 cores, 1 thread",
        "command": "python -m bareattention.train --model patches --out runs/patches",
    }
    return {**record, **changed}


def some_parameters(fill: float = 0.5) -> dict[str, torch.Tensor]:
    return {"layer.weight": torch.full((2, 3), fill), "layer.bias": torch.tensor([1.0, -2, 3e-5])}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def edited(file: Path, change) -> None:
    content = json.loads(file.read_text("utf8"))
    change(content)
    file.write_text(json.dumps(content), "utf8")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# --- what is written loads back ---------------------------------------------------------------


def test_a_run_loads_back_equal(tmp_path):
    record, parameters = a_record(), some_parameters()
    before = copy.deepcopy(record)
    path = save_run(tmp_path, record, parameters)
    run = load_run(path)
    assert record == before, "the caller's record is changed"
    assert names(tmp_path) == {"patches-seed3.json", "patches-seed3.safetensors"}
    assert {name: run.record[name] for name in record} == record
    assert set(run.record) == {*REQUIRED, "final", "parameters_file"}
    assert same(run.parameters, parameters)
    assert {tensor.dtype for tensor in run.parameters.values()} == {torch.float32}
    assert (run.model, run.seed, run.n_parameters) == ("patches", 3, 9)
    assert (run.configuration, run.curve) == (record["configuration"], record["curve"])
    assert (run.final, run.seconds, run.path) == (record["final"], record["seconds"], path)


def test_a_run_without_parameters_and_without_final_figures(tmp_path):
    record = a_record()
    del record["final"]
    run = load_run(save_run(tmp_path, record))
    assert names(tmp_path) == {"patches-seed3.json"}
    assert run.parameters is None and run.final is None
    assert set(run.record) == set(REQUIRED)


@pytest.mark.parametrize("suffix", ["", ".json", ".safetensors"])
def test_stems_may_contain_dots_and_folders_are_made(tmp_path, suffix):
    stem = tmp_path / "a" / "b" / "lr0.003"
    path = save_run(f"{stem}{suffix}", a_record(), some_parameters())
    assert names(stem.parent) == {"lr0.003.json", "lr0.003.safetensors"}
    assert path == load_run(f"{stem}.safetensors").path == load_run(f"{stem}.json").path


def test_a_name_that_ends_in_a_slash_is_a_folder(tmp_path):
    assert save_run(f"{tmp_path}/new/", a_record()) == tmp_path / "new" / "patches-seed3.json"


def test_half_takes_half_the_room(tmp_path):
    parameters = {**some_parameters(1 / 3), "steps": torch.tensor([70_000])}
    run = load_run(save_run(tmp_path, a_record(), parameters, half=True))
    assert torch.equal(run.parameters["layer.weight"], parameters["layer.weight"].half())
    assert run.parameters["layer.bias"].dtype == torch.float16
    assert torch.equal(run.parameters["steps"], parameters["steps"]), "a count is no float"
    assert run.record["parameters_file"]["dtype"] == "float16"


def test_parameters_go_back_into_a_model(tmp_path):
    model, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    run = load_run(save_run(tmp_path, a_record(), model.state_dict(), half=True))
    other.load_state_dict(run.parameters)
    assert other.weight.dtype == torch.float32
    torch.testing.assert_close(other.weight, model.weight, rtol=1e-3, atol=1e-6)


def test_tied_transposed_and_learning_parameters_are_stored(tmp_path):
    weight = torch.nn.Parameter(torch.randn(2, 3))
    parameters = {"one": weight, "other": weight, "turned": weight.T, "small": weight.bfloat16()}
    run = load_run(save_run(tmp_path, a_record(), parameters))
    assert same(
        run.parameters, {name: value.detach().float() for name, value in parameters.items()}
    )


def test_the_layout_is_stable(tmp_path):
    record = a_record()
    turned = {name: record[name] for name in reversed(record)}
    turned["final"] = dict(reversed(record["final"].items()))
    first = save_run(tmp_path / "a", record, some_parameters())
    second = save_run(tmp_path / "b", turned, dict(reversed(some_parameters().items())))
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".safetensors").read_bytes() == (
        second.with_suffix(".safetensors").read_bytes()
    )
    text = first.read_text("utf8")
    assert text.endswith("}\n") and "\r" not in text
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert '    {"epoch": 1, "loss": 0.30000000000000004},\n' in text, "an epoch is one line"
    assert "√" in text


def test_a_provenance_is_written_as_it_is(tmp_path):
    provenance = Provenance("mnist", "all", "by index", None, (("x", "b" * 64), ("y", "c" * 64)))
    for data in (provenance, dataclasses.asdict(provenance)):
        run = load_run(save_run(tmp_path, a_record(data=data), overwrite=True))
        assert run.record["data"]["files"] == {"x": "b" * 64, "y": "c" * 64}
        assert run.record["data"]["seed"] is None


def test_what_a_run_was_made_with_is_found_out(tmp_path):
    record = a_record(versions=None)
    del record["machine"], record["command"]
    run = load_run(save_run(tmp_path, record))
    assert run.record["versions"] == versions()
    assert run.record["machine"] == machine_class()
    assert run.record["command"] == command_line()


def test_a_run_can_be_written_again_with_its_final_figures(tmp_path):
    run = load_run(save_run(tmp_path, a_record(final={"accuracy": 1}), some_parameters()))
    again = {**run.record, "final": {"accuracy": 2}}
    run = load_run(save_run(tmp_path, again, run.parameters, overwrite=True))
    assert run.final == {"accuracy": 2} and same(run.parameters, some_parameters())
    run = load_run(save_run(tmp_path, run.record, overwrite=True))
    assert run.parameters is None, "it was given none this time"


def test_a_run_is_printed_alike_everywhere(tmp_path):
    run = load_run(save_run(tmp_path, a_record(n_parameters=142_154, seconds=1234.5)))
    assert repr(run) == "Run(patches, seed 3: 2 epochs, 142,154 parameters, 1,234 s)"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_others_may_read_what_is_recorded(tmp_path):
    save_run(tmp_path, a_record(), some_parameters())
    plain = tmp_path / "plain"
    plain.touch()
    for path in tmp_path.iterdir():
        assert path.stat().st_mode == plain.stat().st_mode, path.name


# --- what cannot be written -------------------------------------------------------------------


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model", "Patches/x", "model: wanted a name"),
        ("seed", -1, "seed: wanted an integer"),
        ("seed", True, "seed: wanted an integer"),
        ("configuration", [], "configuration: wanted a dict"),
        ("configuration", {"f": len}, r"configuration\.f: wanted .* got builtin_function"),
        ("configuration", {1: 2}, "configuration: keys must be text, got 1"),
        ("configuration", {"lr": torch.tensor(1.0)}, r"configuration\.lr: .* got Tensor"),
        ("configuration", {"name": "\udc80"}, r"configuration\.name: .* no Unicode"),
        ("data", {"source": "mnist5k"}, "data: digits is missing"),
        ("data", {**a_record()["data"], "files": {}}, "data: files: wanted"),
        ("data", {**a_record()["data"], "files": {"x": "abc"}}, "data: files: wanted"),
        ("data", {**a_record()["data"], "files": [[["x"], "abc"]]}, "data: files: wanted"),
        ("n_parameters", 1.5, "n_parameters: wanted an integer"),
        ("seconds", -0.5, "seconds: wanted a number"),
        ("seconds", math.nan, "seconds: JSON has no word for nan"),
        ("curve", {}, "curve: wanted a list"),
        ("curve", [{"loss": 1.0}], "curve: wanted .* epoch"),
        ("curve", [{"epoch": 0}], "curve: wanted .* epoch"),
        ("curve", [{"epoch": 2}, {"epoch": 2}], "curve: wanted .* rises"),
        ("curve", [{"epoch": 1, "loss": math.inf}], r"curve\[0\]\.loss: JSON has no word for inf"),
        ("final", None, "final: wanted a dict, got None"),
        ("versions", {"python": "3"}, "versions: torch is missing"),
        ("machine", " ", "machine: wanted text"),
        ("command", 3, "command: wanted text, got 3"),
        ("remarks", "none", "remarks is no field; known are format"),
    ],
)
def test_an_odd_field_is_refused(tmp_path, field, value, message):
    with pytest.raises(RecordError, match=f"^record(: |\\.){message}"):
        save_run(tmp_path, a_record(**{field: value}), some_parameters())
    assert not names(tmp_path)


@pytest.mark.parametrize(
    "field", sorted({*a_record()} - {"final", *("versions", "machine", "command")})
)
def test_a_field_that_is_left_out_is_named(tmp_path, field):
    record = a_record()
    del record[field]
    with pytest.raises(RecordError, match=f"^record: {field} is missing"):
        save_run(tmp_path / "stem", record)
    assert not names(tmp_path)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("parameters", "half", "message"),
    [
        ({}, False, "at least one tensor"),
        ({"w": [1.0]}, False, "w must be a tensor, got list"),
        ({"w": torch.zeros(2, dtype=torch.float64)}, False, "w must be floats of at most 32 bits"),
        ({"w": torch.zeros(2, dtype=torch.complex64)}, True, "w must be floats of at most 32"),
        ({"w": torch.tensor([1e6])}, True, r"w must stay below 65,520 .* got 1e\+06"),
    ],
)
def test_parameters_that_cannot_be_stored(tmp_path, parameters, half, message):
    with pytest.raises(ValueError, match=f"^parameters.*{message}"):
        save_run(tmp_path, a_record(), parameters, half=half)
    assert not names(tmp_path)


@pytest.mark.bad_input
def test_a_record_must_be_a_mapping(tmp_path):
    with pytest.raises(RecordError, match=r"^record: wanted a dict"):
        save_run(tmp_path, [1, 2])


def test_a_run_is_not_overwritten_unasked(tmp_path):
    path = save_run(tmp_path, a_record(), some_parameters(1))
    before = path.read_bytes()
    with pytest.raises(RecordError, match=r"patches-seed3\.json is there already; overwrite=True"):
        save_run(tmp_path, a_record(seconds=1.0), some_parameters(2))
    assert path.read_bytes() == before
    assert same(load_run(path).parameters, some_parameters(1))
    assert names(tmp_path) == {"patches-seed3.json", "patches-seed3.safetensors"}


def test_a_run_is_overwritten_when_asked(tmp_path):
    path = save_run(tmp_path, a_record(), some_parameters(1))
    save_run(tmp_path, a_record(seconds=1.0), some_parameters(2), overwrite=True)
    assert load_run(path).seconds == 1.0
    assert same(load_run(path).parameters, some_parameters(2))
    save_run(tmp_path, a_record(), overwrite=True)
    assert names(tmp_path) == {"patches-seed3.json"}, "parameters of another run are left lying"


def test_a_folder_that_cannot_be_made_is_an_error_of_records(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="cannot be written: "):
        save_run(tmp_path / "file" / "stem", a_record())


# --- no path and no name of this machine ------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"{HOME}/runs",
        f"--out={ROOT}tmp/x",
        f"read from '{ROOT}data'",
        f"PATH:{ROOT}opt",
        "~/runs",
        "~somebody/runs",
        r"C:\Users\somebody",
        "D:/runs",
        r"\\server\share",
        f"file://{HOME}",
    ],
)
def test_a_local_path_is_refused_wherever_it_stands(tmp_path, text):
    for odd in (
        a_record(command=f"python {text}"),
        a_record(configuration={"a": [{"b": text}]}),
        a_record(curve=[{"epoch": 1, "note": text}]),
        a_record(configuration={text: 1}),
    ):
        with pytest.raises(RecordError, match="wanted no path of this machine"):
            save_run(tmp_path, odd)
    with pytest.raises(RecordError, match=r"^measurement\.rows\[0\]\.x: wanted no path"):
        save_measurement("cost", "time", [{"x": text}], folder=tmp_path)
    assert not names(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("runs/patches", "1/√d", "(a + b)/2", "train / test", "https://example.org/a/b", "n ~ 3"),
        *("--out=runs/x", "10 ms/step", "20:30", "∂L/∂q", "./runs", "~5/10 of them"),
    ],
)
def test_what_is_no_local_path_is_written(text):
    check_portable({"a": [text]}, "record")


@pytest.mark.parametrize("host", ["Annas-Laptop.local", "c0ffee"])
def test_the_name_of_this_machine_is_refused(tmp_path, monkeypatch, host):
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    short = host.partition(".")[0]
    for text in (host, f"on {short.upper()}", f"--out runs/{short}/x"):
        with pytest.raises(RecordError, match=r"^record\.command: wanted no name of this machine"):
            save_run(tmp_path, a_record(command=text))
    save_run(tmp_path, a_record(command=f"{short}x --out runs/my{short}"))


def test_what_is_found_out_names_neither_path_nor_host(tmp_path, monkeypatch):
    """The real thing: this machine's host, folders and interpreter against the written bytes."""
    monkeypatch.setattr(
        sys, "orig_argv", [sys.executable, str(tmp_path / "a.py"), str(Path.home())]
    )
    record = a_record()
    del record["versions"], record["machine"], record["command"]
    run = save_run(tmp_path, record, some_parameters())
    table = save_measurement("cost", "seconds", [{"n": 1}], folder=tmp_path)
    for path in (run, table, run.with_suffix(".safetensors")):
        text = path.read_bytes().decode("utf8", errors="replace")
        host_names = {socket.gethostname(), platform.node()} - {"localhost"}
        for private in (str(tmp_path), str(Path.home()), sys.prefix, str(Path.cwd()), *host_names):
            assert private not in text, f"{path.name} holds {private!r}"


def test_a_command_is_written_without_the_folders_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    typed = [
        *(f"{ROOT}usr/bin/python3", "-m", "bareattention.train", "--seed", "0"),
        *("--out", f"{tmp_path}/runs/x", f"--data={HOME}/two words/mnist", "--lr=1e-3"),
        *("~/here", "runs/y", "a b"),
    ]
    command = command_line(typed)
    assert command == (
        "python -m bareattention.train --seed 0 --out runs/x --data=mnist --lr=1e-3 "
        "here runs/y 'a b'"
    )
    check_portable(command, "command")


def test_the_command_is_the_one_that_was_typed():
    program = "from bareattention.experiments.runs import command_line; print(command_line())"
    ran = subprocess.run(
        [sys.executable, "-c", program, "--seed", "0"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"python -c '{program}' --seed 0\n"


def test_machine_class_is_words(monkeypatch):
    words = machine_class()
    assert torch.backends.cpu.get_cpu_capability() in words
    assert words.count(",") == 2 and " core" in words
    assert words.endswith(f"{torch.get_num_threads()} thread" + "s" * (torch.get_num_threads() > 1))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Something")
    assert machine_class("cuda:0") == "NVIDIA Something"
    with pytest.raises(RuntimeError, match="abacus"):
        machine_class("abacus")


def test_versions_are_those_in_use(monkeypatch):
    found = versions()
    assert list(found) == ["python", "torch", "torchvision", "bareattention"]
    assert found["python"] == platform.python_version()
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    monkeypatch.setattr(records, "PACKAGES", ("no-such-package-here",))
    assert versions()["no-such-package-here"] == "none"


# --- what cannot be read ----------------------------------------------------------------------


@pytest.fixture
def run_file(tmp_path) -> Path:
    return save_run(tmp_path, a_record(), some_parameters())


def test_a_run_that_is_not_there(tmp_path):
    with pytest.raises(RecordError, match=r"nothing\.json: there is no such record"):
        load_run(tmp_path / "nothing")


def test_a_record_that_is_cut_anywhere_is_refused(run_file):
    whole = run_file.read_bytes()
    for length in range(0, len(whole) - 2, 7):
        run_file.write_bytes(whole[:length])
        with pytest.raises(RecordError, match=r"patches-seed3\.json is damaged"):
            load_run(run_file)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b'"seed": 3', b'"seed": \xff', "is damaged: .* decode"),
        (b'"seed": 3', b'"seed": NaN', "is damaged .* NaN"),
        (b'"seed": 3', b'"seed": 3, "seed": 4', "is damaged .* seed is there twice"),
        (b'"seconds": 12', b'"seconds": 1e999, "x": 12', "seconds: wanted a number"),
    ],
)
def test_damaged_json_is_refused(run_file, before, after, message):
    whole = run_file.read_bytes()
    assert before in whole
    run_file.write_bytes(whole.replace(before, after, 1))
    with pytest.raises(RecordError, match=rf"patches-seed3\.json.*{message}"):
        load_run(run_file)


def test_json_that_is_no_record_is_refused(run_file):
    run_file.write_text("[1, 2]")
    with pytest.raises(RecordError, match=r"patches-seed3\.json: wanted a dict, got \[1, 2\]"):
        load_run(run_file)


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_field_is_named(run_file, field):
    edited(run_file, lambda content: content.pop(field))
    with pytest.raises(RecordError, match=rf"patches-seed3\.json: {field} is missing"):
        load_run(run_file)


@pytest.mark.parametrize("field", [*REQUIRED, "final", "parameters_file"])
def test_a_field_of_another_kind_is_named(run_file, field):
    edited(run_file, lambda content: content.update({field: [None]}))
    with pytest.raises(RecordError, match=rf"patches-seed3\.json: {field}: wanted"):
        load_run(run_file)


def test_a_field_nobody_knows_is_named(run_file):
    edited(run_file, lambda content: content.update(lossy=1))
    with pytest.raises(RecordError, match=r"patches-seed3\.json: lossy is no field"):
        load_run(run_file)


@pytest.mark.parametrize("odd", [2, True, "1"])
def test_a_later_format_is_not_guessed_at(run_file, odd):
    edited(run_file, lambda content: content.update(format=odd))
    with pytest.raises(RecordError, match=r"format: wanted 1 .*, got"):
        load_run(run_file)


def test_parameters_that_are_gone(run_file):
    run_file.with_suffix(".safetensors").unlink()
    with pytest.raises(RecordError, match=r"json: parameters_file: .*safetensors cannot be read"):
        load_run(run_file)


@pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda b: b[:-1] + b"\x01", lambda b: b""])
def test_damaged_parameters(run_file, harm):
    beside = run_file.with_suffix(".safetensors")
    beside.write_bytes(harm(beside.read_bytes()))
    with pytest.raises(RecordError, match=r"json: parameters_file\.sha256: .* is damaged or"):
        load_run(run_file)


def test_a_wrong_checksum_in_the_record(run_file):
    edited(run_file, lambda content: content["parameters_file"].update(sha256="0" * 64))
    with pytest.raises(
        RecordError, match=r"parameters_file\.sha256: .* wanted 0{64}, got [0-9a-f]"
    ):
        load_run(run_file)


def test_a_file_that_holds_no_parameters(run_file):
    run_file.with_suffix(".safetensors").write_bytes(b"no parameters")
    sha256 = records._sha256(b"no parameters")
    edited(run_file, lambda content: content["parameters_file"].update(sha256=sha256))
    with pytest.raises(RecordError, match="holds no parameters"):
        load_run(run_file)


def test_parameters_of_another_kind_than_the_record_says(run_file):
    edited(run_file, lambda content: content["parameters_file"].update(dtype="float16"))
    with pytest.raises(
        RecordError, match=r"parameters_file\.dtype: .* wanted float16, got .*float32"
    ):
        load_run(run_file)


# --- kills and crowds -------------------------------------------------------------------------

KILLED = """
import os, sys
from pathlib import Path
import torch
from bareattention import records
step, stem, overwrite, seconds = sys.argv[1], sys.argv[2], sys.argv[3] == "True", float(sys.argv[4])
replace, done = Path.replace, []
def replace_or_die(self, target):
    if len(done) == int(step):
        os._exit(9)  # as a kill: nothing is tidied up
    done.append(target)
    return replace(self, target)
Path.replace = replace_or_die
record = records.load_run(stem.replace("new", "old")).record
parameters = {"w": torch.ones(3)}
records.save_run(stem, {**record, "seconds": seconds}, parameters, overwrite=overwrite)
"""


@pytest.mark.parametrize("step", [0, 1])
def test_a_kill_leaves_no_half_run(tmp_path, step):
    """Killed before the first file moves in, and between the two."""
    save_run(tmp_path / "old", a_record())
    new = tmp_path / "new"
    command = [sys.executable, "-c", KILLED, str(step), str(new), "False", "7.0"]
    assert subprocess.run(command).returncode == 9
    assert not new.with_suffix(".json").exists()
    assert new.with_suffix(".safetensors").exists() == (step == 1)
    path = save_run(new, a_record(), some_parameters())
    assert same(load_run(path).parameters, some_parameters()), "what was left is in the way"
    assert [run.seed for run in recorded("patches", tmp_path)] == []


def test_a_kill_while_a_run_is_replaced_is_noticed(tmp_path):
    path = save_run(tmp_path / "old", a_record(), some_parameters())
    before = path.read_bytes()
    for step in (0, 1):
        command = [sys.executable, "-c", KILLED, str(step), str(tmp_path / "old"), "True", "7.0"]
        assert subprocess.run(command).returncode == 9
        assert path.read_bytes() == before
        if step == 0:
            assert same(load_run(path).parameters, some_parameters())
    with pytest.raises(RecordError, match="is damaged or belongs to another run"):
        load_run(path)


@pytest.mark.parametrize("failing", ["json", "safetensors"])
def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch, failing):
    replace = Path.replace

    def no_room(self, target):
        if target.suffix == f".{failing}":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", no_room)
    with pytest.raises(RecordError, match="cannot be written: No space left"):
        save_run(tmp_path, a_record(), some_parameters())
    assert not {name for name in names(tmp_path) if name.endswith(".json")}
    assert not {name for name in names(tmp_path) if name.startswith(".unfinished")}


def slowly(monkeypatch):
    """Give other writers time to come between the two files."""
    replace = Path.replace

    def slow(self, target):
        time.sleep(0.01)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", slow)


needs_locks = pytest.mark.skipif(records.fcntl is None, reason="this system locks no folders")


@needs_locks
def test_of_many_writers_one_wins(tmp_path, monkeypatch):
    slowly(monkeypatch)

    def write(i: int) -> bool:
        try:
            save_run(tmp_path, a_record(seconds=float(i)), some_parameters(i))
        except RecordError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [i for i, wrote in enumerate(pool.map(write, range(8))) if wrote]
    run = load_run(tmp_path / "patches-seed3")
    assert won == [run.seconds]
    assert same(run.parameters, some_parameters(won[0]))
    assert names(tmp_path) == {"patches-seed3.json", "patches-seed3.safetensors"}


@needs_locks
def test_readers_never_see_a_mixed_pair(tmp_path, monkeypatch):
    save_run(tmp_path, a_record(seconds=0.0), some_parameters(0))
    slowly(monkeypatch)

    def write(i: int) -> None:
        save_run(tmp_path, a_record(seconds=float(i)), some_parameters(i), overwrite=True)

    def read(_: int) -> bool:
        time.sleep(0.005)
        run = load_run(tmp_path / "patches-seed3")
        return same(run.parameters, some_parameters(run.seconds))

    with ThreadPoolExecutor(4) as writers, ThreadPoolExecutor(4) as readers:
        written = writers.map(write, range(1, 13))
        assert all(readers.map(read, range(60)))
        list(written)


# --- what travels with the package ------------------------------------------------------------


def test_recorded_runs_are_sorted_by_seed(tmp_path):
    for seed in (10, 0, 2):
        save_run(tmp_path, a_record(seed=seed))
    save_run(tmp_path, a_record(model="patches-tall"))
    save_measurement("patches", "time", [{"s": 1}], folder=tmp_path)
    (tmp_path / "patches-seed7.json.bak").touch()
    (tmp_path / "patches-seed7.safetensors").touch()
    (tmp_path / ".unfinished-0").touch()
    assert [run.seed for run in recorded("patches", tmp_path)] == [0, 2, 10]
    assert [run.model for run in recorded("patches-tall", tmp_path)] == ["patches-tall"]
    assert all(isinstance(run, Run) for run in recorded("patches", tmp_path))


def test_what_is_not_yet_recorded_is_an_empty_list(tmp_path):
    assert recorded("patches", tmp_path) == []
    assert recorded("patches", tmp_path / "nowhere") == []
    assert recorded("no-such-model") == []
    assert recorded_measurement("no-such-table") is None


@pytest.mark.parametrize(("field", "value"), [("model", "rows"), ("seed", 4)])
def test_a_record_under_another_name_is_refused(tmp_path, field, value):
    save_run(tmp_path / "patches-seed3", a_record(**{field: value}))
    with pytest.raises(
        RecordError, match=rf"patches-seed3\.json: {field}: wanted .* got {value!r}"
    ):
        recorded("patches", tmp_path)


def test_a_damaged_record_is_not_passed_over(tmp_path):
    save_run(tmp_path, a_record()).write_text("{")
    with pytest.raises(RecordError, match="is damaged"):
        recorded("patches", tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "a.b", "-a"])
def test_names_are_plain(tmp_path, name):
    for ask in (recorded, recorded_measurement):
        with pytest.raises(ValueError, match=r"^name must be lower-case"):
            ask(name, tmp_path)
    with pytest.raises(ValueError, match=r"^name must be lower-case"):
        save_measurement(name, "time", [{"s": 1}], folder=tmp_path)


def test_the_package_has_the_folder_and_the_function():
    """`bareattention.recorded` may be the function: nothing imports the folder of that name."""
    folder = Path(bareattention.__file__).parent / "recorded"
    assert folder == records.RECORDED and (folder / "README.md").is_file()
    recorded("no-such-model")
    assert "bareattention.recorded" not in sys.modules


def test_everything_recorded_can_be_read():
    files = {path.name for path in records.RECORDED.iterdir()} - {"README.md"}
    read = set()
    for name in sorted(name for name in files if name.endswith(".json")):
        if name.endswith("-measured.json"):
            table = recorded_measurement(name.removesuffix("-measured.json"))
            check_portable(table, name)
            read.add(name)
        else:
            runs = recorded(name.rpartition("-seed")[0])
            run = next(run for run in runs if run.path.name == name)
            check_portable(run.record, name)
            read |= {name} | ({f"{run.path.stem}.safetensors"} if run.parameters else set())
    assert files == read, "files that no record vouches for"


# --- measurements -----------------------------------------------------------------------------

ROWS = [
    {"tokens": 49, "ms": 0.1 + 0.2, "kind": "fused"},
    {"tokens": 784, "ms": 1e3, "kind": "loop"},
]


def test_a_measurement_loads_back_equal(tmp_path):
    path = save_measurement("cost", "milliseconds a step", ROWS, folder=tmp_path / "new")
    assert names(tmp_path / "new") == {"cost-measured.json"}
    table = recorded_measurement("cost", path.parent)
    assert table["rows"] == ROWS and table["measured"] == "milliseconds a step"
    assert table["machine"] == machine_class() and table["versions"] == versions()
    assert table["command"] == command_line() and table["name"] == "cost"
    assert path.read_text("utf8").endswith("}\n")


def test_a_measurement_from_elsewhere_says_so(tmp_path):
    made = {"machine": "NVIDIA H100", "command": "python measure.py", "versions": versions()}
    save_measurement("cost", "ms", ROWS, folder=tmp_path, **made)
    table = recorded_measurement("cost", tmp_path)
    assert {name: table[name] for name in made} == made


def test_a_measurement_is_not_overwritten_unasked(tmp_path):
    save_measurement("cost", "ms", ROWS, folder=tmp_path)
    with pytest.raises(RecordError, match="is there already"):
        save_measurement("cost", "s", ROWS, folder=tmp_path)
    assert recorded_measurement("cost", tmp_path)["measured"] == "ms"
    save_measurement("cost", "s", ROWS, folder=tmp_path, overwrite=True)
    assert recorded_measurement("cost", tmp_path)["measured"] == "s"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("measured", "rows", "message"),
    [
        ("", ROWS, "measured: wanted text"),
        ("ms", [], "rows: wanted"),
        ("ms", [{}], "rows: wanted"),
        ("ms", [{"a": 1}, {"b": 1}], "rows: wanted .* same keys"),
        ("ms", [{"a": math.nan}], "JSON has no word for nan"),
        ("ms", 3, "rows: wanted"),
    ],
)
def test_an_odd_measurement_is_refused(tmp_path, measured, rows, message):
    with pytest.raises(RecordError, match=f"^measurement.*{message}"):
        save_measurement("cost", measured, rows, folder=tmp_path)
    assert not names(tmp_path)


@pytest.mark.parametrize(
    "field", ["format", "kind", "name", "measured", "rows", "machine", "versions", "command"]
)
def test_a_measurement_with_an_odd_field_is_refused(tmp_path, field):
    file = save_measurement("cost", "ms", ROWS, folder=tmp_path)
    edited(file, lambda content: content.update({field: []}))
    with pytest.raises(RecordError, match=rf"cost-measured\.json: {field}: wanted"):
        recorded_measurement("cost", tmp_path)
    edited(file, lambda content: content.pop(field))
    with pytest.raises(RecordError, match=rf"cost-measured\.json: {field} is missing"):
        recorded_measurement("cost", tmp_path)


def test_a_measurement_under_another_name_is_refused(tmp_path):
    save_measurement("cost", "ms", ROWS, folder=tmp_path).rename(tmp_path / "time-measured.json")
    with pytest.raises(RecordError, match=r"time-measured\.json: name: wanted 'time'"):
        recorded_measurement("time", tmp_path)


def test_a_run_and_a_measurement_are_told_apart(tmp_path):
    file = save_measurement("cost", "ms", ROWS, folder=tmp_path)
    with pytest.raises(RecordError, match="kind: wanted 'run', got 'measurement'"):
        load_run(file)


def test_safetensors_are_readable_by_others(run_file):
    """Nothing of ours is needed to read what is stored."""
    with safetensors.safe_open(run_file.with_suffix(".safetensors"), "pt") as file:
        assert same({name: file.get_tensor(name) for name in file.keys()}, some_parameters())  # noqa: SIM118
