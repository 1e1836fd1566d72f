"""Trainings from the command line: what they write down, and that they go on where they stopped."""

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from bareattention import records, train
from bareattention.chapters.patches import DigitConfig
from bareattention.chapters.training import report_line
from bareattention.data import MNIST5K_FILE, Digits, DigitSplits, load_digits
from bareattention.experiments.recipes import RECIPES, Recipe
from bareattention.experiments.runs import load_run, machine_class, versions
from bareattention.experiments.tricks import MuonAndAdamW, random_distortion

SIZES = {"training": 60, "validation": 20, "test": 30}
SMALL = ("--epochs", "3", "--batch-size", "16")
STEPS = 4  # of an epoch: 60 digits, 16 at a time
KEYS = {"epoch"} | {
    f"{part}_{what}" for part in ("training", "validation") for what in ("bits", "accuracy")
}


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
        return DigitSplits(**vars(few), provenance=replace(packaged.provenance, source=source))

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


def but_for_time(run):
    """What was trained, the checksum of the parameters included; not when, nor by which words."""
    left_out = ("seconds", "cpu_seconds", "command")
    return {name: x for name, x in run.record.items() if name not in left_out}


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
    """Bits and percent of the stored parameters, in float64, from the record and raw images."""
    about = run.configuration
    model = RECIPES[run.model].model().double().eval()
    model.load_state_dict(run.parameters)
    ready = (digits.images.double() - about["pixel_mean"]) / about["pixel_std"]
    with torch.no_grad():
        logits = model(ready.reshape(-1, 784, 1) if about["kind"] == "pixels" else ready)
    logits, labels = logits.numpy(), digits.labels.numpy()
    right = logits[np.arange(len(labels)), labels]
    # Not log(exp(…).sum()): logits of a run with huge steps would overflow.
    bits = np.mean(np.logaddexp.reduce(logits, axis=1) - right) / math.log(2)
    return bits, 100 * np.mean(logits.argmax(axis=1) == labels)


# What a run writes


def test_a_run_writes_record_parameters_and_checkpoint(few, packaged, tmp_path, capsys):
    out = tmp_path / "runs" / "today"
    assert run(out, "--seed", 5, model="augmentation") == 0
    told = capsys.readouterr()
    stem = "augmentation-seed5"
    assert names(out) == files(stem, "json", "safetensors", "checkpoint")
    found = read(out, "augmentation", 5)
    mean, std = statistics(few.training)
    assert (found.model, found.seed, found.n_parameters) == ("augmentation", 5, 104_842)
    chosen = asdict(replace(RECIPES["augmentation"], epochs=3, batch_size=16))
    assert not chosen.pop("with_validation")
    assert found.configuration == chosen | {
        **{"digits": "mnist5k", "trained_on": "training"},
        **{"pixel_mean": pytest.approx(mean), "pixel_std": pytest.approx(std)},
    }
    provenance = asdict(packaged.provenance)
    assert found.record["data"] == provenance | {"files": dict(provenance["files"])}
    made_with = (found.record["versions"], found.record["machine"], found.record["command"])
    typed = "--model augmentation --data mnist5k --out today --epochs 3 --batch-size 16 --seed 5"
    command = f"python -m bareattention.train {typed}"
    assert made_with == (versions(), machine_class(), command)
    assert found.seconds >= 0 and found.cpu_seconds >= 0
    assert [entry["epoch"] for entry in found.curve] == [1, 2, 3]
    assert all(entry.keys() == KEYS for entry in found.curve)
    assert found.final is None and "final" not in found.record
    assert sum(tensor.numel() for tensor in found.parameters.values()) == 104_842
    assert {tensor.dtype for tensor in found.parameters.values()} == {torch.float32}
    lines = [report_line(entry) for entry in found.curve]
    assert told.out.splitlines() == [*lines, f"wrote {out / stem}.json"] and not told.err


@pytest.mark.parametrize("model", ["linear", "mean", "patches", "pixels", "pixels-uniform"])
def test_the_stored_parameters_give_the_figures_of_the_record(few, tmp_path, model, capsys):
    """Last epoch or best, whichever the recipe keeps; validation and test digits."""
    assert run(tmp_path, "--final", model=model) == 0
    found = read(tmp_path, model)
    epochs = found.curve
    kept = epochs[-1]
    if RECIPES[model].keep_best:
        kept = min(epochs, key=lambda entry: entry["validation_bits"])
    for part in ("validation", "test"):
        bits, accuracy = verdict(found, getattr(few, part))
        assert found.final[f"{part}_bits"] == pytest.approx(bits, abs=1e-4)
        assert found.final[f"{part}_accuracy"] == pytest.approx(accuracy, abs=1e-3)
        assert found.final[f"{part}_digits"] == SIZES[part]
    assert len(found.final) == 6
    assert kept["validation_bits"] == pytest.approx(found.final["validation_bits"], abs=2e-6)
    assert kept["validation_accuracy"] == pytest.approx(found.final["validation_accuracy"])
    assert f"test digits: {found.final['test_accuracy']:.2f} %\n" in capsys.readouterr().out


