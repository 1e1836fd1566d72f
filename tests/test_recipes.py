"""Recipes: one change from rung to rung, models of the right size, honest preparation."""

from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pytest
import torch
from expectations import assert_equal_numbers, untouched

from bareattention.chapters.parameters import count_parameters
from bareattention.data import load_digits
from bareattention.recipes import LADDER, PIXELS, RECIPES, REMOVALS, SEED_B
from bareattention.records import check_portable, recorded

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


def test_the_pixel_models_differ_in_what_stands_in_place_of_attention():
    pixels = PIXELS["pixels"]
    found = {name: changes(pixels, recipe) for name, recipe in PIXELS.items()}
    assert found == {
        "pixels": {},
        "pixels-identity": {"in_place_of_attention": (None, "identity")},
        "pixels-uniform": {"in_place_of_attention": (None, "uniform")},
        "pixels-linear": {"kind": ("pixels", "linear")},
    }
    assert changes(pixels, SEED_B) == {"one_normalisation": (True, False), "epochs": (8, 128)}


def test_the_pixel_models_are_taught_as_naked_attention_is():
    how = {name: choices(SEED_B)[name] for name in ("batch_size", "learning_rate", "epochs")}
    assert how == {"batch_size": 16, "learning_rate": 0.01, "epochs": 128}
    assert (SEED_B.optimizer, SEED_B.weight_decay) == ("adam", 0)
    assert SEED_B.replacement and SEED_B.keep_best and not SEED_B.augmentation


# Names


def test_every_recipe_has_one_name_and_says_something_of_its_own():
    groups = (LADDER, REMOVALS, PIXELS, {"seed_b": SEED_B})
    assert [*RECIPES] == [name for group in groups for name in group]
    assert all(RECIPES[name] is group[name] for group in groups for name in group)
    said = [recipe.says for recipe in RECIPES.values()]
    assert len({*said}) == len(said) == 23 and all(text == text.strip() != "" for text in said)


@EACH
def test_a_record_takes_name_and_recipe(name, tmp_path):
    assert recorded(name, tmp_path) == []
    check_portable(asdict(RECIPES[name]), name)


def test_recipes_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        LADDER["patches"].epochs = 1
    for group in (RECIPES, LADDER, REMOVALS, PIXELS):
        with pytest.raises(TypeError):
            group["patches"] = SEED_B


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
    "pixels": 3 + linear(784, 10),
    "pixels-identity": 1 + linear(784, 10),
    "pixels-uniform": 1 + linear(784, 10),
    "pixels-linear": linear(784, 10),
    "seed_b": 3 + linear(784, 10),
}


def test_the_sizes_by_hand_are_the_known_ones():
    known = {"linear": 7850, "rows": 11_098, "heads": 38_218, "depth": 122_122, "mean": 104_842}
    known |= {"patches": 108_682, "pixels-identity": 7851, "seed_b": 7853}
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
    ready = SEED_B.preparation(training)(training)[..., 0]
    assert ready.mean(dim=0).abs().max() < 1e-6
    assert ready.std() < 0.05
    ordinary = PIXELS["pixels"].preparation(training)(training)
    assert ordinary.mean().item() == pytest.approx(0, abs=1e-5)
    assert ordinary.std().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["patches", "linear", "pixels", "seed_b"])
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
