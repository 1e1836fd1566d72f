"""Trainings from the command line: what they write down, and that they go on where they stopped."""

import math
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch
from expectations import full_disk
from torch.optim.optimizer import register_optimizer_step_post_hook

from bareattention import train
from bareattention.chapters.patches import DigitConfig
from bareattention.chapters.training import report_line
from bareattention.data import Digits, DigitSplits, load_digits
from bareattention.experiments import runs
from bareattention.experiments.checkpoints import alone, load_checkpoint
from bareattention.experiments.recipes import RECIPES, Recipe
from bareattention.experiments.runs import Record, load_run, machine_class, versions
from bareattention.experiments.tricks import random_distortion

SIZES = {"training": 60, "validation": 20, "test": 30}
SMALL = ("--epochs", "3", "--batch-size", "16")
STEPS = 4  # of an epoch: 60 digits, 16 at a time
ALL_THREE = Recipe(
    "all three",
    transformer=DigitConfig(patch_size=14, d_model=8, n_heads=2, n_blocks=1, d_ff=8, dropout=0.2),
    **{"optimizer": "muon", "augmentation": True, "elastic": 1.5, "label_smoothing": 0.2},
)
PARTS = ("Muon", "AdamW", "MuonAndAdamW")  # whose steps are noted, one after the other


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing by more, and `--threads` is for one test alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def packaged():
    return load_digits("mnist5k")


@pytest.fixture
def few(packaged, monkeypatch):
    """A handful of digits in place of thousands; a test may put others there."""
    few = SimpleNamespace()
    for name, n in SIZES.items():
        part = getattr(packaged, name)
        setattr(few, name, Digits(part.images[:n], part.labels[:n]))

    def load(source):
        provenance = msgspec.structs.replace(packaged.provenance, source=source)
        return DigitSplits(**vars(few), provenance=provenance)

    monkeypatch.setattr(train, "load_digits", load)
    return few


@pytest.fixture
def never(monkeypatch):
    """Fail as soon as digits are asked for, which is before any training."""
    monkeypatch.setattr(train, "load_digits", lambda source: pytest.fail("it goes on"))


@pytest.fixture
def watch(monkeypatch):
    """Note what the models are shown, to learn from and to be judged by, and every step."""
    watch, build = SimpleNamespace(taught=[], judged=[], steps=[], models=[]), Recipe.model

    def look(module, arguments):
        (watch.taught if module.training else watch.judged).append(arguments[0].clone())

    def model(recipe):
        built = build(recipe)
        built.register_forward_pre_hook(look)
        watch.models.append(built)
        return built

    def step(optimizer, *_):
        groups = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
        watch.steps.append((type(optimizer).__name__, groups))

    monkeypatch.setattr(Recipe, "model", model)
    hook = register_optimizer_step_post_hook(step)
    yield watch
    hook.remove()


@pytest.fixture
def recipes_with(monkeypatch):
    def change(name="linear", recipe=None, **changes):
        recipe = replace(recipe or RECIPES[name], **changes)
        monkeypatch.setattr(train, "RECIPES", {**train.RECIPES, name: recipe})
        return recipe

    return change


@contextmanager
def at_each_step(act):
    """Call `act` with the number of the step, right after the parameters were moved."""
    numbers = iter(range(1, 10**6))
    hook = register_optimizer_step_post_hook(lambda *_: act(next(numbers)))
    yield
    hook.remove()


def run(out, *more, model="linear"):
    return train.main(
        ["--model", model, "--data", "mnist5k", "--out", str(out), *SMALL, *map(str, more)]
    )


def interrupt(out, *more, model="linear", at=STEPS + 2):
    """Train, and press Ctrl-C after so many steps."""

    def press(number):
        if number == at:
            raise KeyboardInterrupt

    with at_each_step(press):
        return run(out, *more, model=model)


