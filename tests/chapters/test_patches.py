"""Chapter 16: the transformer for digits, its switches, and how it is trained."""

import math
from dataclasses import FrozenInstanceError, fields, replace
from functools import partial
from itertools import pairwise

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    copy_heads,
    holds_for_all,
    refused,
    rejects,
    untouched,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import float_types, generators, normal, with_random_parameters
from torch import nn
from torch.nn import functional as F

from bareattention import (
    Block,
    DigitConfig,
    DigitTokens,
    DigitTransformer,
    attention,
    decaying_adamw,
    random_affine,
    random_affine_grid,
    resample,
    uniform_attention,
    warm_up_and_cosine,
)

DOUBLE = torch.float64
# Norms and depth make rounding grow: 1e-10 in float64, 1e-5 in float32.
STEPS = {torch.float64: 100, torch.float32: 1}
# Patch size, stride, padding, image size; None makes rows.
CUTS = [
    (None, None, 0, 4),
    (None, None, 0, 6),
    (2, None, 0, 4),
    (2, 1, 0, 4),
    (3, 2, 1, 6),
    (4, 3, 2, 7),
]


@st.composite
def models(draw, types=float_types, cuts=CUTS, heads=(1, 2, 3), blocks=(1, 2), **fixed):
    """A model with random parameters, and a batch of images."""
    dtype, generator = draw(types), draw(generators)
    size, stride, padding, side = draw(st.sampled_from(cuts))
    n_heads = draw(st.sampled_from(heads))
    chosen = {
        "patch_size": size,
        "stride": stride,
        "padding": padding,
        "image_size": side,
        "n_heads": n_heads,
        # At least three channels: of fewer, a norm leaves little but rounding.
        "d_model": n_heads * draw(st.integers(3, 4)),
        "n_blocks": draw(st.sampled_from(blocks)),
        "d_ff": draw(st.integers(1, 8)),
        "pool": draw(st.sampled_from(["mean", "flatten"])),
        "positions": draw(st.booleans()),
        "n_classes": draw(st.integers(2, 5)),
    }
    images = normal(generator, draw(st.integers(1, 3)), side, side, dtype=dtype)
    model = DigitTransformer(DigitConfig(**(chosen | fixed)))
    return with_random_parameters(model, generator, images), images


# Equal to a model of PyTorch's layers: logits, and gradients of the images

PARTS = {
    "linear1": "feed_forward.up",
    "linear2": "feed_forward.down",
    "norm1": "attention_norm",
    "norm2": "feed_forward_norm",
}


class PyTorchs(nn.Module):
    """The same model from PyTorch's parts alone, with copied parameters."""

    def __init__(self, ours):
        super().__init__()
        self.ours, self.config, config = ours, ours.config, ours.config
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                ours.tokens.d_model,
                config.n_heads,
                config.d_ff,
                0.0,
                "gelu",
                batch_first=True,
                norm_first=True,
                dtype=ours.output.weight.dtype,
            )
            for _ in range(config.n_blocks)
        )
        for layer, block in zip(self.layers, ours.blocks, strict=True):
            copy_heads(block.attention, layer.self_attn)
            for name, part in PARTS.items():
                layer.get_submodule(name).load_state_dict(block.get_submodule(part).state_dict())

    def forward(self, images):
        x, config, tokens = images, self.config, self.ours.tokens
        if config.patch_size is not None:
            stride = config.stride or config.patch_size
            x = F.unfold(images[:, None], config.patch_size, 1, config.padding, stride).mT
        if config.d_model is not None:
            x = F.linear(x, tokens.embedding.weight, tokens.embedding.bias)
        if config.positions:
            x = x + tokens.positions.table
        for layer in self.layers:
            x = layer(x)
        x = F.layer_norm(x, x.shape[-1:], self.ours.norm.weight, self.ours.norm.bias)
        x = x.mean(dim=1) if config.pool == "mean" else x.flatten(1)
        return F.linear(x, self.ours.output.weight, self.ours.output.bias)


def assert_close(ours, theirs, what):
    assert_equal_numbers(ours.detach(), theirs.detach(), what, STEPS[theirs.dtype])


def equals_pytorch(function, case):
    """The core comparison: which functions may call themselves this model."""
    model, images = case
    mine, other = images.clone().requires_grad_(), images.clone().requires_grad_()
    with untouched(mine, *model.parameters()):
        logits = function(model, mine)
    wanted = PyTorchs(model)(other)
    assert_close(logits, wanted, "logits")
    logits.square().sum().backward()
    wanted.square().sum().backward()
    assert_close(mine.grad, other.grad, "gradient of the images")


