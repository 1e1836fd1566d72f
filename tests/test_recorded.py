"""The recorded trainings: whole, of the recipes of today, with parameters that keep their word."""

import os
from dataclasses import asdict

import pytest
import torch

from bareattention import (
    LADDER,
    PIXELS,
    RECIPES,
    REMOVALS,
    count_parameters,
    evaluate,
    load_digits,
    recorded,
    standardise,
)

SEEDS = [0, 1, 2]
FULL = [*LADDER, *REMOVALS, *PIXELS]
WITH_PARAMETERS = [run for name in RECIPES for run in recorded(name) if run.parameters]
FULL_MNIST = pytest.mark.skipif(
    "MNIST_ROOT" not in os.environ, reason="needs full MNIST: set MNIST_ROOT"
)


def rebuilt(run):
    """The trained model, and a function that prepares images for it."""
    model = RECIPES[run.model].model()
    model.load_state_dict(run.parameters)
    about = run.configuration
    return model, lambda images: standardise(images, about["pixel_mean"], about["pixel_std"])


@pytest.mark.parametrize("name", FULL)
def test_every_full_training_has_three_seeds(name):
    assert [run.seed for run in recorded(name)] == SEEDS


@pytest.mark.parametrize("run", [run for name in RECIPES for run in recorded(name)], ids=repr)
def test_a_record_is_of_todays_recipe(run):
    """What was chosen then is what the recipe says now, and the command says so."""
    recipe = asdict(RECIPES[run.model])
    assert {name: run.configuration[name] for name in recipe} == recipe
    assert run.configuration["digits"] == "mnist"
    assert run.configuration["trained_on"] == "training"
    assert len(run.curve) == recipe["epochs"]
    assert run.n_parameters == count_parameters(RECIPES[run.model].model())
    for part in (f"--model {run.model} ", f"--seed {run.seed} ", "--data mnist ", "--final"):
        assert part in f"{run.record['command']} "


@pytest.mark.parametrize("run", [run for name in RECIPES for run in recorded(name)], ids=repr)
def test_a_records_figures_are_of_whole_digits(run):
    """Accuracies on 10,000 digits are multiples of a hundredth of a percent."""
    final = run.final
    assert final["test_digits"] == final["validation_digits"] == 10_000
    for part in ("test", "validation"):
        right = final[f"{part}_accuracy"] * 100
        assert right == pytest.approx(round(right), abs=0.01)


def test_some_parameters_travel_with_the_book():
    assert {run.model for run in WITH_PARAMETERS} == {"patches"}


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
    accuracy = evaluate(model, (prepare(test.images), test.labels)).accuracy
    assert accuracy == pytest.approx(run.final["test_accuracy"], abs=0.021)