def read(out, model="linear", seed=0):
    return load_run(Path(out) / f"{model}-seed{seed}")


def outcome(out, model="linear", seed=0, *, final=True):
    """What was trained, the checksum of the parameters included; not how long it took."""
    found = read(out, model, seed)
    left_out = {"seconds", "cpu_seconds", "command"} | (set() if final else {"final", "wrong"})
    return {name: getattr(found, name) for name in {*Record.__struct_fields__} - left_out}


def names(folder):
    return {path.name for path in folder.iterdir()}


def files(stem, *endings):
    return {f"{stem}.{ending}" for ending in endings}


def statistics(*parts):
    pixels = np.concatenate([part.images.numpy() for part in parts]).astype(np.float64)
    return pixels.mean(), pixels.std(ddof=1)


def as_drawn(batches, mean, std):
    """How often each image was shown, with its preparation undone: only the right one fits."""
    images = torch.cat(batches).reshape(-1, 28, 28).double() * std + mean
    assert (images - images.round()).abs().max() < 1e-3, "prepared with other statistics"
    return counted(images.round().to(torch.uint8))


def counted(images):
    return Counter(image.numpy().tobytes() for image in images)


def verdict(run, digits):
    """Bits, percent and wrong digits of the stored parameters, in float64, from raw images."""
    about = run.configuration
    model = RECIPES[run.model].model().double().eval()
    model.load_state_dict(run.parameters)
    ready = (digits.images.double() - about["pixel_mean"]) / about["pixel_std"]
    with torch.no_grad():
        logits = model(ready.reshape(-1, 784, 1) if about["kind"] == "pixels" else ready)
    logits, labels = logits.numpy(), digits.labels.numpy()
    wanted = logits[np.arange(len(labels)), labels]
    # Not log(exp(…).sum()): logits of a run with huge steps would overflow.
    bits = np.mean(np.logaddexp.reduce(logits, axis=1) - wanted) / math.log(2)
    right = logits.argmax(axis=1) == labels
    return bits, 100 * np.mean(right), [*np.flatnonzero(~right)]


# What a run writes


def test_a_run_writes_record_parameters_and_checkpoint(few, packaged, tmp_path, capsys):
    out = tmp_path / "runs" / "today"
    more = ("--seed", 5, "--learning-rate", 0.01, "--threads", 2)
    assert run(out, *more, model="augmentation") == 0
    told = capsys.readouterr()
    stem = "augmentation-seed5"
    assert names(out) == files(stem, "json", "safetensors", "checkpoint")
    found = read(out, "augmentation", 5)
    mean, std = statistics(few.training)
    assert (found.model, found.seed, found.n_parameters) == ("augmentation", 5, 104_842)
    recipe = RECIPES["augmentation"]
    chosen = asdict(replace(recipe, epochs=3, batch_size=16, learning_rate=0.01))
    assert not chosen.pop("with_validation")
    assert found.configuration == chosen | {
        **{"digits": "mnist5k", "trained_on": "training"},
        **{"pixel_mean": pytest.approx(mean), "pixel_std": pytest.approx(std)},
    }
    assert found.data == packaged.provenance
    assert (found.versions, found.machine) == (versions(), machine_class())
    assert found.machine.endswith(", 2 threads") and found.seconds >= 0 <= found.cpu_seconds
    # In an order of its own, with nothing that belongs to this machine.
    assert found.command == (
        "python -m bareattention.train --model augmentation --data mnist5k --seed 5 --device cpu "
        "--threads 2 --epochs 3 --batch-size 16 --learning-rate 0.01"
    )
    assert [entry["epoch"] for entry in found.curve] == [1, 2, 3] and found.final is None
    assert sum(tensor.numel() for tensor in found.parameters.values()) == 104_842
    lines = [report_line(entry) for entry in found.curve]
    assert told.out.splitlines() == [*lines, f"wrote {out / stem}.json"] and not told.err


