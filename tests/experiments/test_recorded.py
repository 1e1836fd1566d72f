"""The recorded trainings: whole, of the recipes of today, with parameters that keep their word."""

import os
import re
from dataclasses import asdict

import pytest
import torch

from bareattention import (
    LADDER,
    PIXELS,
    RECIPES,
    REMOVALS,
    WITHOUT_ATTENTION,
    Recipe,
    count_parameters,
    evaluate,
    load_digits,
    recorded,
    standardise,
)
from bareattention.experiments.recipes import FEATURES, TRIED, TRIED_SINCE
from bareattention.experiments.runs import RECORDED, recorded_measurement

SEEDS = [0, 1, 2]
FULL = [*LADDER, *REMOVALS, *WITHOUT_ATTENTION, *PIXELS]
NOTHING_CHANGED = asdict(Recipe("", kind="linear"))
ALL = [run for name in RECIPES for run in recorded(name)]
WITH_PARAMETERS = [run for run in ALL if run.parameters]
FULL_MNIST = pytest.mark.skipif(
    "MNIST_ROOT" not in os.environ, reason="needs full MNIST: set MNIST_ROOT"
)


def rebuilt(run):
    """The trained model, and a function that prepares images for it."""
    model = RECIPES[run.model].model()
    model.load_state_dict(run.parameters)
    about = run.configuration
    return model, lambda images: standardise(images, about["pixel_mean"], about["pixel_std"])


# A path from the root, a home, a drive or a share; not `runs/x`, nor 1/2.
PATHS = r"(?<![\w.)])/(?!/)\w|(?<!\w)~\w*/|\b[A-Za-z]:[\\/](?!/)|\\\\\w|file:"
HOSTS = r"\b[\w-]+\.(local|localdomain|lan|home|internal|fritz\.box)\b|\w@\w"
MACHINE = r"[A-Z][A-Za-z0-9 -]+( \(AVX\d+\), \d+ cores?, \d+ threads?)?"
COMMAND = r"python -m bareattention\.(train|measure)( [\w.-]+(/\w+)*)*"


def test_nothing_recorded_names_a_path_or_a_host():
    for text in (file.read_text("utf8") for file in RECORDED.glob("*.json")):
        assert not re.search(f"{PATHS}|{HOSTS}", text)
        (machine,) = re.findall(r'"machine": "(.*)"', text)
        (command,) = re.findall(r'"command": "(.*)"', text)
        assert re.fullmatch(MACHINE, machine) and re.fullmatch(COMMAND, command)
    for leak in ("--out /tmp/x", "~/runs", "C:\\Users", "on anna.local", "me@c0ffee"):
        assert re.search(f"{PATHS}|{HOSTS}", f'"{leak}"') and not re.fullmatch(COMMAND, leak)
    assert not re.fullmatch(MACHINE, "annas-laptop")


def test_every_file_can_be_read_and_has_a_record():
    read = {"README.md"}
    for file in RECORDED.glob("*.json"):
        read.add(file.name)
        if file.stem.endswith("-measured"):
            assert recorded_measurement(file.stem.removesuffix("-measured"))
            continue
        runs = {run.path.name: run for run in recorded(file.stem.rpartition("-seed")[0])}
        if runs[file.name].parameters:
            read.add(f"{file.stem}.safetensors")
    assert {file.name for file in RECORDED.iterdir()} == read and len(ALL) == 110


@pytest.mark.parametrize("name", [*FULL, "apart", "apart-no_positions"])
def test_every_full_training_has_three_seeds(name):
    assert [run.seed for run in recorded(name)] == SEEDS


@pytest.mark.parametrize(
    "name", ["naked_attention", "final_all", "final_25", *FEATURES, *TRIED, *TRIED_SINCE]
)
def test_what_takes_long_or_led_no_further_has_one_seed(name):
    assert [run.seed for run in recorded(name)] == [1 if name == "final_25" else 0]