def call(model, images):
    return model(images)


@pytest.mark.parametrize("embedding", [{}, {"d_model": None, "n_heads": 1}], ids=["", "none"])
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_the_model_equals_one_of_pytorchs_layers(cut, embedding):
    holds_for_all(lambda case: equals_pytorch(call, case), 6, case=models(cuts=[cut], **embedding))


def changed(**change):
    """The mistake of building the model with another configuration."""

    def mistake(model, images):
        other = DigitTransformer(replace(model.config, **change)).to(images.dtype)
        other.load_state_dict(model.state_dict(), strict=False)
        return other(images)

    return mistake


def relu_for_gelu(model, images):
    for block in model.blocks:
        block.feed_forward.activation = nn.ReLU()
    return model(images)


def first_token_for_the_mean(model, images):
    x = model.tokens(images)
    for block in model.blocks:
        x, _ = block(x)
    return model.output(model.norm(x)[:, 0])


MISTAKES = {
    "residual": changed(residual=False),
    "norm": changed(norm=False),
    "scale": changed(scale=False),
    "positions": changed(positions=False),
    "feed-forward": changed(d_ff=0),
    "heads": changed(n_heads=1),
    "blocks": changed(n_blocks=1),
    "bend": relu_for_gelu,
    "mean": first_token_for_the_mean,
    "columns for rows": lambda model, images: model(images.mT),
}
CLEAR = {"cuts": CUTS[:3], "heads": (2, 3), "blocks": (2,), "positions": True, "pool": "mean"}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_comparison_rejects(mistake):
    rejects(lambda case: equals_pytorch(mistake, case), case=models(**CLEAR))


def test_the_comparison_accepts_a_model_built_anew():
    holds_for_all(lambda case: equals_pytorch(changed(), case), 6, case=models(**CLEAR))


# Switches, weights, and what stands in attention's place

flags = st.booleans()
switches = st.fixed_dictionaries(
    {"residual": flags, "norm": flags, "scale": flags, "d_ff": st.sampled_from([0, 5])}
)


def in_steps(model, images, attend):
    """The model as a chain of chapter 10's blocks: logits, and the weights of all blocks."""
    config, x, found = model.config, model.tokens(images), []
    norm = nn.LayerNorm if config.norm else nn.Identity
    sizes = model.tokens.d_model, config.n_heads, config.d_ff
    for block in model.blocks:
        own = Block(*sizes, activation="gelu", norm=norm, residual=config.residual)
        own.to(images.dtype).load_state_dict(block.state_dict())
        x, weights = own(x, attend=attend)
        found.append(weights)
    x = F.layer_norm(x, x.shape[-1:], model.norm.weight, model.norm.bias) if config.norm else x
    return model.output(x.mean(dim=1) if config.pool == "mean" else x.flatten(1)), found


@given(case=models(types=st.just(DOUBLE)), chosen=switches, generator=generators)
@settings(max_examples=50)
def test_each_switch_reaches_its_part_and_asking_for_weights_changes_no_logits(
    case, chosen, generator
):
    model, images = case
    model = DigitTransformer(replace(model.config, **chosen))
    with_random_parameters(model, generator, images)
    scale = None if chosen["scale"] else 1.0
    wanted, found = in_steps(model, images, partial(attention, scale=scale))
    with untouched(images):
        logits, weights = model(images, with_weights=True)
    assert logits.shape == (len(images), model.config.n_classes)
    assert_close(logits, wanted, "logits")
    assert_close(model(images), wanted, "logits without weights")
    assert_close(weights, torch.stack(found, dim=1), "weights")


def test_attention_is_fused_unless_its_weights_are_asked_for(monkeypatch):
    calls, fused = [], F.scaled_dot_product_attention
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *q, **k: calls.append(1) or fused(*q, **k)
    )
    model, images = DigitTransformer(), torch.zeros(1, 28, 28)
    model(images, with_weights=True)
    assert not calls
    model(images)
    assert len(calls) == 3


@given(generator=generators, n_queries=st.integers(1, 4), n_keys=st.integers(1, 4))
def test_uniform_attention_is_the_mean_of_all_values(generator, n_queries, n_keys):
    queries, keys, values = (
        normal(generator, 2, n, d, dtype=DOUBLE)
        for n, d in ((n_queries, 3), (n_keys, 3), (n_keys, 2))
    )
    output, weights = uniform_attention(queries, keys, values)
    assert weights is None
    assert_equal_numbers(output, values.mean(dim=-2, keepdim=True).expand_as(output), "output")