@pytest.mark.parametrize("model", ["linear", "patches", "pixels-uniform"])
def test_the_stored_parameters_give_the_figures_of_the_record(few, tmp_path, model, capsys):
    """Last epoch or best, whichever the recipe keeps; validation and test digits."""
    assert run(tmp_path, "--final", model=model) == 0
    found = read(tmp_path, model)
    kept = found.curve[-1]
    if RECIPES[model].keep_best:
        kept = min(found.curve, key=lambda entry: entry["validation_bits"])
    for part in ("validation", "test"):
        bits, accuracy, wrong = verdict(found, getattr(few, part))
        assert found.final[f"{part}_bits"] == pytest.approx(bits, abs=1e-4)
        assert found.final[f"{part}_accuracy"] == pytest.approx(accuracy, abs=1e-3)
        assert found.final[f"{part}_digits"] == SIZES[part]
    assert len(found.final) == 6 and found.wrong == wrong  # of the test digits, the last part
    assert kept["validation_bits"] == pytest.approx(found.final["validation_bits"], abs=2e-6)
    assert f"test digits: {found.final['test_accuracy']:.2f} %\n" in capsys.readouterr().out


def test_the_best_epoch_is_kept_also_from_before_an_interruption(few, tmp_path):
    """With steps far too large the last epoch is not the best."""
    large = ("--learning-rate", 3, "--epochs", 6)
    assert run(tmp_path / "whole", *large, model="pixels-linear") == 0
    found = read(tmp_path / "whole", "pixels-linear")
    bits = [entry["validation_bits"] for entry in found.curve]
    assert min(bits) < 0.9 * bits[-1]
    assert verdict(found, few.validation)[0] == pytest.approx(min(bits), rel=1e-4)
    best = bits.index(min(bits)) + 1
    interrupt(tmp_path, *large, model="pixels-linear", at=best * STEPS + 1)
    run(tmp_path, *large, "--resume", model="pixels-linear")
    assert outcome(tmp_path, "pixels-linear") == outcome(tmp_path / "whole", "pixels-linear")


def test_averaged_weights_are_judged_and_stored_and_gone_on_with(
    few, watch, tmp_path, recipes_with
):
    """By halves, after every step, from the first on."""
    recipes_with(averaged=0.5)
    live = []
    with at_each_step(lambda _: live.append(watch.models[0].state_dict()["1.weight"].clone())):
        assert run(tmp_path, "--final") == 0
    average = live[0]
    for weight in live[1:]:
        average = 0.5 * average + 0.5 * weight
    found = read(tmp_path)
    assert found.n_parameters == 7850 and found.parameters.keys() == {"1.weight", "1.bias"}
    torch.testing.assert_close(found.parameters["1.weight"], average, rtol=1e-4, atol=1e-6)
    wanted = found.curve[-1]["validation_bits"]
    assert found.final["validation_bits"] == pytest.approx(wanted, abs=1e-6)
    interrupt(tmp_path / "broken", "--final")
    assert run(tmp_path / "broken", "--final", "--resume") == 0
    assert outcome(tmp_path / "broken") == outcome(tmp_path)


def test_a_training_begins_with_recorded_parameters_of_the_same_seed(
    few, watch, tmp_path, monkeypatch, recipes_with, capsys
):
    assert run(tmp_path, "--seed", 3) == 0
    first = read(tmp_path, seed=3)
    monkeypatch.setattr(runs, "recorded", lambda name: {"rows": [first]}[name])
    recipes_with(begins_with="rows", learning_rate=1e-30)
    assert run(tmp_path, "--seed", 3, "--overwrite") == 0
    again = read(tmp_path, seed=3).parameters
    torch.testing.assert_close(again, first.parameters, rtol=1e-5, atol=0)
    assert run(tmp_path / "other", "--seed", 4) == 1
    told = "linear begins with the parameters of rows, and none are recorded for seed 4"
    assert capsys.readouterr().err.endswith(f"train: --seed: {told}\n")