def test_the_best_epoch_is_kept_where_the_recipe_says_so(few, tmp_path):
    """With steps far too large the last epoch is not the best."""
    large = ("--learning-rate", 3, "--epochs", 6)
    assert run(tmp_path, *large, model="pixels-linear") == 0
    found = read(tmp_path, "pixels-linear")
    bits = [entry["validation_bits"] for entry in found.curve]
    assert min(bits) < 0.9 * bits[-1]
    assert verdict(found, few.validation)[0] == pytest.approx(min(bits), rel=1e-4)


def test_half_stores_half_as_many_bytes_and_no_parameters_none(few, tmp_path):
    run(tmp_path / "whole"), run(tmp_path / "half", "--half")
    run(tmp_path / "none", "--no-parameters")
    whole, half, none = (read(tmp_path / name) for name in ("whole", "half", "none"))
    assert half.record["parameters_file"]["dtype"] == "float16"
    for name, tensor in whole.parameters.items():
        assert torch.equal(half.parameters[name], tensor.half())
    assert none.parameters is None and "parameters_file" not in none.record
    assert names(tmp_path / "none") == files("linear-seed0", "json", "checkpoint")
    assert none.curve == half.curve == whole.curve and none.n_parameters == 7850


def test_no_parameters_takes_those_of_a_replaced_run_away(few, tmp_path):
    run(tmp_path), run(tmp_path, "--no-parameters", "--overwrite")
    assert read(tmp_path).parameters is None
    assert names(tmp_path) == files("linear-seed0", "json", "checkpoint")


def recipes_with(monkeypatch, **changes):
    known = {**RECIPES, "linear": replace(RECIPES["linear"], **changes)}
    monkeypatch.setattr("bareattention.train.RECIPES", known)


def test_averaged_weights_are_judged_and_stored(few, watch, tmp_path, monkeypatch):
    """By halves, after every step, from the first on."""
    recipes_with(monkeypatch, averaged=0.5)
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


def test_averaged_weights_resume_as_if_unbroken(few, tmp_path, monkeypatch):
    recipes_with(monkeypatch, averaged=0.9)
    assert run(tmp_path / "whole") == 0
    assert interrupt(tmp_path / "broken") == 130
    assert run(tmp_path / "broken", "--resume") == 0
    whole, resumed = read(tmp_path / "whole"), read(tmp_path / "broken")
    assert resumed.curve == whole.curve
    for name, wanted in whole.parameters.items():
        assert torch.equal(resumed.parameters[name], wanted)


def test_a_training_begins_with_recorded_parameters_of_the_same_seed(
    few, tmp_path, monkeypatch, capsys
):
    assert run(tmp_path / "first", "--seed", 3) == 0
    first = read(tmp_path / "first", seed=3)
    monkeypatch.setattr(train, "recorded", lambda name: {"rows": [first]}[name])
    recipes_with(monkeypatch, begins_with="rows")
    begun = {}

    def fit(model, *_, **__):
        begun.update(model.state_dict())
        return [{"epoch": 1, "training_bits": 1.0, "validation_bits": 1.0}]

    monkeypatch.setattr(train, "fit", fit)
    assert run(tmp_path / "second", "--seed", 3) == 0
    assert begun.keys() == first.parameters.keys()
    for name, wanted in first.parameters.items():
        assert torch.equal(begun[name], wanted)
    capsys.readouterr()
    assert run(tmp_path / "third", "--seed", 4) == 1
    told = "linear begins with the parameters of rows, and none are recorded for seed 4"
    assert capsys.readouterr().err.strip() == f"train: --seed: {told}"


@pytest.mark.parametrize("flush", [False, True])
def test_denormal_numbers_are_zero_where_that_is_asked_for(few, tmp_path, flush):
    flushed = []
    try:
        with at_each_step(lambda _: flushed.append((torch.tensor([1e-30]) * 1e-10).item() == 0)):
            assert run(tmp_path, *(["--flush-denormals"] if flush else [])) == 0
    finally:
        torch.set_flush_denormal(False)
    assert flushed == [flush] * STEPS * 3


def test_a_processor_that_cannot_flush_denormals_is_refused(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch, "set_flush_denormal", lambda mode: False)
    assert run(tmp_path, "--flush-denormals") == 1
    assert capsys.readouterr().err == "train: --flush-denormals: this processor cannot\n"
    assert run(tmp_path) == 0


def test_threads_are_as_asked_and_recorded(few, tmp_path):
    assert run(tmp_path, "--threads", 2) == 0
    assert torch.get_num_threads() == 2
    assert read(tmp_path).record["machine"].endswith(", 2 threads")


# What it is taught with, and how


def test_it_learns_from_the_training_digits_each_once_in_an_epoch(few, watch, tmp_path):
    run(tmp_path)
    assert [len(batch) for batch in watch.taught] == [16, 16, 16, 12] * 3
    prepared = statistics(few.training)
    for epoch in range(3):
        batches = watch.taught[STEPS * epoch : STEPS * (epoch + 1)]
        assert as_drawn(batches, *prepared) == counted(few.training.images)
        assert as_drawn([watch.judged[epoch]], *prepared) == counted(few.validation.images)
    assert not torch.equal(watch.taught[0], watch.taught[STEPS]), "the order never changes"


