"""Recipes: one change from rung to rung, models of the right size, honest preparation."""

from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
import torch
from expectations import assert_equal_numbers, untouched

from bareattention.chapters.parameters import count_parameters
from bareattention.data import load_digits
from bareattention.experiments.recipes import (
    FINAL,
    FINAL_25,
    FINAL_ALL,
    LADDER,
    NAKED_ATTENTION,
    PIXELS,
    RECIPES,
    REMOVALS,
    TRIED,
    TRIED_SINCE,
    WITHOUT_ATTENTION,
)
from bareattention.experiments.runs import check_portable, recorded

EACH = pytest.mark.parametrize("name", RECIPES)


@pytest.fixture(scope="module")
def digits():
    return load_digits("mnist5k")


def choices(recipe):
    """All that is chosen, the parts of a transformer included; not what is said of it."""
    chosen = asdict(recipe)
    transformer = chosen.pop("transformer") or {}
    del chosen["says"]
    return chosen | transformer


def changes(before, after):
    """Field -> what it was and what it is, for all that differ."""
    one, other = choices(before), choices(after)
    assert one.keys() == other.keys()
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


# One change at a time

RUNGS = {
    "positions": {"positions": (False, True)},
    "embedding": {"d_model": (None, 64)},
    "heads": {"n_heads": (1, 4)},
    "residual": {"residual": (False, True), "norm": (False, True)},
    "feed_forward": {"d_ff": (0, 128)},
    "depth": {"n_blocks": (1, 3)},
    "mean": {"pool": ("flatten", "mean")},
    "augmentation": {"augmentation": (False, True)},
    "patches": {"patch_size": (None, 10), "stride": (None, 7), "padding": (0, 2)},
}


def test_the_ladder_climbs_one_change_at_a_time():
    rungs = [*LADDER]
    assert rungs == ["linear", "rows", *RUNGS]
    for before, name in zip(rungs[1:], RUNGS, strict=False):
        assert changes(LADDER[before], LADDER[name]) == RUNGS[name], name


def test_the_first_rungs_are_a_linear_layer_and_bare_attention_taught_alike():
    linear, rows = LADDER["linear"], LADDER["rows"]
    assert (linear.kind, linear.transformer, rows.kind) == ("linear", None, "transformer")
    taught = set(asdict(rows)) - {"says", "kind", "transformer"}
    assert all(getattr(linear, name) == getattr(rows, name) for name in taught)
    (block,) = rows.model().blocks
    assert block.attention.n_heads == 1 and block.feed_forward is None and not block.residual
    for part in (block.attention_norm, rows.model().tokens.embedding, rows.model().norm):
        assert isinstance(part, torch.nn.Identity)
    assert isinstance(rows.model().tokens.positions, torch.nn.Identity)


LEFT_OUT = {
    "no_scale": {"scale": (True, False)},
    "no_positions": {"positions": (True, False)},
    "no_feed_forward": {"d_ff": (128, 0)},
    "no_residual": {"residual": (True, False)},
    "no_norm": {"norm": (True, False)},
    "one_head": {"n_heads": (4, 1)},
    "no_augmentation": {"augmentation": (True, False)},
}


def test_each_removal_takes_one_part_from_the_last_rung():
    found = {name: changes(LADDER["patches"], recipe) for name, recipe in REMOVALS.items()}
    assert found == {f"patches-{name}": change for name, change in LEFT_OUT.items()}


def test_attention_is_taken_from_three_rungs_and_nothing_else():
    found = {name: changes(LADDER[name.split("-")[0]], r) for name, r in WITHOUT_ATTENTION.items()}
    change = {"in_place_of_attention": (None, "uniform")}
    assert found == {f"{r}-no_attention": change for r in ("heads", "feed_forward", "patches")}


def test_the_final_model_is_the_last_rung_grown_and_stays_small():
    assert changes(LADDER["patches"], FINAL) == {
        "n_blocks": (3, 5),
        "epochs": (8, 64),
        "learning_rate": (3e-3, 4e-3),
        "optimizer": ("adamw", "muon"),
        "elastic": (0, 0.6),
    }
    assert PARAMETERS["final"] <= 200_000