@pytest.mark.parametrize("flush", [False, True])
def test_denormal_numbers_are_zero_where_that_is_asked_for(few, tmp_path, flush):
    flushed = []
    try:
        with at_each_step(lambda _: flushed.append((torch.tensor([1e-30]) * 1e-10).item() == 0)):
            assert run(tmp_path, *(["--flush-denormals"] if flush else [])) == 0
    finally:
        torch.set_flush_denormal(False)
    assert flushed == [flush] * STEPS * 3


def test_half_stores_half_as_many_bytes_and_no_parameters_none(few, tmp_path):
    run(tmp_path), run(tmp_path / "half", "--half")
    whole, half = read(tmp_path), read(tmp_path / "half")
    assert all(torch.equal(half.parameters[name], x.half()) for name, x in whole.parameters.items())
    run(tmp_path, "--no-parameters", "--overwrite")
    assert read(tmp_path).parameters is None and "--no-parameters" in read(tmp_path).command
    assert names(tmp_path) == files("linear-seed0", "json", "checkpoint") | {"half"}


# What it is taught with, and how


def test_it_learns_from_the_training_digits_each_once_in_an_epoch(few, watch, tmp_path):
    """And it is judged by the test digits only when that is asked for, once."""
    run(tmp_path)
    assert [len(batch) for batch in watch.taught] == [16, 16, 16, 12] * 3
    assert [len(batch) for batch in watch.judged] == [SIZES["validation"]] * 3
    prepared = statistics(few.training)
    for epoch in range(3):
        batches = watch.taught[STEPS * epoch : STEPS * (epoch + 1)]
        assert as_drawn(batches, *prepared) == counted(few.training.images)
        assert as_drawn([watch.judged[epoch]], *prepared) == counted(few.validation.images)
    assert not torch.equal(watch.taught[0], watch.taught[STEPS]), "the order never changes"
    watch.judged.clear()
    run(tmp_path / "final", "--final")
    *_, validation, test = watch.judged
    assert len(watch.judged) == 5
    assert as_drawn([validation], *prepared) == counted(few.validation.images)
    assert as_drawn([test], *prepared) == counted(few.test.images)
    assert outcome(tmp_path, final=False) == outcome(tmp_path / "final", final=False)


@pytest.mark.parametrize("by", ["command", "recipe"])
def test_with_validation_trains_on_both_parts_and_says_so(few, watch, tmp_path, recipes_with, by):
    """Mean and deviation come from both parts, too."""
    recipes_with(with_validation=by == "recipe")
    asked = ("--with-validation",) if by == "command" else ()
    assert run(tmp_path, *asked, "--epochs", 1, "--batch-size", 32) == 0
    found, prepared = read(tmp_path), statistics(few.training, few.validation)
    both = counted(few.training.images) + counted(few.validation.images)
    assert as_drawn(watch.taught, *prepared) == both
    assert found.configuration["trained_on"] == "training and validation"
    about = (found.configuration["pixel_mean"], found.configuration["pixel_std"])
    assert about == pytest.approx(prepared) and about != pytest.approx(statistics(few.training))


def test_other_test_digits_change_nothing_but_the_test_figures(few, tmp_path):
    """So neither the normalisation nor the parameters depend on them."""
    run(tmp_path / "a", "--final")
    few.test = Digits(255 - few.test.images[:9], few.test.labels[:9])
    run(tmp_path / "b", "--final")
    one, other = (outcome(tmp_path / name) for name in "ab")
    one, other = one | one.pop("final"), other | other.pop("final")
    changed = {name for name in one if one[name] != other[name]}
    least = {"test_bits", "test_digits"}
    assert least <= changed <= {*least, "test_accuracy", "wrong"}