@pytest.mark.parametrize("by", ["command", "recipe"])
def test_with_validation_trains_on_both_parts_and_says_so(few, watch, tmp_path, monkeypatch, by):
    """Mean and deviation come from both parts, too."""
    recipes_with(monkeypatch, with_validation=by == "recipe")
    asked = ("--with-validation",) if by == "command" else ()
    assert run(tmp_path, *asked, "--final", "--epochs", 1, "--batch-size", 32) == 0
    found, prepared = read(tmp_path), statistics(few.training, few.validation)
    both = counted(few.training.images) + counted(few.validation.images)
    assert as_drawn(watch.taught, *prepared) == both
    assert found.configuration["trained_on"] == "training and validation"
    about = (found.configuration["pixel_mean"], found.configuration["pixel_std"])
    assert about == pytest.approx(prepared) and about != pytest.approx(statistics(few.training))
    assert found.final["validation_digits"] == 20
    assert as_drawn(watch.judged[-1:], *prepared) == counted(few.test.images)


def test_each_digit_keeps_its_label_with_validation(few, tmp_path):
    """One black and one white half, whose labels differ: all are learned."""
    for name, n in SIZES.items():
        labels = torch.arange(n) % 2
        images = (255 * labels).byte()[:, None, None].repeat(1, 28, 28)
        setattr(few, name, Digits(images, labels))
    run(tmp_path, "--with-validation", "--final")
    assert read(tmp_path).final["test_accuracy"] == 100


def test_test_digits_are_not_looked_at_unless_asked(few, watch, tmp_path):
    run(tmp_path / "without")
    assert [len(batch) for batch in watch.judged] == [SIZES["validation"]] * 3
    before = len(watch.judged)
    run(tmp_path / "with", "--final")
    validation, test = watch.judged[before + 3 :]
    prepared = statistics(few.training)
    assert as_drawn([validation], *prepared) == counted(few.validation.images)
    assert as_drawn([test], *prepared) == counted(few.test.images)
    with_final = but_for_time(read(tmp_path / "with"))
    assert with_final.pop("final") and with_final == but_for_time(read(tmp_path / "without"))


@pytest.mark.parametrize("model", ["linear", "naked_attention"])
def test_other_test_digits_change_nothing_but_the_test_figures(few, tmp_path, model):
    """So neither the normalisation nor the parameters depend on them."""
    run(tmp_path / "a", "--final", model=model)
    few.test = Digits(255 - few.test.images[:9], few.test.labels[:9])
    run(tmp_path / "b", "--final", model=model)
    one, other = (but_for_time(read(tmp_path / name, model)) for name in "ab")
    figures, others = one.pop("final"), other.pop("final")
    assert one == other
    changed = {name for name in figures if figures[name] != others[name]}
    assert {"test_bits", "test_digits"} <= changed <= {"test_bits", "test_digits", "test_accuracy"}