def test_on_all_digits_the_final_model_takes_as_many_steps():
    """50,000 digits and 64 epochs, 60,000 and 54: the same number of steps, but for one percent."""
    found = changes(FINAL, FINAL_ALL)
    assert found == {"epochs": (64, 54), "with_validation": (False, True)}
    steps = [-(-n // 128) * epochs for n, epochs in zip((50_000, 60_000), (64, 54), strict=True)]
    assert steps[1] == pytest.approx(steps[0], rel=0.015)


def test_what_was_tried_differs_from_the_first_try():
    first = TRIED["tried-sixteen"]
    assert changes(LADDER["patches"], first) == {"n_blocks": (3, 4), "epochs": (8, 12)}
    assert all(changes(first, recipe) for recipe in TRIED.values() if recipe is not first)


SINCE = ("more", "more_bent", "more_plain", "longest")


def test_what_was_tried_since_starts_from_the_final_model():
    patches = {"patch_size": (10, 8), "stride": (7, 5), "padding": (2, 0)}
    more = {"epochs": (64, 3), "learning_rate": (4e-3, 5e-4), "begins_with": (None, "final")}
    assert {name: changes(FINAL, TRIED_SINCE[f"tried-{name}"]) for name in SINCE} == {
        "more": more,
        "more_bent": more | {"elastic": (0.6, 1.0)},
        "more_plain": more | {"elastic": (0.6, 0.0), "augmentation": (True, False)},
        "longest": patches | {"epochs": (64, 56)},
    }
    averaged = changes(TRIED["tried-long_elastic"], TRIED_SINCE["tried-averaged"])
    assert averaged == {"averaged": (0.0, 0.998)}
    assert not changes(TRIED_SINCE["tried-longest"], FINAL_25)
    assert PARAMETERS["final_25"] <= 200_000


def test_the_pixel_models_differ_in_what_stands_in_place_of_attention():
    pixels = PIXELS["pixels"]
    found = {name: changes(pixels, recipe) for name, recipe in PIXELS.items()}
    assert found == {
        "pixels": {},
        "pixels-identity": {"in_place_of_attention": (None, "identity")},
        "pixels-uniform": {"in_place_of_attention": (None, "uniform")},
        "pixels-linear": {"kind": ("pixels", "linear")},
    }
    assert changes(pixels, NAKED_ATTENTION) == {
        "one_normalisation": (True, False),
        "epochs": (8, 128),
    }


def test_the_pixel_models_are_taught_as_naked_attention_is():
    how = {
        name: choices(NAKED_ATTENTION)[name] for name in ("batch_size", "learning_rate", "epochs")
    }
    assert how == {"batch_size": 16, "learning_rate": 0.01, "epochs": 128}
    assert (NAKED_ATTENTION.optimizer, NAKED_ATTENTION.weight_decay) == ("adam", 0)
    assert (
        NAKED_ATTENTION.replacement
        and NAKED_ATTENTION.keep_best
        and not NAKED_ATTENTION.augmentation
    )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "name, change, told",
    [
        ("linear", {"kind": "linea"}, "kind: wanted one of 'linear', .*, got 'linea'"),
        ("final", {"optimizer": "sgd"}, "optimizer: wanted one of 'adamw', .*, got 'sgd'"),
        (
            "patches",
            {"in_place_of_attention": "identity"},
            "in_place_of_attention: wanted one of None, 'uniform', got 'identity'",
        ),
        ("linear", {"in_place_of_attention": "uniform"}, "in_place_of_attention: .* 'uniform'"),
        ("mean", {"elastic": 0.6}, "elastic: wanted 0 without augmentation, got 0.6"),
        ("final", {"transformer": None}, "transformer: wanted a DigitConfig .*, got None"),
        ("patches", {"kind": "linear"}, "transformer: wanted no DigitConfig for kind 'linear'"),
        ("linear", {"optimizer": "muon"}, "optimizer: wanted no 'muon' without .* 'linear'"),
        ("final", {"averaged": 1.0}, "averaged: wanted a share from 0 to below 1, got 1.0"),
        ("pixels", {"with_validation": True}, "keep_best: wanted False where .*, got True"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(name, change, told):
    with pytest.raises(ValueError, match=told):
        replace(RECIPES[name], **change)


# Names


def test_every_recipe_has_one_name_and_says_something_of_its_own():
    groups = (
        LADDER,
        REMOVALS,
        WITHOUT_ATTENTION,
        PIXELS,
        TRIED,
        TRIED_SINCE,
        {"final": FINAL},
        {"final_all": FINAL_ALL},
        {"final_25": FINAL_25},
        {"naked_attention": NAKED_ATTENTION},
    )
    assert [*RECIPES] == [name for group in groups for name in group]
    assert all(RECIPES[name] is group[name] for group in groups for name in group)
    said = [recipe.says for recipe in RECIPES.values()]
    assert len({*said}) == len(said) and all(text == text.strip() != "" for text in said)


@EACH
def test_a_record_takes_name_and_recipe(name, tmp_path):
    assert recorded(name, tmp_path) == []
    check_portable(asdict(RECIPES[name]), name)


def test_recipes_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        LADDER["patches"].epochs = 1
    for group in (RECIPES, LADDER, REMOVALS, WITHOUT_ATTENTION, PIXELS, TRIED, TRIED_SINCE):
        with pytest.raises(TypeError):
            group["patches"] = NAKED_ATTENTION


# Models


def linear(inputs, outputs):
    return inputs * outputs + outputs


def size(
    tokens=28,
    channels=28,
    width=64,
    embedded=True,
    places=True,
    normed=True,
    hidden=128,
    depth=3,
    flat=False,
):
    """Parameters of a transformer, by hand."""
    block = 4 * linear(width, width) + (2 * width if normed else 0)
    if hidden:
        block += linear(width, hidden) + linear(hidden, width) + (2 * width if normed else 0)
    entrance = (linear(channels, width) if embedded else 0) + (tokens * width if places else 0)
    end = (2 * width if normed else 0) + linear(tokens * width if flat else width, 10)
    return entrance + depth * block + end


PATCHES = {"tokens": 4 * 4, "channels": 10 * 10}
BARE = {"places": False, "normed": False, "hidden": 0, "depth": 1, "flat": True}
PARAMETERS = {
    "linear": linear(784, 10),
    "rows": size(width=28, embedded=False, **BARE),
    "positions": size(width=28, embedded=False, **{**BARE, "places": True}),
    "embedding": size(**{**BARE, "places": True}),
    "heads": size(**{**BARE, "places": True}),
    "residual": size(hidden=0, depth=1, flat=True),
    "feed_forward": size(depth=1, flat=True),
    "depth": size(flat=True),
    "mean": size(),
    "augmentation": size(),
    "patches": size(**PATCHES),
    "patches-no_scale": size(**PATCHES),
    "patches-no_positions": size(**PATCHES, places=False),
    "patches-no_feed_forward": size(**PATCHES, hidden=0),
    "patches-no_residual": size(**PATCHES),
    "patches-no_norm": size(**PATCHES, normed=False),
    "patches-one_head": size(**PATCHES),
    "patches-no_augmentation": size(**PATCHES),
    "heads-no_attention": size(**{**BARE, "places": True}),
    "feed_forward-no_attention": size(depth=1, flat=True),
    "patches-no_attention": size(**PATCHES),
    **{name: size(**PATCHES, depth=4) for name in TRIED},
    "tried-twenty_five": size(tokens=5 * 5, channels=8 * 8, depth=5),
    "tried-averaged": size(**PATCHES, depth=4),
    **{f"tried-more{name}": size(**PATCHES, depth=5) for name in ("", "_bent", "_plain")},
    "tried-longest": size(tokens=5 * 5, channels=8 * 8, depth=5),
    "final": size(**PATCHES, depth=5),
    "final_all": size(**PATCHES, depth=5),
    "final_25": size(tokens=5 * 5, channels=8 * 8, depth=5),
    "pixels": 3 + linear(784, 10),
    "pixels-identity": 1 + linear(784, 10),
    "pixels-uniform": 1 + linear(784, 10),
    "pixels-linear": linear(784, 10),
    "naked_attention": 3 + linear(784, 10),
}


def test_the_sizes_by_hand_are_the_known_ones():
    known = {"linear": 7850, "rows": 11_098, "heads": 38_218, "depth": 122_122, "mean": 104_842}
    known |= {"patches": 108_682, "pixels-identity": 7851, "naked_attention": 7853}
    assert {name: PARAMETERS[name] for name in known} == known


@EACH
def test_each_model_reads_prepared_digits_and_is_as_large_as_it_should_be(name, digits):
    recipe, images = RECIPES[name], digits.validation.images[:3]
    torch.manual_seed(0)
    model = recipe.model()
    ready = recipe.preparation(digits.training.images[:200])(images)
    logits = model(ready)
    assert logits.shape == (3, 10) and logits.dtype == torch.float32
    assert logits.isfinite().all() and not torch.equal(logits[0], logits[1])
    assert count_parameters(model) == PARAMETERS[name]


@EACH
def test_each_model_is_drawn_from_torchs_random_numbers(name):
    def drawn(seed):
        torch.manual_seed(seed)
        return torch.cat([p.detach().flatten() for p in RECIPES[name].model().parameters()])

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))


def test_the_mean_in_place_of_attention_in_a_transformer():
    torch.manual_seed(0)
    x = torch.randn(2, 28, 28)
    model = RECIPES["heads-no_attention"].model()
    (block,) = model.blocks
    attention = block.attention
    mean = attention.projections.value(model.tokens(x)).mean(dim=1, keepdim=True)
    wanted = model.output(attention.output(mean).expand(2, 28, 64).flatten(1))
    assert_equal_numbers(model(x), wanted, "heads-no_attention", steps=20)


def test_what_stands_in_place_of_attention():
    x = torch.randn(2, 784, 1)
    for name, mix in (
        (
            "pixels",
            lambda model, v: torch.softmax((x * model.W_query) @ (x * model.W_key).mT, dim=-1) @ v,
        ),
        ("pixels-identity", lambda model, v: v),
        ("pixels-uniform", lambda model, v: v.mean(dim=1, keepdim=True).expand(2, 784, 1)),
    ):
        model = RECIPES[name].model()
        wanted = model.output(mix(model, x * model.W_value).flatten(1))
        assert_equal_numbers(model(x), wanted, name, steps=10)


@pytest.mark.parametrize("query, key", [(0.5, -0.7), (40.0, 44.5)])
def test_naked_attentions_parameters_copied_in_give_its_logits(query, key, digits):
    """As drawn, and as trained, when query times key has grown to 1,780; the reference is NumPy's.

    NakedAttention multiplies each pixel by one number each for key, query and value, compares all
    pairs of pixels, mixes, and hands 784 numbers to a linear layer.
    """
    draw = np.random.default_rng(0)
    value, weight, bias = 0.9, draw.normal(size=(10, 784)), draw.normal(size=10)
    images = NAKED_ATTENTION.preparation(digits.training.images)(digits.validation.images[:5])
    wanted = []
    for image in images.double().numpy().reshape(5, 784):
        scores = np.outer(image * query, image * key)  # divided by the root of one channel
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed = powers / powers.sum(axis=1, keepdims=True) @ (image * value)
        wanted.append(weight @ mixed + bias)
    model = RECIPES["naked_attention"].model()
    state = {"W_query": [[query]], "W_key": [[key]], "W_value": [[value]]}
    state |= {"output.weight": weight, "output.bias": bias}
    model.load_state_dict({name: torch.tensor(number) for name, number in state.items()})
    with torch.no_grad():
        found = model(images)
    torch.testing.assert_close(found, torch.tensor(np.array(wanted)).float(), rtol=0, atol=1e-5)


# Preparation


def by_hand(recipe, training, images):
    """In NumPy's float64."""
    pixels, x = (part.numpy().astype(np.float64) for part in (training, images))
    if recipe.one_normalisation:
        mean, divisor = pixels.mean(), pixels.std(ddof=1)
    else:
        mean, divisor = pixels.mean(axis=0), pixels.var(axis=0, ddof=1).std(ddof=1)
    ready = torch.from_numpy((x - mean) / divisor).float()
    return ready.reshape(-1, 784, 1) if recipe.kind == "pixels" else ready


@EACH
def test_preparation_is_what_numpy_computes(name, digits):
    recipe, training = RECIPES[name], digits.training.images[:500]
    with untouched(training, digits.validation.images):
        prepare = recipe.preparation(training)
        for images in (training, digits.validation.images):
            ready = prepare(images)
            assert ready.dtype == torch.float32
            assert_equal_numbers(ready, by_hand(recipe, training, images), name)


def test_the_odd_normalisation_makes_pixels_small(digits):
    """Each pixel has mean 0, and the divisor is a deviation of variances: far too large."""
    training = digits.training.images
    ready = NAKED_ATTENTION.preparation(training)(training)[..., 0]
    assert ready.mean(dim=0).abs().max() < 1e-6
    assert ready.std() < 0.05
    ordinary = PIXELS["pixels"].preparation(training)(training)
    assert ordinary.mean().item() == pytest.approx(0, abs=1e-5)
    assert ordinary.std().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["patches", "linear", "pixels", "naked_attention"])
def test_preparation_looks_at_nothing_but_the_images_handed_over(name, digits):
    """An image is prepared alike alone, in any company, and later on."""
    training, others = digits.training.images[:300].clone(), digits.test.images[:40]
    prepare = RECIPES[name].preparation(training)
    together = prepare(others)
    assert torch.equal(prepare(255 - others[:7]), prepare(255 - others)[:7])
    assert torch.equal(prepare(others[5:6]), together[5:6])
    training.zero_()
    assert torch.equal(prepare(others), together)
    elsewhere = RECIPES[name].preparation(digits.training.images[300:600])
    assert not torch.allclose(elsewhere(others), together)