def test_the_optimizers_are_those_of_the_recipes(few, watch, tmp_path, recipes_with):
    """AdamW and Muon climb to the learning rate and come down, matrices decay; Adam stays."""
    recipes_with("all", ALL_THREE)
    ten = ("--batch-size", 30, "--epochs", 5)
    decays = {"AdamW": [0.05, 0.0], "Muon": [0.05], "MuonAndAdamW": [0.05, 0.05, 0.0]}
    for seed, model, parts, more in (
        (0, "linear", ("AdamW",), ()),
        (1, "linear", ("AdamW",), ("--learning-rate", 0.5)),
        (0, "all", PARTS, ()),
    ):
        watch.steps.clear()
        assert run(tmp_path, *ten, "--seed", seed, *more, model=model) == 0
        assert [name for name, _ in watch.steps] == [*parts] * 10
        assert all([decay for _, decay in groups] == decays[name] for name, groups in watch.steps)
        highest = more[1] if more else 3e-3
        for i in range(len(parts)):
            rates = [groups[0][0] for _, groups in watch.steps[i :: len(parts)]]
            assert rates[1] == max(rates) == pytest.approx(highest)
            assert rates[1:] == sorted(rates[1:], reverse=True) and rates[-1] < highest / 1000
    watch.steps.clear()
    run(tmp_path, *ten, model="pixels-linear")
    assert watch.steps == [("Adam", [(0.01, 0.0)])] * 10


def test_digits_are_drawn_anew_or_changed_where_the_recipe_says_so(few, watch, tmp_path):
    run(tmp_path, "--epochs", 1, model="pixels-linear")
    drawn = as_drawn(watch.taught, *statistics(few.training))
    assert drawn.total() == 60 and drawn.keys() < counted(few.training.images).keys()
    watch.taught.clear()
    run(tmp_path, "--epochs", 1, model="augmentation")
    mean, std = statistics(few.training)
    ready = ((few.training.images - mean) / std).float().flatten(1)
    assert torch.cdist(torch.cat(watch.taught).flatten(1), ready).min() > 1


def test_digits_are_bent_and_labels_smoothed_as_the_recipe_says(few, watch, tmp_path, recipes_with):
    """One batch with all digits, made again by hand; judged before it is learned from."""
    transformer = replace(ALL_THREE.transformer, dropout=0.0)
    still = recipes_with("all", ALL_THREE, transformer=transformer)
    assert run(tmp_path, "--batch-size", 60, "--epochs", 1, model="all") == 0
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(60, generator=generator)
    ready = still.preparation(few.training.images)(few.training.images)[order]
    (shown,) = watch.taught
    assert torch.equal(shown, random_distortion(ready, generator, elastic=1.5))
    torch.manual_seed(0)
    logs = still.model()(shown).log_softmax(dim=1).double()
    right, all_alike = logs[torch.arange(60), few.training.labels[order]].mean(), logs.mean()
    bits = -(0.8 * right + 0.2 * all_alike).item() / math.log(2)
    assert read(tmp_path, "all").curve[0]["training_bits"] == pytest.approx(bits, rel=1e-4)


@pytest.mark.parametrize("model", ["linear", "augmentation"])
def test_a_seed_gives_the_same_run_and_another_seed_another(few, watch, tmp_path, model):
    for out in "ab":
        torch.manual_seed(ord(out))
        run(tmp_path / out, "--epochs", 1, model=model)
    run(tmp_path, "--epochs", 1, "--seed", 1, model=model)
    assert outcome(tmp_path / "a", model) == outcome(tmp_path / "b", model)
    one, other = read(tmp_path / "a", model).parameters, read(tmp_path, model, 1).parameters
    assert all(not torch.equal(one[name], other[name]) for name in one)
    first, same, another = watch.taught[::STEPS]
    assert torch.equal(first, same) and not torch.equal(first, another)


# Interrupted, and gone on with