def test_the_optimizers_are_those_of_the_recipes(few, watch, tmp_path):
    """AdamW climbs to the learning rate and comes down, matrices decay; Adam stays as it is."""
    ten = ("--batch-size", 30, "--epochs", 5)
    run(tmp_path, *ten), run(tmp_path, *ten, "--learning-rate", 0.5, "--seed", 1)
    assert {name for name, _ in watch.steps} == {"AdamW"} and len(watch.steps) == 20
    for steps, highest in ((watch.steps[:10], 3e-3), (watch.steps[10:], 0.5)):
        assert all([decay for _, decay in groups] == [0.05, 0.0] for _, groups in steps)
        rates = [groups[0][0] for _, groups in steps]
        assert rates[1] == max(rates) == pytest.approx(highest)
        assert rates[1:] == sorted(rates[1:], reverse=True) and rates[-1] < highest / 1000
    watch.steps.clear()
    run(tmp_path, *ten, model="pixels-linear")
    assert watch.steps == [("Adam", [(0.01, 0.0)])] * 10


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 10])
def test_a_training_may_be_as_short_as_it_likes(few, watch, tmp_path, steps):
    """The warm-up of five steps once divided by zero."""
    assert run(tmp_path, "--epochs", 1, "--batch-size", 60 // steps) == 0
    assert len(watch.steps) == steps


def test_digits_are_drawn_anew_or_changed_where_the_recipe_says_so(few, watch, tmp_path):
    run(tmp_path, "--epochs", 1, model="pixels-linear")
    drawn = as_drawn(watch.taught, *statistics(few.training))
    assert drawn.total() == 60 and drawn.keys() < counted(few.training.images).keys()
    watch.taught.clear()
    run(tmp_path, "--epochs", 1, model="augmentation")
    run(tmp_path, "--epochs", 1, model="mean")
    mean, std = statistics(few.training)
    changed, plain = torch.cat(watch.taught[:STEPS]), watch.taught[STEPS:]
    assert as_drawn(plain, mean, std) == counted(few.training.images)
    ready = (few.training.images - mean) / std
    assert torch.cdist(changed.flatten(1), ready.float().flatten(1)).min() > 1


# Muon, bent digits and smoothed labels

ALL_THREE = Recipe(
    "all three",
    transformer=DigitConfig(patch_size=14, d_model=8, n_heads=2, n_blocks=1, d_ff=8, dropout=0.2),
    **{"optimizer": "muon", "augmentation": True, "elastic": 1.5, "label_smoothing": 0.2},
)
OTHERS = {"optimizer": "adamw", "elastic": 0.0, "label_smoothing": 0.0}
PARTS = ("Muon", "AdamW", "MuonAndAdamW")  # whose steps are noted, one after the other


@pytest.fixture
def all_three(monkeypatch):
    """A recipe with all three, and for each another one that does without it."""
    without = {f"no-{name}": replace(ALL_THREE, **{name: x}) for name, x in OTHERS.items()}
    monkeypatch.setattr(train, "RECIPES", {**RECIPES, "all": ALL_THREE, **without})
    return [*without]


def test_muon_climbs_to_the_learning_rate_and_comes_down_with_adamw(
    few, watch, tmp_path, all_three
):
    assert run(tmp_path, "--batch-size", 30, "--epochs", 5, model="all") == 0
    assert [name for name, _ in watch.steps] == [*PARTS] * 10
    decays = {"Muon": [0.05], "AdamW": [0.05, 0.0], "MuonAndAdamW": [0.05, 0.05, 0.0]}
    assert all([decay for _, decay in groups] == decays[name] for name, groups in watch.steps)
    in_each_step = [watch.steps[i : i + 3] for i in range(0, 30, 3)]
    rates = [{rate for _, groups in step for rate, _ in groups} for step in in_each_step]
    assert all(len(found) == 1 for found in rates)
    rates = [found.pop() for found in rates]
    assert rates[1] == max(rates) == pytest.approx(3e-3)
    assert rates[1:] == sorted(rates[1:], reverse=True) and rates[-1] < 3e-6
    about = read(tmp_path, "all").configuration
    assert {name: about[name] for name in OTHERS} == {
        "optimizer": "muon",
        "elastic": 1.5,
        "label_smoothing": 0.2,
    }


def test_digits_are_bent_and_labels_smoothed_as_the_recipe_says(
    few, watch, tmp_path, all_three, monkeypatch
):
    """One batch with all digits, made again by hand; judged before it is learned from."""
    still = replace(ALL_THREE, transformer=replace(ALL_THREE.transformer, dropout=0.0))
    monkeypatch.setitem(train.RECIPES, "all", still)
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


def test_none_of_the_three_is_without_effect(few, tmp_path, all_three):
    models = ["all", *all_three]
    assert all(run(tmp_path, "--epochs", 1, model=model) == 0 for model in models)
    found = [read(tmp_path, model) for model in models]
    last = [run.parameters["blocks.0.attention.output.weight"] for run in found]
    assert all(not torch.equal(other, last[0]) for other in last[1:])
    assert len({run.curve[0]["training_bits"] for run in found}) == len(models)


# Seeds


@pytest.mark.parametrize("model", ["linear", "augmentation", "pixels-linear"])
def test_a_seed_gives_the_same_run_and_another_seed_another(few, tmp_path, model):
    for out in "ab":
        torch.manual_seed(ord(out))
        run(tmp_path / out, model=model)
    run(tmp_path, "--seed", 1, model=model)
    one, same, other = (
        read(tmp_path / "a", model),
        read(tmp_path / "b", model),
        read(tmp_path, model, 1),
    )
    assert but_for_time(one) == but_for_time(same)
    assert one.curve[0] != other.curve[0]
    assert all(
        not torch.equal(one.parameters[name], other.parameters[name]) for name in one.parameters
    )


def test_the_order_of_the_digits_depends_on_the_seed(few, watch, tmp_path):
    """Not the first parameters alone."""
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(tmp_path / out, "--seed", seed, "--epochs", 1)
    one, same, other = (torch.cat(watch.taught[i * STEPS :][:STEPS]) for i in range(3))
    assert torch.equal(one, same) and not torch.equal(one, other)


# Interrupted, and gone on with


@pytest.mark.parametrize(
    "model, at",
    [("linear", 2), ("linear", 6), ("linear", 12), ("augmentation", 9), ("pixels-linear", 7)],
)
def test_an_interrupted_run_ends_with_the_numbers_of_an_unbroken_one(
    few, tmp_path, capsys, model, at
):
    """In the first epoch, in the second and at the very end of the last."""
    run(tmp_path / "unbroken", "--final", model=model)
    out, stem = tmp_path / "broken", f"{model}-seed0"
    capsys.readouterr()
    assert interrupt(out, "--final", model=model, at=at) == train.INTERRUPTED == 130
    told = capsys.readouterr()
    assert told.err == "\nStopped.  The same command with --resume goes on.\n"
    whole = (at - 1) // STEPS
    assert len(told.out.splitlines()) == whole
    assert names(out) == (files(stem, "checkpoint") if whole else set())
    torch.manual_seed(999)
    assert run(out, "--final", "--resume", model=model) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3 - whole + 2
    assert but_for_time(read(out, model)) == but_for_time(read(tmp_path / "unbroken", model))


@pytest.mark.parametrize("between", range(3), ids=["after muon", "after adamw", "after both"])
def test_an_interrupted_run_with_muon_ends_with_the_numbers_of_an_unbroken_one(
    few, tmp_path, all_three, between
):
    """In the second epoch, even where one part has made its step and the other has not."""
    run(tmp_path / "unbroken", "--final", model="all")
    out = tmp_path / "broken"
    at = len(PARTS) * (STEPS + 1) + 1 + between
    assert interrupt(out, "--final", model="all", at=at) == 130
    assert names(out) == files("all-seed0", "checkpoint")
    assert len(torch.load(out / "all-seed0.checkpoint", weights_only=True)["history"]) == 1
    torch.manual_seed(999)
    assert run(out, "--final", "--resume", model="all") == 0
    assert but_for_time(read(out, "all")) == but_for_time(read(tmp_path / "unbroken", "all"))


def test_a_muon_that_loads_nothing_gives_other_numbers(few, tmp_path, all_three, monkeypatch):
    """So the comparison above can tell."""
    run(tmp_path / "unbroken", model="all")
    interrupt(tmp_path / "broken", model="all", at=len(PARTS) * STEPS + 1)
    monkeypatch.setattr(MuonAndAdamW, "load_state_dict", lambda *_: None)
    assert run(tmp_path / "broken", "--resume", model="all") == 0
    one, other = (read(tmp_path / name, "all") for name in ("unbroken", "broken"))
    assert but_for_time(one) != but_for_time(other)


def test_a_checkpoint_of_another_optimizer_is_refused(few, tmp_path, all_three, capsys):
    interrupt(tmp_path, model="all", at=len(PARTS) * STEPS + 1)
    (tmp_path / "all-seed0.checkpoint").rename(tmp_path / "no-optimizer-seed0.checkpoint")
    capsys.readouterr()
    assert run(tmp_path, "--resume", model="no-optimizer") == 1
    assert "the checkpoint is of another training" in capsys.readouterr().err


def test_a_run_may_be_interrupted_again_and_again(few, tmp_path):
    run(tmp_path / "unbroken", model="augmentation")
    out = tmp_path / "broken"
    assert interrupt(out, model="augmentation") == 130
    for _ in range(2):
        assert interrupt(out, "--resume", model="augmentation", at=STEPS - 1) == 130
    assert interrupt(out, "--resume", model="augmentation", at=STEPS + 1) == 130
    assert run(out, "--resume", model="augmentation") == 0
    assert but_for_time(read(out, "augmentation")) == but_for_time(
        read(tmp_path / "unbroken", "augmentation")
    )


def test_the_best_epoch_from_before_an_interruption_is_kept(few, tmp_path):
    large = ("--learning-rate", 3, "--epochs", 6)
    run(tmp_path / "unbroken", *large, model="pixels-linear")
    found = read(tmp_path / "unbroken", "pixels-linear")
    bits = [entry["validation_bits"] for entry in found.curve]
    best = bits.index(min(bits)) + 1
    assert best < 6
    interrupt(tmp_path, *large, model="pixels-linear", at=best * STEPS + 1)
    run(tmp_path, *large, "--resume", model="pixels-linear")
    assert but_for_time(read(tmp_path, "pixels-linear")) == but_for_time(found)


def test_an_interruption_on_the_test_digits_costs_no_training(few, watch, tmp_path, monkeypatch):
    run(tmp_path / "unbroken", "--final")

    def pressed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train, "evaluate", pressed)
        assert run(tmp_path, "--final") == 130
    watch.steps.clear()
    assert run(tmp_path, "--final", "--resume") == 0
    assert not watch.steps
    assert but_for_time(read(tmp_path)) == but_for_time(read(tmp_path / "unbroken"))


