"""Recipes: one change from rung to rung, models of the right size, honest preparation."""

from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
import torch
from expectations import assert_equal_numbers, untouched

from bareattention.chapters.parameters import count_parameters
from bareattention.data import load_digits
from bareattention.experiments.recipes import (
    FEATURES,
    LADDER,
    PIXELS,
    RECIPES,
    REMOVALS,
    TRIED,
    TRIED_SINCE,
    WITHOUT_ATTENTION,
)

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


UNIFORM = {"in_place_of_attention": (None, "uniform")}
FEWER_PATCHES = {"patch_size": (10, 8), "stride": (7, 5), "padding": (2, 0)}
MORE = {"epochs": (64, 3), "learning_rate": (4e-3, 5e-4), "begins_with": (None, "final")}
# Recipe -> the recipe it is compared with, and all that differs.
CHANGES = {
    "patches-no_scale": ("patches", {"scale": (True, False)}),
    "patches-no_positions": ("patches", {"positions": (True, False)}),
    "patches-no_feed_forward": ("patches", {"d_ff": (128, 0)}),
    "patches-no_residual": ("patches", {"residual": (True, False)}),
    "patches-no_norm": ("patches", {"norm": (True, False)}),
    "patches-one_head": ("patches", {"n_heads": (4, 1)}),
    "patches-no_augmentation": ("patches", {"augmentation": (True, False)}),
    **{f"{x}-no_attention": (x, UNIFORM) for x in ("heads", "feed_forward", "patches")},
    "pixels-identity": ("pixels", {"in_place_of_attention": (None, "identity")}),
    "pixels-uniform": ("pixels", UNIFORM),
    "pixels-linear": ("pixels", {"kind": ("pixels", "linear")}),
    "naked_attention": ("pixels", {"one_normalisation": (True, False), "epochs": (8, 128)}),
    "features": (
        "pixels",
        {
            "kind": ("pixels", "features"),
            "epochs": (8, 20),
            "learning_rate": (0.01, 0.001),
            "keep_best": (True, False),
        },
    ),
    "features-identity": ("features", {"in_place_of_attention": (None, "identity")}),
    "features-relu": ("features", {"in_place_of_attention": (None, "relu")}),
    "tried-sixteen": ("patches", {"n_blocks": (3, 4), "epochs": (8, 12)}),
    "tried-elastic": ("tried-sixteen", {"elastic": (0, 1.0)}),
    "tried-smoothing": ("tried-sixteen", {"label_smoothing": (0, 0.05)}),
    "tried-muon": ("tried-sixteen", {"optimizer": ("adamw", "muon")}),
    "tried-muon_faster": ("tried-muon", {"learning_rate": (3e-3, 6e-3)}),
    "tried-twenty_five": ("tried-muon", {"n_blocks": (4, 5), **FEWER_PATCHES}),
    "tried-long": ("tried-muon", {"epochs": (12, 24)}),
    "tried-long_elastic": ("tried-long", {"elastic": (0, 0.6)}),
    "tried-averaged": ("tried-long_elastic", {"averaged": (0.0, 0.998)}),
    "final": (
        "tried-long_elastic",
        {"n_blocks": (4, 5), "epochs": (24, 64), "learning_rate": (3e-3, 4e-3)},
    ),
    "final-no_attention": ("final", UNIFORM),
    "apart": ("augmentation", {"patch_size": (None, 7), "stride": (None, 7)}),
    "apart-no_positions": ("apart", {"positions": (True, False)}),
    "tried-more": ("final", MORE),
    "tried-more_bent": ("final", MORE | {"elastic": (0.6, 1.0)}),
    "tried-more_plain": ("final", MORE | {"elastic": (0.6, 0), "augmentation": (True, False)}),
    "tried-longest": ("final", FEWER_PATCHES | {"epochs": (64, 56)}),
    "final_25": ("tried-longest", {}),
    # As many steps as on 50,000 digits, but for one percent.
    "final_all": ("final", {"epochs": (64, 54), "with_validation": (False, True)}),
}