@pytest.mark.parametrize(
    "model, at",
    [
        *(("linear", 2), ("linear", 12), ("pixels-linear", 7)),
        # In the second epoch, also where one part has made its step and the other has not.
        *(("all", len(PARTS) * (STEPS + 1) + 1 + between) for between in range(3)),
    ],
)
def test_an_interrupted_run_ends_with_the_numbers_of_an_unbroken_one(
    few, tmp_path, recipes_with, capsys, model, at
):
    recipes_with("all", ALL_THREE)
    run(tmp_path / "unbroken", "--final", model=model)
    out, stem = tmp_path / "broken", f"{model}-seed0"
    capsys.readouterr()
    assert interrupt(out, "--final", model=model, at=at) == train.INTERRUPTED == 130
    told = capsys.readouterr()
    assert told.err == "\nStopped.  The same command with --resume goes on.\n"
    whole = len(told.out.splitlines())
    assert whole == (at - 1) // (STEPS * (len(PARTS) if model == "all" else 1))
    assert names(out) == (files(stem, "checkpoint") if whole else set())
    torch.manual_seed(999)
    assert interrupt(out, "--final", "--resume", model=model, at=1) == (130 if whole < 3 else 0)
    assert run(out, "--final", "--resume", "--overwrite", model=model) == 0
    assert outcome(out, model) == outcome(tmp_path / "unbroken", model)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_training_that_was_killed_goes_on_to_the_same_numbers(tmp_path):
    """From a shell, with -9: nothing is tidied up, and nothing is lost."""
    arguments = [
        "--model",
        "linear",
        "--data",
        "mnist5k",
        "--batch-size",
        "32",
        "--epochs",
        "12",
        "--threads",
        "1",
    ]
    command = [sys.executable, "-m", "bareattention.train", *arguments, "--out", "broken"]
    child = subprocess.Popen(command, cwd=tmp_path)
    broken = tmp_path / "broken"
    while not (broken / "linear-seed0.checkpoint").exists() and child.poll() is None:
        time.sleep(0.005)
    child.kill()
    assert child.wait(timeout=60) == -signal.SIGKILL
    assert not (broken / "linear-seed0.json").exists()
    assert train.main([*arguments, "--out", str(broken), "--resume"]) == 0
    assert train.main([*arguments, "--out", str(tmp_path)]) == 0
    assert outcome(broken) == outcome(tmp_path) and len(read(broken).curve) == 12
    assert names(broken) == files("linear-seed0", "json", "safetensors", "checkpoint")


# What --resume and --overwrite do, and refuse