@given(case=models(types=st.just(DOUBLE)))
@settings(max_examples=20)
def test_what_is_handed_in_attends_in_every_block(case):
    model, images = case
    equally = partial(attention, scale=0.0)
    wanted, found = in_steps(model, images, equally)
    for attend in (uniform_attention, equally):
        other = DigitTransformer(model.config, attend).double()
        other.load_state_dict(model.state_dict())
        assert_close(other(images), wanted, "logits")
    assert_close(other(images, with_weights=True)[1], torch.stack(found, dim=1), "weights")


def does_not_know_the_order(case):
    model, images = case
    # Only exchanges that are one: a shuffle may leave all where they are.
    assert_close(model(images.roll(1, dims=1)), model(images), "rolled")
    assert_close(model(images.flip(1)), model(images), "upside down")


ROWS = {"types": st.just(DOUBLE), "cuts": CUTS[:2]}


def test_without_positions_the_mean_does_not_know_the_order_of_rows():
    drawn = models(positions=False, pool="mean", **ROWS)
    holds_for_all(does_not_know_the_order, 20, case=drawn)


@pytest.mark.parametrize("positions, pool", [(True, "mean"), (False, "flatten")])
def test_positions_know_the_order_and_so_does_the_last_layer(positions, pool):
    rejects(does_not_know_the_order, case=models(positions=positions, pool=pool, **ROWS))


# What a model starts as


def test_the_parameters_keep_their_names():
    """Recorded models are loaded by these names."""
    model = DigitTransformer(DigitConfig(n_blocks=2))
    wanted = {"tokens.embedding.weight", "tokens.embedding.bias", "tokens.positions.table"}
    wanted |= {f"{part}.{kind}" for part in ("norm", "output") for kind in ("weight", "bias")}
    wanted |= {f"blocks.{i}.{name}" for i in range(2) for name in Block(4, 2, 8).state_dict()}
    assert set(model.state_dict()) == wanted
    assert DigitTransformer().config == DigitConfig()


def test_with_or_without_positions_all_else_starts_alike():
    states = []
    for positions in (True, False):
        torch.manual_seed(0)
        states.append(DigitTransformer(DigitConfig(positions=positions)).state_dict())
    del states[0]["tokens.positions.table"]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_dropout_is_that_of_the_blocks():
    torch.manual_seed(0)
    model, images = DigitTransformer(DigitConfig(dropout=0.5)), torch.randn(3, 28, 28)
    assert all(block.dropout.p == 0.5 for block in model.blocks)
    plain = DigitTransformer()
    plain.load_state_dict(model.state_dict())
    assert not torch.allclose(model(images), plain(images))
    assert torch.equal(model.eval()(images), plain(images))


# Images moved at random

SIDE = 29
AMOUNTS = {"degrees": 20.0, "pixels": 3.0, "size": 0.2, "shear": 0.3}
NOTHING = dict.fromkeys(AMOUNTS, 0.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def taken_apart(**ranges):
    """What 300 images went through, in the units of the ranges, read off the grid."""
    across = torch.arange(SIDE) - (SIDE - 1) / 2
    plane = torch.meshgrid(across, across, indexing="xy")
    places = torch.stack([*plane, torch.ones(SIDE, SIDE)], dim=-1).flatten(0, 1).double()
    grid = random_affine_grid(torch.zeros(300, SIDE, SIDE), seeded(), **ranges)
    looks = SIDE / 2 * grid.flatten(1, 2).double()
    solved = torch.linalg.pinv(places) @ looks
    torch.testing.assert_close(places @ solved, looks, rtol=0, atol=1e-3)
    matrix, shift = solved[:, :2].mT, solved[:, 2]
    turn = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0])
    size = matrix[:, :, 0].norm(dim=1)
    slant = (turn.cos() * matrix[:, 0, 1] + turn.sin() * matrix[:, 1, 1]) / size
    # Nothing but a turn, a size and a slant: what is left of the matrix follows from them.
    height = turn.cos() * matrix[:, 1, 1] - turn.sin() * matrix[:, 0, 1]
    torch.testing.assert_close(height, size, rtol=0, atol=1e-3)
    return {
        "degrees": turn.rad2deg(),
        "size": size - 1,
        "shear": slant,
        "pixels x": shift[:, 0],
        "pixels y": shift[:, 1],
    }