def test_seconds_of_all_sittings_add_up(few, tmp_path, monkeypatch):
    """A step takes 10 seconds; an epoch that was cut off is taught, and counted, once."""
    clock = SimpleNamespace(wall=0.0)
    fake = SimpleNamespace(
        perf_counter=lambda: clock.wall, process_time=lambda: 500 + 0.7 * clock.wall
    )
    monkeypatch.setattr(train, "time", fake)

    def tick(_):
        clock.wall += 10

    with at_each_step(tick):
        run(tmp_path / "unbroken")
        clock.wall = 5000.0
        interrupt(tmp_path)
        clock.wall = 77.0
        run(tmp_path, "--resume")
    for found in (read(tmp_path / "unbroken"), read(tmp_path)):
        assert (found.seconds, found.cpu_seconds) == pytest.approx((120, 84))


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_in_a_shell_stops_a_real_training_that_then_goes_on(tmp_path):
    arguments = ["--model", "linear", "--data", "mnist5k", "--batch-size", "32", "--epochs", "12"]
    command = [sys.executable, "-m", "bareattention.train", *arguments, "--threads", "1"]
    child = subprocess.Popen(
        [*command, "--out", "broken"],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path},
        # A shell that starts the tests in the background has the signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    broken, checkpoint = tmp_path / "broken", tmp_path / "broken" / "linear-seed0.checkpoint"
    while not checkpoint.exists() and child.poll() is None:
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    told, complaints = child.communicate(timeout=60)
    assert child.returncode == 130, complaints
    assert "--resume" in complaints and "Traceback" not in complaints
    assert 1 <= len(told.splitlines()) < 12 and "wrote" not in told
    assert not (broken / "linear-seed0.json").exists()
    assert train.main([*arguments, "--out", str(broken), "--resume"]) == 0
    assert train.main([*arguments, "--out", str(tmp_path)]) == 0
    assert but_for_time(read(broken)) == but_for_time(read(tmp_path))
    assert len(read(broken).curve) == 12