@pytest.mark.parametrize(
    "other, differs",
    [
        (("--flush-denormals",), "flush_denormals is False, and True"),
        (("--epochs", 4), "epochs is 3, and 4"),
        (("--learning-rate", 0.1), "learning_rate is 0.003, and 0.1"),
        (("--data", "mnist"), "digits is 'mnist5k', and 'mnist'"),
        (("--with-validation",), "trained_on is 'training', and 'training and validation'"),
        (("--threads", 2), "threads is 1, and 2"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(few, watch, tmp_path, capsys, other, differs):
    interrupt(tmp_path)
    checkpoint = tmp_path / "linear-seed0.checkpoint"
    before = checkpoint.read_bytes()
    watch.steps.clear(), capsys.readouterr()
    assert run(tmp_path, "--resume", *other) == 1
    wanted = f"train: {checkpoint} is of another training: its {differs} is asked for\n"
    assert capsys.readouterr().err == wanted
    assert not watch.steps and checkpoint.read_bytes() == before
    assert names(tmp_path) == {checkpoint.name}


@pytest.mark.parametrize("what", ["processor", "versions"])
def test_another_machine_does_not_go_on_with_a_training(few, tmp_path, capsys, monkeypatch, what):
    """Its last digits would be others."""
    interrupt(tmp_path)
    monkeypatch.setattr(runs, what, lambda *_: {"abacus": "1"})
    monkeypatch.setattr(runs, "machine_class", lambda *_: "an abacus")
    assert run(tmp_path, "--resume") == 1
    assert re.search(rf"its {what} is .*, and {{'abacus': '1'}} is", capsys.readouterr().err)


@pytest.mark.parametrize(
    "ending, more, remedy",
    [
        ("json", [], "--overwrite replaces it"),
        ("json", ["--resume"], "--overwrite replaces it"),
        ("checkpoint", [], "--resume goes on from it, --overwrite starts anew"),
    ],
)
def test_what_is_there_is_kept_and_nothing_is_trained_in_vain(
    never, tmp_path, capsys, ending, more, remedy
):
    file = tmp_path / f"linear-seed0.{ending}"
    file.write_text("precious")
    assert run(tmp_path, *more) == 1
    told = capsys.readouterr()
    assert told.err == f"train: {file} is there already; {remedy}\n" and not told.out
    assert names(tmp_path) == {file.name} and file.read_text() == "precious"


def test_final_figures_are_added_without_training_again(few, watch, tmp_path):
    (
        run(tmp_path / "at once", "--final", model="pixels-linear"),
        run(tmp_path, model="pixels-linear"),
    )
    watch.steps.clear(), watch.taught.clear()
    assert run(tmp_path, "--resume", "--final", "--overwrite", model="pixels-linear") == 0
    assert not watch.steps and not watch.taught
    assert outcome(tmp_path, "pixels-linear") == outcome(tmp_path / "at once", "pixels-linear")


@pytest.mark.parametrize("at", [2, STEPS + 2])
def test_overwrite_that_was_interrupted_goes_on_with_resume(few, tmp_path, at):
    """The same command with --resume, as the message says; until then the old run stands."""
    run(tmp_path, "--final"), run(tmp_path / "fresh", "--epochs", 2)
    old = outcome(tmp_path)
    assert interrupt(tmp_path, "--overwrite", "--epochs", 2, at=at) == 130
    assert (tmp_path / "linear-seed0.checkpoint").exists() == (at > STEPS)
    assert outcome(tmp_path) == old
    assert run(tmp_path, "--overwrite", "--epochs", 2, "--resume") == 0
    assert outcome(tmp_path) == outcome(tmp_path / "fresh")


# Nothing is lost


@pytest.mark.parametrize("name", ["data", "mnist5k", "linear", "python"])
def test_the_name_of_the_machine_is_no_reason_to_refuse(few, tmp_path, monkeypatch, name):
    monkeypatch.setattr(platform, "node", lambda: name)
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert run(tmp_path / name, "--final") == 0
    assert read(tmp_path / name).final


def test_what_cannot_be_written_at_the_end_costs_no_training(few, watch, tmp_path, capsys):
    """The checkpoint is there, and the record is made from it when there is room."""
    run(tmp_path / "unbroken")
    in_the_way = tmp_path / "linear-seed0.safetensors"
    in_the_way.mkdir()
    assert run(tmp_path) == 1
    assert capsys.readouterr().err.startswith(f"train: {in_the_way} cannot be written: ")
    in_the_way.rmdir()
    assert names(tmp_path) == {"unbroken", "linear-seed0.checkpoint"}
    watch.steps.clear()
    assert run(tmp_path, "--resume") == 0
    assert not watch.steps and outcome(tmp_path) == outcome(tmp_path / "unbroken")


def test_a_full_disk_at_a_checkpoint_is_told_in_words(few, tmp_path, capsys):
    with full_disk(50_000):
        assert run(tmp_path) == 1
    told = capsys.readouterr().err
    assert re.fullmatch(r"train: \S+linear-seed0.checkpoint cannot be written: .*\n", told)
    assert not names(tmp_path)


def test_a_training_that_diverges_is_neither_judged_nor_gone_on_from(
    few, watch, tmp_path, capsys, monkeypatch
):
    def spoil(number):
        if number == 3 * STEPS:
            watch.models[0].get_parameter("1.weight").data.fill_(float("nan"))

    with at_each_step(spoil):
        assert run(tmp_path, "--final") == 1
    assert re.fullmatch(r"train: the loss is no number any more: .*\n", capsys.readouterr().err)
    assert len(load_checkpoint(tmp_path / "linear-seed0.checkpoint")["history"]) == 2


# The command line


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--out", "file"], "file cannot be written: "),
        (["--out", "/proc/self"], "/proc/self cannot be written: "),
        (["--out", "locked"], "locked/linear-seed0.lock: another training is writing here"),
        (["--device", "gpu"], "--device: 'gpu' cannot be used: "),
        (["--device", "meta"], "--device: 'meta' cannot be used: "),
        (["--flush-denormals"], "--flush-denormals: this processor cannot"),
    ],
)
def test_what_cannot_start_is_told_and_changes_nothing(
    few, watch, tmp_path, monkeypatch, capsys, arguments, told
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_flush_denormal", lambda mode: False)
    Path("file").write_text("precious")
    Path("locked").mkdir()
    interrupt("here")
    watch.steps.clear(), capsys.readouterr()
    with alone(Path("locked", "linear-seed0.lock")):
        assert run("here", "--overwrite", *arguments) == 1
    assert re.fullmatch(rf"train: {re.escape(told)}[^\n]*\n", capsys.readouterr().err)
    assert Path("file").read_text() == "precious" and not watch.steps
    assert names(Path("here")) == {"linear-seed0.checkpoint"}


WHOLE = ("--epochs", "--batch-size", "--threads")


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ([], ["--model"]),
        (["--model", "transformer"], ["--model", "'transformer'", "patches", "naked_attention"]),
        (["--data", "cifar"], ["--data", "'cifar'", "mnist5k"]),
        *[
            (["--seed", x], ["--seed", f"'{x}'", "a whole number"])
            for x in ("-1", "1.5", "x", 10**30)
        ],
        *[(["--epochs", x], ["--epochs", f"'{x}'", "of at least 1"]) for x in ("0", "")],
        *[
            (["--batch-size", x], ["--batch-size", f"'{x}'", "a whole number"])
            for x in ("0", 2**63)
        ],
        (["--threads", "0"], ["--threads", "'0'", "a whole number"]),
        *[
            (["--learning-rate", x], ["--learning-rate", f"'{x}'", "a positive number"])
            for x in ("nan", "inf", "0", "-0.1", "fast", "1e-999")
        ],
        (["patches"], ["patches"]),
    ],
)
def test_wrong_arguments_are_refused_by_name(never, arguments, parts, tmp_path, capsys):
    model = ["--model", "linear"] if arguments and "--model" not in arguments else []
    with pytest.raises(SystemExit) as left:
        train.main([*model, "--out", str(tmp_path / "runs"), *map(str, arguments)])
    told = capsys.readouterr()
    assert left.value.code == 2 and told.err.startswith("usage: ") and not told.out
    last = told.err.splitlines()[-1]
    assert "error: " in last and all(part in last for part in parts), last
    assert not names(tmp_path)


def test_the_list_shows_every_recipe_and_trains_nothing(never, capsys):
    assert train.main(["--list"]) == 0
    found = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert found == [[name, recipe.says] for name, recipe in RECIPES.items()]


def test_help_describes_every_option(capsys):
    with pytest.raises(SystemExit):
        train.main(["--help"])
    told = re.sub(r"-\n +", "-", capsys.readouterr().out)  # argparse breaks lines after hyphens
    described = re.findall(r"^  (--[a-z-]+)(?: \S+)?\s+(?=\S)", told, re.MULTILINE)
    known = vars(train._parser().parse_args([]))
    assert described and {*described} == {f"--{name.replace('_', '-')}" for name in known}
    assert "MNIST_ROOT" in told and "Ctrl-C" in told