@pytest.mark.parametrize("name", [*AMOUNTS, "all"])
def test_each_range_is_kept_and_used_alone_and_with_the_others(name):
    """Both ways, up to its end, and evenly spread."""
    ranges = AMOUNTS if name == "all" else NOTHING | {name: AMOUNTS[name]}
    for name, values in taken_apart(**ranges).items():
        largest = ranges[name.split()[0]]
        assert values.abs().max() <= largest + 1e-3 * max(1.0, largest), f"{name} beyond {largest}"
        if largest:
            assert values.max() > 0.95 * largest and values.min() < -0.95 * largest, name
            assert values.mean().abs() < 0.12 * largest, f"{name} leans"
            assert abs(values.std().item() / largest - 3**-0.5) < 0.06, f"{name} is not even"


def test_the_five_draws_have_nothing_to_do_with_each_other():
    drawn = torch.stack(list(taken_apart(**AMOUNTS).values()))
    assert (torch.corrcoef(drawn) - torch.eye(5)).abs().max() < 0.2


def test_the_ranges_are_small_unless_told_otherwise():
    usual = {"degrees": 12.0, "pixels": 2.0, "size": 0.12, "shear": 0.15}
    images = torch.rand(3, 28, 28, generator=seeded())
    ours = random_affine(images, seeded(1))
    assert torch.equal(ours, random_affine(images, seeded(1), **usual))


@given(generator=generators, n=st.integers(1, 4), side=st.integers(1, 9), dtype=float_types)
@settings(max_examples=20)
def test_ranges_of_zero_give_new_images_of_the_same_type(generator, n, side, dtype):
    images = normal(generator, n, side, side, dtype=dtype)
    with untouched(images):
        moved = random_affine(images, generator, **NOTHING)
    torch.testing.assert_close(moved, images, rtol=0, atol=1e-4)
    assert moved.data_ptr() != images.data_ptr()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_generator_alone_decides_and_each_image_goes_its_own_way(seed):
    images, generator, before = torch.ones(5, 11, 11), seeded(seed), torch.get_rng_state()
    first, second = (random_affine_grid(images, generator) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before), "PyTorch's own generator was used"
    assert torch.equal(first, random_affine_grid(0 * images, seeded(seed)))
    assert not torch.equal(first, second)
    assert torch.cdist(first.flatten(1), first.flatten(1)).fill_diagonal_(1).min() > 0


def test_random_affine_looks_where_its_grid_says():
    images = normal(seeded(), 5, 12, 12)
    grid = random_affine_grid(images, seeded(1), **AMOUNTS)
    assert torch.equal(resample(images, grid), random_affine(images, seeded(1), **AMOUNTS))


# Looking at known places


def shifted_grid(images, right, down):
    """Every pixel looks so many pixels to the right, and down; an image reaches from -1 to 1."""
    _, height, width = images.shape
    x = (2 * (torch.arange(width).to(images) + right) + 1) / width - 1
    y = (2 * (torch.arange(height).to(images) + down) + 1) / height - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).expand(len(images), -1, -1, 2)


@given(
    generator=generators,
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    right=st.integers(-10, 10),
    down=st.integers(-10, 10),
    dtype=float_types,
)
def test_a_known_shift_moves_rows_and_columns(generator, shape, right, down, dtype):
    """Whole pixels, and what lies outside is the edge."""
    images = normal(generator, *shape, dtype=dtype)
    rows = (torch.arange(shape[1]) + down).clamp(0, shape[1] - 1)
    columns = (torch.arange(shape[2]) + right).clamp(0, shape[2] - 1)
    grid = shifted_grid(images, right, down)
    with untouched(images, grid):
        found = resample(images, grid)
    wanted = images[:, rows][:, :, columns]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4 if dtype != DOUBLE else 1e-9)


def test_between_two_pixels_each_has_its_share():
    images, share = normal(seeded(), 3, 6, 8, dtype=DOUBLE), 0.25
    found = resample(images, shifted_grid(images, share, 0))
    wanted = (1 - share) * images[..., :-1] + share * images[..., 1:]
    torch.testing.assert_close(found[..., :-1], wanted, rtol=0, atol=1e-12)


# AdamW, and what decays


def small_model(**change):
    torch.manual_seed(0)
    sizes = {"d_model": 8, "n_heads": 2, "n_blocks": 2, "d_ff": 6, "image_size": 4}
    return DigitTransformer(DigitConfig(**(sizes | change)))