def test_a_whole_run_from_a_shell(tmp_path):
    arguments = "--model linear --data mnist5k --epochs 1 --final --threads 1 --out runs/try"
    command = [sys.executable, "-m", "bareattention.train", *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr
    found = read(tmp_path / "runs" / "try")
    final, last = found.final, Path("runs", "try", "linear-seed0.json")
    assert found.record["command"] == f"python -m bareattention.train {arguments}"
    assert found.record["machine"].endswith(", 1 thread")
    assert found.record["data"]["files"] == {MNIST5K_FILE.name: MNIST5K_FILE.sha256}
    assert (final["validation_digits"], final["test_digits"]) == (500, 500)
    assert final["test_accuracy"] > 70
    shown = [f"test digits: {final['test_accuracy']:.2f} %", f"wrote {last}"]
    assert done.stdout.splitlines() == [report_line(found.curve[0]), *shown]


# What --resume and --overwrite do, and refuse


def test_other_threads_may_go_on_with_a_training(few, tmp_path, monkeypatch):
    """The last decimals of mean and deviation follow from the number of threads."""
    interrupt(tmp_path, "--threads", 1)
    exact = train.pixel_statistics
    monkeypatch.setattr(
        train, "pixel_statistics", lambda images: tuple(x + 1e-11 for x in exact(images))
    )
    assert run(tmp_path, "--threads", 2, "--resume") == 0


def test_a_command_that_cannot_be_recorded_is_refused_before_the_training(
    few, watch, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(records, "_host_names", lambda: ["abacus"])
    assert run(tmp_path / "abacus") == 1
    assert "record.command: wanted no name of this machine" in capsys.readouterr().err
    assert not watch.steps


@pytest.mark.parametrize(
    "other, differs",
    [
        (("--flush-denormals",), "flush_denormals is False, and True"),
        (("--epochs", 4), "epochs is 3, and 4"),
        (("--batch-size", 8), "batch_size is 16, and 8"),
        (("--learning-rate", 0.1), "learning_rate is 0.003, and 0.1"),
        (("--data", "mnist"), "digits is 'mnist5k', and 'mnist'"),
        (("--with-validation",), "trained_on is 'training', and 'training and validation'"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(few, watch, tmp_path, capsys, other, differs):
    interrupt(tmp_path)
    checkpoint = tmp_path / "linear-seed0.checkpoint"
    before = checkpoint.read_bytes()
    watch.steps.clear(), capsys.readouterr()
    assert run(tmp_path, "--resume", *other) == 1
    told = capsys.readouterr()
    wanted = f"train: the checkpoint is of another training: its {differs} is asked for\n"
    assert told.err == wanted and not told.out
    assert not watch.steps and checkpoint.read_bytes() == before
    assert names(tmp_path) == {checkpoint.name}


@pytest.mark.parametrize(
    "model, seed, differs",
    [("pixels-uniform", 0, "model is 'pixels-identity'"), ("pixels-identity", 1, "seed is 0")],
)
def test_a_checkpoint_under_another_name_is_refused(
    few, watch, tmp_path, capsys, model, seed, differs
):
    interrupt(tmp_path, model="pixels-identity")
    checkpoint = tmp_path / f"{model}-seed{seed}.checkpoint"
    (tmp_path / "pixels-identity-seed0.checkpoint").rename(checkpoint)
    watch.steps.clear()
    assert run(tmp_path, "--resume", "--seed", seed, model=model) == 1
    assert f"its {differs}, and " in capsys.readouterr().err
    assert not watch.steps and names(tmp_path) == {checkpoint.name}


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


def test_runs_of_other_models_and_seeds_are_in_nobodys_way(few, tmp_path):
    run(tmp_path)
    assert run(tmp_path, "--seed", 1) == run(tmp_path, model="pixels-linear") == 0
    assert read(tmp_path).seed == 0 and read(tmp_path, seed=1).seed == 1
    assert len(names(tmp_path)) == 9


@pytest.mark.parametrize("before", [run, interrupt])
def test_overwrite_starts_anew(few, tmp_path, before):
    before(tmp_path, "--epochs", 4, "--final")
    assert run(tmp_path, "--overwrite") == 0
    run(tmp_path / "fresh")
    assert but_for_time(read(tmp_path)) == but_for_time(read(tmp_path / "fresh"))


def test_overwrite_that_was_interrupted_at_once_does_not_go_on_from_the_old_run(few, tmp_path):
    run(tmp_path), run(tmp_path / "fresh", "--epochs", 2)
    assert interrupt(tmp_path, "--overwrite", "--epochs", 2, at=2) == 130
    assert not (tmp_path / "linear-seed0.checkpoint").exists()
    assert run(tmp_path, "--overwrite", "--epochs", 2, "--resume") == 0
    assert but_for_time(read(tmp_path)) == but_for_time(read(tmp_path / "fresh"))


def test_overwrite_that_was_interrupted_goes_on_with_resume(few, tmp_path):
    """The same command with --resume, as the message says; until then the old run stands."""
    run(tmp_path, "--final"), run(tmp_path / "fresh", "--epochs", 2)
    old = but_for_time(read(tmp_path))
    assert interrupt(tmp_path, "--overwrite", "--epochs", 2) == 130
    assert but_for_time(read(tmp_path)) == old
    assert run(tmp_path, "--overwrite", "--epochs", 2, "--resume") == 0
    assert but_for_time(read(tmp_path)) == but_for_time(read(tmp_path / "fresh"))


@pytest.mark.parametrize("model", ["linear", "pixels-linear"])
def test_final_figures_are_added_without_training_again(few, watch, tmp_path, model):
    run(tmp_path / "at once", "--final", model=model), run(tmp_path, model=model)
    assert read(tmp_path, model).final is None
    watch.steps.clear(), watch.taught.clear()
    assert run(tmp_path, "--resume", "--final", "--overwrite", model=model) == 0
    assert not watch.steps and not watch.taught
    assert but_for_time(read(tmp_path, model)) == but_for_time(read(tmp_path / "at once", model))


def test_resume_without_a_checkpoint_starts_at_the_start(few, tmp_path):
    assert run(tmp_path / "a", "--resume") == run(tmp_path / "b") == 0
    assert but_for_time(read(tmp_path / "a")) == but_for_time(read(tmp_path / "b"))


# What cannot be written, or read


def full(_):
    raise OSError(28, "No space left on device")


def test_a_failed_write_leaves_no_half_record_and_loses_nothing(
    few, watch, tmp_path, capsys, monkeypatch
):
    run(tmp_path / "unbroken")
    with monkeypatch.context() as patched:
        patched.setattr(records.os, "fsync", full)
        assert run(tmp_path / "full") == 1
    file = tmp_path / "full" / "linear-seed0.json"
    assert capsys.readouterr().err == f"train: {file} cannot be written: No space left on device\n"
    assert names(file.parent) == {"linear-seed0.checkpoint"}
    watch.steps.clear()
    assert run(file.parent, "--resume") == 0
    assert not watch.steps
    assert but_for_time(read(file.parent)) == but_for_time(read(tmp_path / "unbroken"))


def test_a_failed_write_leaves_the_old_run_whole(few, tmp_path, monkeypatch):
    run(tmp_path)
    before = but_for_time(read(tmp_path))
    monkeypatch.setattr(records.os, "fsync", full)
    assert run(tmp_path, "--overwrite", "--epochs", 2) == 1
    assert but_for_time(read(tmp_path)) == before
    assert names(tmp_path) == files("linear-seed0", "json", "safetensors", "checkpoint")


@pytest.mark.parametrize("data", [(), ("--data", "mnist")])
def test_a_root_without_mnist_is_told(tmp_path, monkeypatch, capsys, data):
    """All of MNIST is the default."""
    root = tmp_path / "empty"
    root.mkdir()
    monkeypatch.setenv("MNIST_ROOT", str(root))
    assert train.main(["--model", "linear", *data, "--out", str(tmp_path / "runs")]) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"train: MNIST_ROOT is set to '{root}', but ") and not told.out
    assert "BAREATTENTION_DATA=mnist5k" in told.err
    assert not names(root) and not names(tmp_path / "runs")


def test_a_folder_that_is_a_file_is_told_before_the_training(never, tmp_path, capsys):
    (tmp_path / "file").write_text("precious")
    assert run(tmp_path / "file") == 1
    told = capsys.readouterr()
    assert told.err.startswith("train: ") and str(tmp_path / "file") in told.err and not told.out
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("device", ["gpu", "", "cuda:99", "xpu"])
def test_a_device_that_is_not_there_is_told_before_the_training(never, tmp_path, capsys, device):
    assert run(tmp_path, "--device", device) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"train: --device: {device!r} cannot be used: ")
    assert told.count("\n") == 1 and len(told) > len(f"train: --device: {device!r} cannot be used:")


# The command line


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ([], ["--model"]),
        (["--model", "transformer"], ["--model", "'transformer'", "patches", "naked_attention"]),
        (["--model"], ["--model"]),
        (["--data", "cifar"], ["--data", "'cifar'", "mnist5k"]),
        (["--seed", "-1"], ["--seed", "'-1'", "a whole number"]),
        (["--seed", "1.5"], ["--seed", "'1.5'", "a whole number"]),
        (["--seed", "x"], ["--seed", "'x'", "a whole number"]),
        (["--epochs", "0"], ["--epochs", "'0'", "a whole number"]),
        (["--epochs", ""], ["--epochs", "''", "a whole number"]),
        (["--batch-size", "0"], ["--batch-size", "'0'", "a whole number"]),
        (["--batch-size", "-8"], ["--batch-size", "'-8'", "a whole number"]),
        (["--threads", "0"], ["--threads", "'0'", "a whole number"]),
        *[
            (["--learning-rate", x], ["--learning-rate", f"'{x}'", "a positive number"])
            for x in ("nan", "inf", "0", "-0.1", "fast", "1e-999")
        ],
        (["--fast"], ["--fast"]),
        (["patches"], ["patches"]),
    ],
)
def test_wrong_arguments_are_refused_by_name(never, arguments, parts, tmp_path, capsys):
    model = ["--model", "linear"] if arguments and "--model" not in arguments else []
    with pytest.raises(SystemExit) as left:
        train.main([*model, "--out", str(tmp_path / "runs"), *arguments])
    told = capsys.readouterr()
    assert left.value.code == 2 and told.err.startswith("usage: ") and not told.out
    last = told.err.splitlines()[-1]
    assert "error: " in last and all(part in last for part in parts), last
    assert not names(tmp_path)


def test_the_list_shows_every_recipe_and_trains_nothing(never, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = dict(re.fullmatch(r"(\S+) +(\S.*)", line).groups() for line in lines)
    assert found == {name: recipe.says for name, recipe in RECIPES.items()}
    assert not names(tmp_path)


def test_help_reads_well(capsys):
    with pytest.raises(SystemExit) as left:
        train.main(["--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0 and told.startswith("usage: python -m bareattention.train ")
    told = re.sub(r"-\n +", "-", told)  # argparse breaks a line after the hyphen of a name
    options = {
        *("--list", "--model", "--data", "--seed", "--out", "--resume", "--overwrite", "--final"),
        *("--with-validation", "--half", "--no-parameters", "--device", "--threads", "--epochs"),
        "--flush-denormals",
        *("--batch-size", "--learning-rate"),
    }
    described = re.findall(r"^  (--[a-z-]+)(?: \S+)?\s+(?=\S)", told, re.MULTILINE)
    assert len(described) == len(options) and {*described} == options
    assert "MNIST_ROOT" in told and "Ctrl-C" in told and all(name in told for name in RECIPES)


def test_every_recipe_can_be_named(few, tmp_path, monkeypatch):
    """One step for each, from the command line to the record."""
    few.training = Digits(few.training.images[:4], few.training.labels[:4])
    few.validation = Digits(few.validation.images[:2], few.validation.labels[:2])
    for name, recipe in RECIPES.items():
        assert run(tmp_path, "--epochs", 1, model=name) == 0
        found = read(tmp_path, name)
        assert found.configuration["says"] == recipe.says
        assert found.n_parameters == sum(tensor.numel() for tensor in found.parameters.values())


# Once told by a traceback, or not at all; a mark stands where it is so still


def one_line(told, *parts):
    """One complaint, in words, that names what is wrong."""
    assert told.err.startswith("train: ") and told.err.count("\n") == 1
    assert all(part in told.err for part in parts), told.err


def test_overwrite_that_cannot_start_takes_no_checkpoint_away(few, tmp_path):
    interrupt(tmp_path)
    assert run(tmp_path, "--overwrite", "--device", "gpu") == 1
    assert names(tmp_path) == {"linear-seed0.checkpoint"}


@pytest.mark.parametrize("share", [0, 0.5, None])
def test_a_damaged_checkpoint_is_told_in_words(few, tmp_path, capsys, share):
    """Empty, cut off in the middle, or something else altogether."""
    interrupt(tmp_path)
    file = tmp_path / "linear-seed0.checkpoint"
    content = file.read_bytes()
    file.write_bytes(b"precious" if share is None else content[: int(share * len(content))])
    capsys.readouterr()
    assert run(tmp_path, "--resume") == 1
    one_line(capsys.readouterr(), file.name)


def test_a_checkpoint_of_a_model_of_another_shape_is_refused(few, tmp_path, capsys):
    interrupt(tmp_path)
    (tmp_path / "linear-seed0.checkpoint").rename(tmp_path / "rows-seed0.checkpoint")
    capsys.readouterr()
    assert run(tmp_path, "--resume", model="rows") == 1
    one_line(capsys.readouterr(), "its model is 'linear', and 'rows' is asked for")


def test_a_checkpoint_that_cannot_be_written_is_told_in_words(few, tmp_path, capsys):
    (tmp_path / "linear-seed0.checkpoint.unfinished").mkdir()
    assert run(tmp_path) == 1
    one_line(capsys.readouterr(), "linear-seed0.checkpoint")


@pytest.mark.parametrize("rate, model", [("1e37", "pixels"), ("1e300", "linear")])
def test_a_training_that_diverges_is_told_in_words(few, tmp_path, capsys, rate, model):
    assert run(tmp_path, "--learning-rate", rate, model=model) == 1
    one_line(capsys.readouterr())


def test_a_device_without_numbers_is_refused(few, tmp_path, capsys):
    assert run(tmp_path, "--device", "meta") == 1
    one_line(capsys.readouterr(), "--device: 'meta' cannot be used")


@pytest.mark.parametrize("option", ["--seed", "--batch-size"])
def test_a_number_that_is_too_large_is_refused_by_name(few, tmp_path, capsys, option):
    with pytest.raises(SystemExit):
        run(tmp_path, option, 10**30)
    assert option in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_of_the_runs_name_is_in_nobodys_way(few, tmp_path):
    (tmp_path / "linear-seed0").mkdir()
    assert run(tmp_path) == 0
    assert files("linear-seed0", "json", "safetensors") <= names(tmp_path)


def test_a_record_that_another_process_wrote_meanwhile_is_kept(few, tmp_path):
    file = tmp_path / "linear-seed0.json"
    with at_each_step(lambda _: file.write_text("precious")):
        assert run(tmp_path) == 1
    assert file.read_text() == "precious"


def test_a_training_that_diverged_in_its_last_epoch_is_not_judged(
    few, watch, tmp_path, capsys, monkeypatch
):
    """Its checkpoint is there, and going on from it would look at the test digits."""
    ruin = ("--epochs", 1, "--final", "--resume")

    def spoil(number):
        if number == STEPS:
            watch.models[0].get_parameter("1.weight").data.fill_(float("nan"))

    with at_each_step(spoil):
        assert run(tmp_path, *ruin) == 1
    capsys.readouterr()
    monkeypatch.setattr(train, "_final", lambda *_: pytest.fail("it looks at the test digits"))
    assert run(tmp_path, *ruin) == 1
    assert "no number any more" in capsys.readouterr().err