def test_the_final_model_has_five_seeds_and_fits_into_a_megabyte():
    runs = recorded("final")
    for model in (runs, recorded("final-no_attention")):
        assert [run.seed for run in model] == [0, 1, 2, 3, 4]
    stored = {run.seed: run for run in runs if run.parameters}
    assert {seed: {t.dtype for t in run.parameters.values()} for seed, run in stored.items()} == {
        0: {torch.float32},
        1: {torch.float16},
        2: {torch.float16},
    }
    for run in stored.values():
        assert run.path.with_suffix(".safetensors").stat().st_size <= 2**20


@pytest.mark.parametrize("run", ALL, ids=repr)
def test_a_record_is_of_todays_recipe(run):
    """What was chosen then is what the recipe says now, and the command says so.

    What a recipe can choose only since then, was at its default.
    """
    recipe = asdict(RECIPES[run.model])
    chosen = NOTHING_CHANGED | run.configuration
    chosen["with_validation"] = chosen["trained_on"] == "training and validation"
    assert {name: chosen[name] for name in recipe if name != "says"} == {
        name: value for name, value in recipe.items() if name != "says"
    }
    assert run.configuration["digits"] == "mnist"
    assert run.configuration["trained_on"] in ("training", "training and validation")
    assert len(run.curve) == recipe["epochs"]
    assert run.n_parameters == count_parameters(RECIPES[run.model].model())
    for part in (f"--model {run.model} ", f"--seed {run.seed} ", "--data mnist "):
        assert part in f"{run.command} "


def test_the_test_digits_were_looked_at_when_nothing_was_left_to_choose():
    for run in ALL:
        tried = run.model.startswith("tried-")
        assert (run.final is None) == tried == ("--final" not in run.command), run


@pytest.mark.parametrize("run", [run for run in ALL if run.final], ids=repr)
def test_a_records_figures_are_of_whole_digits(run):
    """Accuracies on 10,000 digits are multiples of a hundredth of a percent."""
    final = run.final
    assert final["test_digits"] == final["validation_digits"] == 10_000
    for part in ("test", "validation"):
        right = final[f"{part}_accuracy"] * 100
        assert right == pytest.approx(round(right), abs=0.01)
    if run.wrong is not None:
        assert len(set(run.wrong)) == len(run.wrong) == 10_000 - round(final["test_accuracy"] * 100)


def test_some_parameters_travel_with_the_book():
    assert {run.model for run in WITH_PARAMETERS} == {"final", "final_25", "patches"}


@pytest.mark.parametrize("run", WITH_PARAMETERS, ids=repr)
def test_stored_parameters_read_the_packaged_digits(run):
    """They lie in MNIST's validation part, so their accuracy is near the validation accuracy."""
    model, prepare = rebuilt(run)
    digits = load_digits("mnist5k")
    parts = (digits.training, digits.validation, digits.test)
    images = prepare(torch.cat([part.images for part in parts]))
    labels = torch.cat([part.labels for part in parts])
    accuracy = evaluate(model, (images, labels)).accuracy
    assert accuracy == pytest.approx(run.final["validation_accuracy"], abs=0.7)


@FULL_MNIST
@pytest.mark.parametrize("run", WITH_PARAMETERS, ids=repr)
def test_stored_parameters_give_the_recorded_test_figure(run):
    """Two digits of 10,000 may fall differently on another processor."""
    model, prepare = rebuilt(run)
    test = load_digits("mnist").test
    with torch.no_grad():
        read = torch.cat([model(prepare(some)).argmax(dim=1) for some in test.images.split(500)])
    wrong = (read != test.labels).nonzero().flatten().tolist()
    assert 100 - len(wrong) / 100 == pytest.approx(run.final["test_accuracy"], abs=0.021)
    assert run.wrong is None or len({*wrong} ^ {*run.wrong}) <= 2