@given(rate=st.floats(1e-3, 0.5), decay=st.floats(0.05, 0.9))
@settings(max_examples=15)
def test_matrices_decay_and_biases_and_norms_do_not(rate, decay):
    """Without gradients, a step leaves nothing but the decay."""
    model = small_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    decaying_adamw(model, rate, decay).step()
    for name, parameter in model.named_parameters():
        kept = 1 - rate * decay if parameter.ndim >= 2 else 1
        torch.testing.assert_close(parameter.detach(), kept * before[name], rtol=1e-6, atol=0)


def test_the_rate_the_decay_and_the_memory_unless_told_otherwise():
    optimizer = decaying_adamw(small_model())
    assert type(optimizer) is torch.optim.AdamW
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.0]
    for group in optimizer.param_groups:
        assert (group["lr"], group["betas"]) == (3e-3, (0.9, 0.98))


@given(rate=st.floats(1e-4, 0.1), betas=st.tuples(st.floats(0.5, 0.95), st.floats(0.9, 0.999)))
@settings(max_examples=10)
def test_without_decay_it_is_pytorchs_adamw(rate, betas):
    ours, theirs = small_model(), small_model()
    images = torch.randn(3, 4, 4, generator=seeded())
    optimizers = (
        decaying_adamw(ours, rate, 0.0, betas),
        torch.optim.AdamW(theirs.parameters(), lr=rate, weight_decay=0.0, betas=betas),
    )
    for _ in range(4):
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            model(images).square().sum().backward()
            optimizer.step()
    for name, parameter in ours.named_parameters():
        assert_equal_numbers(parameter.detach(), theirs.get_parameter(name).detach(), name)


# The learning rate on its way


def a_schedule(n_steps, *warm_up, rate=3e-3):
    optimizer = decaying_adamw(nn.Linear(2, 2), rate)
    return optimizer, warm_up_and_cosine(optimizer, n_steps, *warm_up)


def walk(optimizer, schedule, n):
    """The rates of n steps, the same in both groups."""
    rates = []
    for _ in range(n):
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == second
        rates.append(first)
        optimizer.step()
        schedule.step()
    return rates


@given(
    n_steps=st.integers(30, 200),
    warm_up=st.sampled_from([0.1, 0.2, 0.3, 0.5]),
    rate=st.floats(1e-4, 1.0),
)
@settings(max_examples=25)
def test_the_rate_rises_to_the_optimizers_own_and_falls_to_nearly_nothing(n_steps, warm_up, rate):
    rates = walk(*a_schedule(n_steps, warm_up, rate=rate), n_steps)
    top = rates.index(max(rates))
    assert abs(top - (warm_up * n_steps - 1)) <= 1, f"highest at {top} of {n_steps}"
    assert rates[0] < 0.5 * rate
    # Between two steps the top may be passed, and a little is missing.
    assert 0.9 * rate < rates[top] <= rate * (1 + 1e-9)
    assert all(a < b for a, b in pairwise(rates[: top + 1]))
    assert all(a > b for a, b in pairwise(rates[top:]))
    assert 0 <= rates[-1] < 1e-4 * rate
    # A cosine on the way down.
    start = warm_up * n_steps - 1
    for step in range(top + 1, n_steps):
        wanted = rate * (1 + math.cos(math.pi * (step - start) / (n_steps - 1 - start))) / 2
        assert abs(rates[step] - wanted) < 1e-3 * rate