def test_every_recipe_off_the_ladder_differs_as_it_says():
    found = {name: (b, changes(RECIPES[b], RECIPES[name])) for name, (b, _) in CHANGES.items()}
    assert found == CHANGES
    assert {*RECIPES} - {*CHANGES} == {*LADDER, "pixels"}
    prefixes = {"patches-": REMOVALS, "pixels": PIXELS, "features": FEATURES, "tried-": TRIED}
    for prefix, group in prefixes.items():
        assert all(name.startswith(prefix) for name in group)


def test_the_pixel_models_are_taught_as_naked_attention_is():
    recipe = RECIPES["naked_attention"]
    assert (recipe.batch_size, recipe.learning_rate, recipe.optimizer) == (16, 0.01, "adam")
    assert recipe.weight_decay == 0 and recipe.replacement and recipe.keep_best


@pytest.mark.parametrize(
    "name, change, told",
    [
        ("linear", {"kind": "linea"}, "kind: wanted one of 'linear', .*, got 'linea'"),
        ("final", {"optimizer": "sgd"}, "optimizer: wanted one of 'adamw', .*, got 'sgd'"),
        (
            "patches",
            {"in_place_of_attention": "identity"},
            "in_place_of_attention: wanted no such part of transformer, got identity",
        ),
        (
            "linear",
            {"in_place_of_attention": "uniform"},
            "attention: .* linear, got uniform",
        ),
        ("mean", {"elastic": 0.6}, "elastic: wanted 0 without augmentation, got 0.6"),
        (
            "final",
            {"transformer": None},
            "transformer: wanted what kind .* asks for, got None",
        ),
        (
            "patches",
            {"kind": "linear"},
            "transformer: wanted what .* asks for, got Digit",
        ),
        ("linear", {"optimizer": "muon"}, "optimizer: wanted no 'muon' without .* 'linear'"),
        ("final", {"averaged": 1.0}, "averaged: wanted a share from 0 to below 1, got 1.0"),
        ("pixels", {"with_validation": True}, "keep_best: wanted False where .*, got True"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(name, change, told):
    with pytest.raises(ValueError, match=told):
        replace(RECIPES[name], **change)


def test_every_recipe_says_something_of_its_own():
    said = [recipe.says for recipe in RECIPES.values()]
    assert len({*said}) == len(said) and all(text == text.strip() != "" for text in said)


def test_recipes_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        LADDER["patches"].epochs = 1
    for group in (RECIPES, LADDER, REMOVALS, WITHOUT_ATTENTION, PIXELS, FEATURES, TRIED):
        with pytest.raises(TypeError):
            group["patches"] = RECIPES["linear"]


# Models


def linear(inputs, outputs):
    return inputs * outputs + outputs


def block(width, hidden=0, norm=True):
    """Four projections, two layers and two norms."""
    layers = linear(width, hidden) + linear(hidden, width) if hidden else 0
    return 4 * linear(width, width) + layers + norm * 2 * width * (2 if hidden else 1)


def patches(n=16, channels=100, blocks=3):
    """Embedding and positions, blocks, the last norm and the output."""
    return linear(channels, 64) + n * 64 + blocks * block(64, 128) + 2 * 64 + linear(64, 10)


FLAT = linear(28 * 64, 10)
ROWS_OF_64 = linear(28, 64) + 28 * 64
LINEAR = linear(784, 10)
PARAMETERS = {
    "linear": LINEAR,
    "rows": block(28, norm=False) + linear(784, 10),
    "positions": block(28, norm=False) + linear(784, 10) + 784,
    "embedding": ROWS_OF_64 + block(64, norm=False) + FLAT,
    "heads": ROWS_OF_64 + block(64, norm=False) + FLAT,
    "heads-no_attention": ROWS_OF_64 + block(64, norm=False) + FLAT,
    "residual": ROWS_OF_64 + block(64) + 2 * 64 + FLAT,
    "feed_forward": ROWS_OF_64 + block(64, 128) + 2 * 64 + FLAT,
    "feed_forward-no_attention": ROWS_OF_64 + block(64, 128) + 2 * 64 + FLAT,
    "depth": ROWS_OF_64 + 3 * block(64, 128) + 2 * 64 + FLAT,
    **dict.fromkeys(("mean", "augmentation"), patches(28, 28)),
    "apart": patches(channels=49),
    "apart-no_positions": patches(n=0, channels=49),
    "patches-no_positions": patches(n=0),
    "patches-no_feed_forward": patches() - 3 * (block(64, 128) - block(64)),
    "patches-no_norm": patches() - 3 * 4 * 64 - 2 * 64,
    "pixels": 3 + LINEAR,
    "naked_attention": 3 + LINEAR,
    "pixels-identity": 1 + LINEAR,
    "pixels-uniform": 1 + LINEAR,
    "pixels-linear": LINEAR,
    **dict.fromkeys(FEATURES, 3 * (linear(784, 32) + 2 * 32) + linear(32, 10) + 2 * 10),
    **dict.fromkeys((*TRIED, "tried-averaged"), patches(blocks=4)),
    **dict.fromkeys(("final", "final-no_attention", "final_all", *TRIED_SINCE), patches(blocks=5)),
    "tried-averaged": patches(blocks=4),
    **dict.fromkeys(("tried-twenty_five", "tried-longest", "final_25"), patches(25, 64, 5)),
}


@EACH
def test_each_model_reads_prepared_digits_and_is_as_large_as_it_should_be(name, digits):
    recipe, images = RECIPES[name], digits.validation.images[:3]
    torch.manual_seed(0)
    model = recipe.model()
    ready = recipe.preparation(digits.training.images[:200])(images)
    logits = model(ready)
    assert logits.shape == (3, 10) and logits.dtype == torch.float32
    assert logits.isfinite().all() and not torch.equal(logits[0], logits[1])
    assert count_parameters(model) == PARAMETERS.get(name, 108_682)


@pytest.mark.parametrize("name", ["linear", "pixels", "patches"])
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


@pytest.mark.parametrize("instead", [None, "identity", "relu"])
def test_over_features_each_feature_is_a_token(instead):
    torch.manual_seed(0)
    x = torch.randn(5, 28, 28)
    model = RECIPES["features" + (f"-{instead}" if instead else "")].model().eval()
    queries, keys, values = (f(x.flatten(1)) for f in (model.query, model.key, model.value))
    weights = (queries[:, :, None] * keys[:, None, :]).softmax(dim=-1)
    mixed = {
        None: torch.einsum("nij,nj->ni", weights, values),
        "identity": values,
        "relu": values.clamp(min=0),
    }
    wanted = model.output(mixed[instead])
    assert_equal_numbers(model(x), wanted, "features", steps=50)


@pytest.mark.parametrize("query, key", [(0.5, -0.7), (40.0, 44.5)])
def test_naked_attentions_parameters_copied_in_give_its_logits(query, key, digits):
    """As drawn, and as trained, when query times key has grown to 1,780; the reference is NumPy's.

    NakedAttention multiplies each pixel by one number each for key, query and value, compares all
    pairs of pixels, mixes, and hands 784 numbers to a linear layer.
    """
    draw = np.random.default_rng(0)
    value, weight, bias = 0.9, draw.normal(size=(10, 784)), draw.normal(size=10)
    recipe = RECIPES["naked_attention"]
    images = recipe.preparation(digits.training.images)(digits.validation.images[:5])
    wanted = []
    for image in images.double().numpy().reshape(5, 784):
        scores = np.outer(image * query, image * key)  # divided by the root of one channel
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed = powers / powers.sum(axis=1, keepdims=True) @ (image * value)
        wanted.append(weight @ mixed + bias)
    model = recipe.model()
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
    ready = RECIPES["naked_attention"].preparation(training)(training)[..., 0]
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