@pytest.mark.parametrize("warm_up", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("n_steps", [2, 3, 5, 40])
def test_exactly_so_many_steps_are_possible_and_momentum_is_left_alone(n_steps, warm_up):
    optimizer, schedule = a_schedule(n_steps, warm_up)
    rates = walk(optimizer, schedule, n_steps)
    assert all(0 <= rate <= 3e-3 for rate in rates)
    assert all(group["betas"] == (0.9, 0.98) for group in optimizer.param_groups)
    with pytest.raises(ValueError, match=f"{n_steps + 1} times"):
        schedule.step()


def test_a_training_of_one_step_has_a_rate_and_a_fifth_is_the_usual_warm_up():
    assert 0 < walk(*a_schedule(1), 1)[0] <= 3e-3
    assert walk(*a_schedule(30), 30) == walk(*a_schedule(30, 0.2), 30)


# The configuration


def test_a_configuration_stays_as_it_is():
    config = DigitConfig()
    for field in fields(config):
        with pytest.raises(FrozenInstanceError):
            setattr(config, field.name, 1)
    assert config == DigitConfig() and hash(config) == hash(DigitConfig())
    assert replace(config, n_blocks=2) != config


def test_the_default_configuration():
    """In the order of the fields; records are made by it."""
    sizes, parts = (None, None, 0, 64, 4, 3, 128), (True, True, True, True)
    assert DigitConfig() == DigitConfig(*sizes, *parts, "mean", 0.0, 28, 10)


# What does not fit

Z = torch.zeros


def model(images, **change):
    return DigitTransformer(DigitConfig(n_blocks=1, **change))(images)


def linear(*args, **kwargs):
    return decaying_adamw(nn.Linear(2, 2), *args, **kwargs)


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: DigitConfig(n_blocks=0), ValueError, "n_blocks", "0"),
        (lambda: DigitConfig(n_heads=None), TypeError, "n_heads", "None"),
        (lambda: DigitConfig(patch_size=True), TypeError, "patch_size", "True"),
        (lambda: DigitConfig(padding=-1), ValueError, "padding", "-1"),
        (lambda: DigitConfig(pool="max"), ValueError, "pool", "'max'"),
        (lambda: DigitConfig(dropout=1.0), ValueError, "dropout", "1.0"),
        (lambda: DigitConfig(norm=1), TypeError, "norm", "1"),
        (lambda: DigitConfig(stride=2), ValueError, "patch_size", "None"),
        (lambda: DigitConfig(padding=1), ValueError, "patch_size", "None"),
        (lambda: model(None, patch_size=5), ValueError, "size", "5"),
        (lambda: model(None, patch_size=7, stride=8), ValueError, "stride", "8"),
        (lambda: model(None, n_heads=3), ValueError, "n_heads", "3"),
        (lambda: DigitTransformer("rows"), TypeError, "config", "'rows'"),
        (lambda: DigitTransformer(attend="mean"), TypeError, "attend", "'mean'"),
        (lambda: model(Z(28, 28)), ValueError, "images", "(28, 28)"),
        (lambda: model(Z(2, 27, 28)), ValueError, "images", "(2, 27, 28)"),
        (lambda: model(Z(2, 32, 32), patch_size=7), ValueError, "images", "(2, 32, 32)"),
        (lambda: model(Z(2, 28, 28).byte()), TypeError, "images", "torch.uint8"),
        (lambda: model(Z(2, 28, 28).double()), TypeError, "images", "torch.float64"),
        (lambda: DigitTokens(DigitConfig())(Z(2, 32, 32)), ValueError, "images", "(2, 32, 32)"),
        (lambda: uniform_attention(Z(4, 3), Z(5, 2), Z(5, 2)), ValueError, "keys", "(5, 2)"),
        (lambda: uniform_attention(*[Z(4, 3)] * 3, Z(4, 4)), TypeError, "mask", "Tensor"),
        (lambda: random_affine_grid(Z(2, 5, 7), seeded()), ValueError, "images", "(2, 5, 7)"),
        (lambda: random_affine(Z(2, 5, 7), seeded()), ValueError, "images", "(2, 5, 7)"),
        (lambda: random_affine(Z(2, 5, 5), 3), TypeError, "generator", "3"),
        (lambda: random_affine(Z(2, 5, 5), seeded(), shear=-1), ValueError, "shear", "-1"),
        (lambda: random_affine(Z(2, 5, 5), seeded(), size=1), ValueError, "size", "1"),
        (lambda: random_affine(Z(2, 5, 5), seeded(), pixels="1"), TypeError, "pixels", "'1'"),
        (lambda: resample(Z(2, 5, 5), Z(2, 5, 4, 2)), ValueError, "grid", "(2, 5, 4, 2)"),
        (lambda: decaying_adamw([]), TypeError, "model", "list"),
        (lambda: linear(-1.0), ValueError, "learning_rate", "-1.0"),
        (lambda: linear(betas=(0.9, 1.0)), ValueError, "betas[1]", "1.0"),
        (lambda: warm_up_and_cosine(linear(), 0), ValueError, "n_steps", "0"),
        (lambda: warm_up_and_cosine(linear(), 10, 0.95), ValueError, "warm_up", "0.95"),
        (lambda: warm_up_and_cosine(nn.Linear(2, 2), 10), TypeError, "optimizer", "Linear"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, name, came):
    with refused(error, name, came):
        call()
