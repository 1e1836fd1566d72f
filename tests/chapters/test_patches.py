"""Chapter 16: the transformer for digits, its switches, and how it is trained."""

import math
from copy import deepcopy
from dataclasses import FrozenInstanceError, fields, replace
from itertools import pairwise

import pytest
import torch
from expectations import (
    TOLERANCE,
    assert_equal_numbers,
    copy_heads,
    holds_for_all,
    names,
    refused,
    rejects,
    untouched,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FLOATS, float_types, generators, normal, with_random_parameters
from torch import nn
from torch.nn import functional as F

from bareattention import (
    Block,
    DigitBlock,
    DigitConfig,
    DigitTokens,
    DigitTransformer,
    MultiHeadAttention,
    count_parameters,
    decaying_adamw,
    random_affine,
    random_affine_grid,
    resample,
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
PATCHES = CUTS[2:]


@st.composite
def models(draw, types=float_types, cuts=CUTS, heads=(1, 2, 3), blocks=(1, 2, 3), **fixed):
    """A model with random parameters, a batch of images, and a nudge for its logits."""
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
    config = DigitConfig(**(chosen | fixed))
    images = normal(generator, draw(st.integers(1, 3)), side, side, dtype=dtype)
    model = with_random_parameters(DigitTransformer(config), generator, images)
    return model, images, normal(generator, len(images), config.n_classes, dtype=dtype)


# Equal to a model of PyTorch's layers: logits and gradients

PARTS = {
    "linear1": "feed_forward.up",
    "linear2": "feed_forward.down",
    "norm1": "attention_norm",
    "norm2": "feed_forward_norm",
    "self_attn.out_proj": "attention.output",
}


class PyTorchs(nn.Module):
    """The same model from PyTorch's parts alone, with copied parameters."""

    def __init__(self, ours):
        super().__init__()
        self.config, config = ours.config, ours.config
        d_model, dtype = ours.tokens.d_model, ours.output.weight.dtype
        self.embedding, self.norm = deepcopy(ours.tokens.embedding), deepcopy(ours.norm)
        self.output = deepcopy(ours.output)
        self.table = deepcopy(ours.tokens.positions.table) if config.positions else None
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                d_model,
                config.n_heads,
                config.d_ff,
                0.0,
                "gelu",
                batch_first=True,
                norm_first=True,
                dtype=dtype,
            )
            for _ in ours.blocks
        )
        for layer, block in zip(self.layers, ours.blocks, strict=True):
            copy_heads(block.attention, layer.self_attn)
            for name, part in PARTS.items():
                layer.get_submodule(name).load_state_dict(block.get_submodule(part).state_dict())

    def forward(self, images):
        x, config = images, self.config
        if config.patch_size is not None:
            stride = config.stride or config.patch_size
            x = F.unfold(images[:, None], config.patch_size, 1, config.padding, stride).mT
        x = self.embedding(x)
        x = x if self.table is None else x + self.table
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return self.output(x.mean(dim=1) if config.pool == "mean" else x.flatten(1))

    def gradients(self):
        """By the names of our parameters."""
        found = {}
        for name in ("embedding", "norm", "output"):
            whose = "tokens.embedding" if name == "embedding" else name
            for kind in ("weight", "bias"):
                found[f"{whose}.{kind}"] = getattr(self.get_submodule(name), kind).grad
        if self.table is not None:
            found["tokens.positions.table"] = self.table.grad
        for i, layer in enumerate(self.layers):
            for kind in ("weight", "bias"):
                three = getattr(layer.self_attn, f"in_proj_{kind}").grad.chunk(3)
                for name, gradient in zip(("query", "key", "value"), three, strict=True):
                    found[f"blocks.{i}.attention.projections.{name}.{kind}"] = gradient
                for name, part in PARTS.items():
                    gradient = getattr(layer.get_submodule(name), kind).grad
                    found[f"blocks.{i}.{part}.{kind}"] = gradient
        return found


def assert_close(ours, theirs, what):
    assert_equal_numbers(ours.detach(), theirs.detach(), what, STEPS[theirs.dtype])


def equals_pytorch(function, case):
    """The core comparison: which functions may call themselves this model."""
    model, images, nudge = case
    theirs = PyTorchs(model)
    mine, other = images.clone().requires_grad_(), images.clone().requires_grad_()
    with untouched(mine, *model.parameters()):
        logits = function(model, mine)
    wanted = theirs(other)
    assert_close(logits, wanted, "logits")
    logits.backward(nudge)
    wanted.backward(nudge)
    expected = theirs.gradients() | {"images": other.grad}
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    found["images"] = mine.grad
    assert found.keys() == expected.keys()
    # Small gradients are sums of large ones: rounding is measured by the largest of all.
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    tolerance = STEPS[images.dtype] * TOLERANCE[images.dtype]
    for name, gradient in expected.items():
        torch.testing.assert_close(
            found[name],
            gradient,
            rtol=tolerance,
            atol=tolerance * max(1.0, largest),
            msg=lambda text, name=name: f"gradient of {name}: {text}",
        )


def call(model, images):
    return model(images)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_the_model_equals_one_of_pytorchs_layers(cut, dtype):
    drawn = models(types=st.just(dtype), cuts=[cut])
    holds_for_all(lambda case: equals_pytorch(call, case), 8, case=drawn)


@pytest.mark.parametrize(
    "config",
    [DigitConfig(), DigitConfig(n_blocks=4, patch_size=10, stride=7, padding=2)],
    ids=["rows", "patches"],
)
def test_the_real_sized_model_equals_one_of_pytorchs_layers(config):
    torch.manual_seed(0)
    images = torch.randn(4, 28, 28)
    with torch.no_grad():
        model = DigitTransformer(config)
        assert_equal_numbers(model(images), PyTorchs(model)(images), "logits")


def changed(**change):
    """The mistake of building the model with another configuration."""

    def mistake(model, images):
        other = DigitTransformer(replace(model.config, **change)).to(images.dtype)
        other.load_state_dict(model.state_dict(), strict=False)
        return other(images)

    mistake.__name__ = ", ".join(f"{name}={value}" for name, value in change.items())
    return mistake


def in_steps(model, images, look=None, pool=None, blocks=None, norm=None):
    x = model.tokens(images)
    for block in model.blocks if blocks is None else blocks:
        x = block(x)[0] if look is None else look(block, x)
    x = (model.norm if norm is None else norm)(x)
    return model.output(x.mean(dim=1) if pool is None else pool(x))


def blocks_in_reverse(model, images):
    return in_steps(model, images, blocks=list(model.blocks)[::-1])


def one_block_for_all(model, images):
    return in_steps(model, images, blocks=[model.blocks[0]] * len(model.blocks))


def last_norm_left_out(model, images):
    return in_steps(model, images, norm=nn.Identity())


def first_token_for_the_mean(model, images):
    return in_steps(model, images, pool=lambda x: x[:, 0])


def largest_for_the_mean(model, images):
    return in_steps(model, images, pool=lambda x: x.amax(dim=1))


def columns_for_rows(model, images):
    return model(images.mT)


def norm_after_the_sum(model, images):
    def look(block, x):
        x = block.attention_norm(x + block.attention(x)[0])
        return block.feed_forward_norm(x + block.feed_forward(x))

    return in_steps(model, images, look)


def residual_around_attention_alone(model, images):
    def look(block, x):
        x = x + block.attention(block.attention_norm(x))[0]
        return block.feed_forward(block.feed_forward_norm(x))

    return in_steps(model, images, look)


def relu_for_gelu(model, images):
    for block in model.blocks:
        block.feed_forward.activation = nn.ReLU()
    return model(images)


def gradients_cut_off(model, images):
    """Logits are right, and the tokens learn nothing."""
    logits = model(images)
    for parameter in model.tokens.parameters():
        parameter.register_hook(torch.zeros_like)
    return logits


MISTAKES = [
    changed(residual=False),
    changed(norm=False),
    changed(scale=False),
    changed(positions=False),
    changed(d_ff=0),
    changed(n_heads=1),
    changed(n_blocks=1),
    blocks_in_reverse,
    one_block_for_all,
    last_norm_left_out,
    first_token_for_the_mean,
    largest_for_the_mean,
    columns_for_rows,
    norm_after_the_sum,
    residual_around_attention_alone,
    relu_for_gelu,
    gradients_cut_off,
]
CLEAR = {"cuts": CUTS[:3], "heads": (2, 3), "blocks": (2,), "positions": True, "pool": "mean"}


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    rejects(lambda case: equals_pytorch(mistake, case), case=models(**CLEAR))


@pytest.mark.parametrize("accepted", [in_steps, changed(dropout=0.0)], ids=["steps", "as it was"])
def test_the_comparison_accepts_the_steps_that_mistakes_are_made_of(accepted):
    def compare(case):
        model, images, _ = case
        assert_close(accepted(model, images), PyTorchs(model)(images), "logits")

    holds_for_all(compare, 10, case=models(**CLEAR))


# The block


@given(generator=generators, batch=st.sampled_from([(), (2,), (2, 3)]), dtype=float_types)
@settings(max_examples=30)
def test_the_block_is_that_of_chapter_10(generator, batch, dtype):
    x = normal(generator, *batch, 5, 6, dtype=dtype)
    ours = with_random_parameters(DigitBlock(6, DigitConfig(n_heads=2, d_ff=7)), generator, x)
    theirs = Block(6, 2, 7, activation="gelu", norm_first=True).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    output, weights = theirs(x)
    with untouched(x):
        assert_close(ours(x)[0], output, "fused")
        mine, seen = ours(x, with_weights=True)
    assert ours(x)[1] is None
    assert_close(mine, output, "with weights")
    assert_close(seen, weights, "weights")


def by_hand(block, x, config):
    """The block, with the parts that the configuration leaves."""

    def norm(name, x):
        if not config.norm:
            return x
        part = block.get_submodule(name)
        return F.layer_norm(x, x.shape[-1:], part.weight, part.bias)

    heads = [
        linear(norm("attention_norm", x)).unflatten(-1, (config.n_heads, -1)).transpose(-3, -2)
        for linear in (getattr(block.attention.projections, n) for n in ("query", "key", "value"))
    ]
    d_k = heads[0].shape[-1]
    scores = heads[0] @ heads[1].mT / (d_k**0.5 if config.scale else 1.0)
    mixed = (scores.softmax(dim=-1) @ heads[2]).transpose(-3, -2).flatten(-2)
    looked = block.attention.output(mixed)
    x = x + looked if config.residual else looked
    if not config.d_ff:
        return x
    hidden = F.gelu(block.feed_forward.up(norm("feed_forward_norm", x)))
    thought = block.feed_forward.down(hidden)
    return x + thought if config.residual else thought


flags = st.booleans()
switches = st.fixed_dictionaries(
    {"residual": flags, "norm": flags, "scale": flags, "d_ff": st.sampled_from([0, 5])}
)


def equals_by_hand(function, generator, chosen):
    config = DigitConfig(n_heads=2, **chosen)
    x = normal(generator, 2, 4, 6, dtype=DOUBLE)
    block = with_random_parameters(DigitBlock(6, config), generator, x)
    for with_weights in (False, True):
        output = function(block, x, with_weights, config)
        assert_close(output, by_hand(block, x, config), "output")


def test_each_switch_of_the_block_takes_its_part_away():
    def compare(generator, chosen):
        equals_by_hand(lambda block, x, w, config: block(x, w)[0], generator, chosen)

    holds_for_all(compare, 60, generator=generators, chosen=switches)


@pytest.mark.parametrize("switch", ["residual", "norm", "scale", "d_ff"])
def test_no_switch_is_without_effect(switch):
    """A block that ignores one of them is found out."""

    def ignoring(block, x, with_weights, config):
        usual = {"residual": True, "norm": True, "scale": True, "d_ff": 5}[switch]
        other = DigitBlock(6, replace(config, **{switch: usual})).double()
        other.load_state_dict(block.state_dict(), strict=False)
        return other(x, with_weights)[0]

    rejects(
        lambda generator, chosen: equals_by_hand(ignoring, generator, chosen),
        generator=generators,
        chosen=switches,
    )


@pytest.mark.parametrize(
    "switch, parts",
    [
        ({"norm": False}, ("attention_norm", "feed_forward_norm")),
        ({"d_ff": 0}, ("feed_forward",)),
    ],
)
def test_a_part_that_is_left_out_has_no_parameters(switch, parts):
    whole, less = (DigitBlock(4, DigitConfig(n_heads=2, **s)).state_dict() for s in ({}, switch))
    assert set(less) == {name for name in whole if not name.startswith(parts)}


# Weights


@given(case=models(types=st.just(DOUBLE)), chosen=switches)
@settings(max_examples=40)
def test_asking_for_weights_changes_no_logits(case, chosen):
    model, images, _ = case
    config = replace(model.config, **chosen)
    torch.manual_seed(0)
    model = DigitTransformer(config).double()
    with untouched(images):
        logits, weights = model(images, with_weights=True)
    assert_close(logits, model(images), "logits")
    seq_len = model.tokens.seq_len
    assert weights.shape == (len(images), config.n_blocks, config.n_heads, seq_len, seq_len)
    assert (weights >= 0).all()
    assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1], dtype=DOUBLE), "rows")


@given(case=models(types=st.just(DOUBLE)))
@settings(max_examples=20)
def test_the_weights_are_those_of_the_heads_block_by_block(case):
    model, images, _ = case
    _, weights = model(images, with_weights=True)
    x = model.tokens(images)
    for i, block in enumerate(model.blocks):
        _, wanted = MultiHeadAttention.forward(block.attention, block.attention_norm(x))
        assert_close(weights[:, i], wanted, f"weights of block {i}")
        x, _ = block(x)


# The switches of the model


def query_times(model, factor):
    """The model with all queries longer."""
    longer = deepcopy(model)
    with torch.no_grad():
        for block in longer.blocks:
            for parameter in block.attention.projections.query.parameters():
                parameter.mul_(factor)
    return longer


@given(case=models(types=st.just(DOUBLE), scale=False))
@settings(max_examples=25)
def test_unscaled_scores_are_those_of_queries_longer_by_the_root(case):
    model, images, _ = case
    d_k = model.tokens.d_model // model.config.n_heads
    scaled = DigitTransformer(replace(model.config, scale=True)).double()
    scaled.load_state_dict(model.state_dict())
    longer = query_times(scaled, d_k**0.5)
    assert_close(model(images), longer(images), "logits")
    for ours, theirs in zip(model(images, True), longer(images, True), strict=True):
        assert_close(ours, theirs, "logits or weights")
    assert not torch.allclose(model(images, True)[1], scaled(images, True)[1], atol=1e-9)


ROWS = {"types": st.just(DOUBLE), "cuts": CUTS[:2]}


def does_not_know_the_order(case):
    model, images, _ = case
    # Only exchanges that are one: a shuffle may leave all where they are.
    assert_close(model(images.roll(1, dims=1)), model(images), "rolled")
    assert_close(model(images.flip(1)), model(images), "upside down")


def test_without_positions_the_mean_does_not_know_the_order_of_rows():
    drawn = models(positions=False, pool="mean", **ROWS)
    holds_for_all(does_not_know_the_order, 30, case=drawn)


@pytest.mark.parametrize("positions, pool", [(True, "mean"), (False, "flatten"), (True, "flatten")])
def test_positions_know_the_order_and_so_does_the_last_layer(positions, pool):
    rejects(does_not_know_the_order, case=models(positions=positions, pool=pool, **ROWS))


@given(case=models())
@settings(max_examples=30)
def test_positions_are_added_and_can_be_left_out(case):
    model, images, _ = case
    tokens = model.tokens
    plain = DigitTokens(replace(model.config, positions=False)).to(images.dtype)
    plain.load_state_dict({k: v for k, v in tokens.state_dict().items() if k != "positions.table"})
    wanted = plain(images) + (tokens.positions.table if model.config.positions else 0)
    assert_close(tokens(images), wanted, "tokens")
    assert wanted.shape == (len(images), tokens.seq_len, tokens.d_model)


@given(case=models())
@settings(max_examples=30)
def test_the_last_layer_reads_the_mean_or_all_tokens_side_by_side(case):
    model, images, _ = case
    seen = []
    model.norm.register_forward_hook(lambda module, inputs, output: seen.append(output))
    logits, state = model(images), model.output
    if model.config.pool == "mean":
        read = sum(seen[0].unbind(dim=1)) / seen[0].shape[1]
    else:
        read = torch.cat(seen[0].unbind(dim=1), dim=1)
    assert state.in_features == read.shape[1]
    assert_close(logits, read @ state.weight.T + state.bias, "logits")


@given(case=models(d_model=None, n_heads=1))
@settings(max_examples=20)
def test_without_d_model_the_tokens_stay_as_they_are(case):
    model, images, _ = case
    tokens, config = model.tokens, model.config
    table = tokens.positions.table if config.positions else 0
    assert torch.equal(tokens(images), tokens.cut(images) + table)
    assert not list(tokens.embedding.parameters())
    channels = config.image_size if config.patch_size is None else config.patch_size**2
    assert (
        tokens.d_model
        == channels
        == model.output.in_features // (1 if config.pool == "mean" else tokens.seq_len)
    )


# Tokens


@given(case=models(cuts=PATCHES))
@settings(max_examples=30)
def test_patches_equal_pytorchs_unfold(case):
    model, images, _ = case
    config = model.config
    stride = config.stride or config.patch_size
    with untouched(images):
        tokens = model.tokens.cut(images)
    wanted = F.unfold(images[:, None], config.patch_size, 1, config.padding, stride).mT
    assert torch.equal(tokens, wanted) and tokens.shape[1] == model.tokens.seq_len


@given(case=models(cuts=CUTS[:2]))
@settings(max_examples=10)
def test_without_patches_the_rows_are_tokens(case):
    model, images, _ = case
    assert torch.equal(model.tokens.cut(images), images)
    assert model.tokens.seq_len == model.config.image_size


@pytest.mark.parametrize(
    "size, stride, padding, n",
    [(7, None, 0, 16), (4, None, 0, 49), (14, 7, 0, 9), (10, 7, 2, 16)],
)
def test_patches_of_a_real_image(size, stride, padding, n):
    tokens = DigitTokens(DigitConfig(patch_size=size, stride=stride, padding=padding))
    assert (tokens.seq_len, tokens.embedding.in_features) == (n, size**2)
    assert tokens(torch.zeros(2, 28, 28)).shape == (2, n, 64)


# What a model starts as


@pytest.mark.parametrize(
    "config, wanted",
    [
        ({}, 104_842),
        ({"n_blocks": 4, "patch_size": 10, "stride": 7, "padding": 2}, 142_154),
        ({"n_blocks": 1, "pool": "flatten"}, 55_178),
        ({"n_blocks": 1, "pool": "flatten", "residual": False, "norm": False, "d_ff": 0}, 38_218),
    ],
)
def test_a_model_has_so_many_parameters(config, wanted):
    assert count_parameters(DigitTransformer(DigitConfig(**config))) == wanted


def test_the_parameters_keep_their_names():
    """Recorded models are loaded by these names."""
    model = DigitTransformer(DigitConfig(n_blocks=2))
    wanted = {"tokens.embedding.weight", "tokens.embedding.bias", "tokens.positions.table"}
    wanted |= {f"{part}.{kind}" for part in ("norm", "output") for kind in ("weight", "bias")}
    wanted |= {f"blocks.{i}.{name}" for i in range(2) for name in Block(4, 2, 8).state_dict()}
    assert set(model.state_dict()) == wanted


def test_the_default_is_the_default_configuration():
    assert DigitTransformer().config == DigitConfig()


def test_every_parameter_learns():
    torch.manual_seed(0)
    model = DigitTransformer()
    model(torch.randn(3, 28, 28)).square().sum().backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    # A bias of the keys adds the same to all scores of a query, so its gradient is rounding alone.
    assert silent <= {f"blocks.{i}.attention.projections.key.bias" for i in range(3)}


def keeps_samples_apart(function, case):
    model, images, _ = case
    images = images.clone().requires_grad_()
    logits = function(model, images)
    for i, row in enumerate(logits):
        (felt,) = torch.autograd.grad(row.square().sum(), images, retain_graph=True)
        assert felt[i].any() and not felt[:i].any() and not felt[i + 1 :].any()
        assert_close(function(model, images[i : i + 1])[0], row, "alone")


def test_samples_of_a_batch_do_not_influence_each_other():
    holds_for_all(lambda case: keeps_samples_apart(call, case), 30, case=models())


def test_samples_that_influence_each_other_are_found():
    def centred(model, images):
        return model(images - images.mean(dim=0))

    rejects(lambda case: keeps_samples_apart(centred, case), case=models())


# Dropout


def test_dropout_drops_while_training_and_never_afterwards():
    torch.manual_seed(0)
    model = DigitTransformer(DigitConfig(dropout=0.5))
    images = torch.randn(3, 28, 28)
    assert not torch.allclose(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
    plain = DigitTransformer().train()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(images), model(images))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_takes_its_share_of_hidden_channels_and_nothing_else(share):
    torch.manual_seed(0)
    model, hidden = DigitTransformer(DigitConfig(dropout=share, n_blocks=1)), []
    down = model.blocks[0].feed_forward.down
    down.register_forward_hook(lambda module, inputs, output: hidden.append(inputs[0]))
    images = torch.randn(50, 28, 28)
    with torch.no_grad():
        _, weights = model(images, with_weights=True)
        _, again = model.eval()(images, with_weights=True)
    assert torch.equal(weights, again)
    assert abs((hidden[0] == 0).float().mean().item() - share) < 0.01
    kept = hidden[0] != 0
    torch.testing.assert_close(hidden[0][kept], hidden[1][kept] / (1 - share))


# Images moved at random

SIDE = 29
AMOUNTS = {"degrees": 20.0, "pixels": 3.0, "size": 0.2, "shear": 0.3}
NOTHING = dict.fromkeys(AMOUNTS, 0.0)
MANY = 300


def ramps(n, side=SIDE):
    """Images that hold their own x, and others that hold their y, counted from the middle."""
    places = torch.arange(side) - (side - 1) / 2
    x = places.expand(n, side, side)
    return x.contiguous(), x.mT.contiguous()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def measured(function, n=MANY, seed=0, **ranges):
    """Where each image is read: (n, 2, 2) and (n, 2), from what became of two ramps.

    Interpolation keeps a ramp, so the moved ramps say in pixels where each number came from.
    """
    x, y = ramps(n)
    read = [function(image, seeded(seed), **ranges) for image in (x, y)]
    # Only the middle, which reads nothing from outside.
    middle = slice(SIDE // 2 - 4, SIDE // 2 + 5)
    places = torch.stack([r[0, middle, middle].flatten() for r in (x, y)] + [torch.ones(81)], 1)
    wanted = torch.stack([r[:, middle, middle].flatten(1) for r in read], dim=-1).double()
    solved = torch.linalg.pinv(places.double()) @ wanted
    assert torch.allclose(places.double() @ solved, wanted, atol=1e-3), "no affine map"
    return solved[:, :2].mT, solved[:, 2]


def taken_apart(function, **ranges):
    """What each image went through, in the units of the ranges: turn, size, slant, two shifts."""
    matrix, shift = measured(function, **ranges)
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


def stays_within(function, **ranges):
    """Each draw within its range, both ways, up to its end, and evenly spread."""
    for name, values in taken_apart(function, **ranges).items():
        largest = ranges[name.split()[0]]
        slack = 1e-3 * max(1.0, largest)
        assert values.abs().max() <= largest + slack, f"{name} beyond {largest}"
        if largest:
            assert values.max() > 0.95 * largest and values.min() < -0.95 * largest, name
            assert values.mean().abs() < 0.12 * largest, f"{name} leans"
            assert abs(values.std().item() / largest - 3**-0.5) < 0.06, f"{name} is not even"


@pytest.mark.parametrize("name", AMOUNTS)
def test_each_range_alone_is_kept_and_used(name):
    stays_within(random_affine, **(NOTHING | {name: AMOUNTS[name]}))


def test_all_ranges_together_are_kept_and_used():
    stays_within(random_affine, **AMOUNTS)


def test_the_ranges_are_small_unless_told_otherwise():
    usual = {"degrees": 12.0, "pixels": 2.0, "size": 0.12, "shear": 0.15}
    images = torch.rand(3, 28, 28, generator=seeded())
    ours = random_affine(images, seeded(1))
    assert torch.equal(ours, random_affine(images, seeded(1), **usual))


def test_the_five_draws_have_nothing_to_do_with_each_other():
    drawn = torch.stack(list(taken_apart(random_affine, **AMOUNTS).values()))
    assert (torch.corrcoef(drawn) - torch.eye(5)).abs().max() < 0.2


def read_at(images, matrix, shift):
    """Between four pixels, by hand; places outside read the nearest pixel of the edge."""
    n, side, _ = images.shape
    x, y = ramps(1, side)
    places = torch.stack([x[0], y[0]], dim=-1).double()
    at = places @ matrix.mT[:, None] + shift[:, None, None] + (side - 1) / 2
    at = at.clamp(0, side - 1)
    low = at.floor().clamp(max=side - 2).long()
    (u, v), (i, j) = (at - low).unbind(dim=-1), low.unbind(dim=-1)
    which = torch.arange(n)[:, None, None]
    top = (1 - u) * images[which, j, i] + u * images[which, j, i + 1]
    bottom = (1 - u) * images[which, j + 1, i] + u * images[which, j + 1, i + 1]
    return (1 - v) * top + v * bottom


def moves_as_measured(function, ranges, seed):
    """The map found on ramps, applied by hand to noise: edges and all."""
    images = normal(seeded(seed), 6, SIDE, SIDE)
    with untouched(images):
        moved = function(images, seeded(seed), **ranges)
    wanted = read_at(images.double(), *measured(function, n=6, seed=seed, **ranges))
    torch.testing.assert_close(moved.double(), wanted, rtol=0, atol=2e-3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [*AMOUNTS, "all"])
def test_images_are_read_between_pixels_and_their_edges_go_on(name, seed):
    chosen = AMOUNTS if name == "all" else NOTHING | {name: AMOUNTS[name]}
    moves_as_measured(random_affine, chosen, seed)


@given(generator=generators, n=st.integers(1, 4), side=st.integers(1, 9))
@settings(max_examples=30)
def test_ranges_of_zero_give_the_images_back(generator, n, side):
    images = normal(generator, n, side, side)
    moved = random_affine(images, generator, **NOTHING)
    torch.testing.assert_close(moved, images, rtol=0, atol=1e-4)
    assert moved.data_ptr() != images.data_ptr()


@pytest.mark.bad_input
def test_images_that_are_not_square_are_refused():
    """Turned in units of their own sides, they would be slanted as well."""
    for move in (random_affine, random_affine_grid):
        with refused(ValueError, "images", "(2, 5, 7)", "height = width"):
            move(torch.zeros(2, 5, 7), seeded())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_images_of_other_float_types_keep_them(dtype):
    images = torch.rand(3, 8, 8, dtype=dtype)
    assert random_affine(images, seeded()).dtype == dtype


@pytest.mark.parametrize("value", [-0.4, 2.8])
def test_a_plain_image_stays_plain_however_far_it_moves(value):
    images = torch.full((20, 12, 12), value)
    moved = random_affine(images, seeded(), degrees=180.0, pixels=50.0, size=0.5, shear=1.0)
    torch.testing.assert_close(moved, images)


def test_what_comes_in_from_outside_continues_the_edge():
    """Shifted along one side by more than the image is wide: one column is all that is left."""
    x, _ = ramps(200, 9)
    moved = random_affine(x, seeded(), **(NOTHING | {"pixels": 40.0}))
    flat = moved.flatten(1)
    plain = flat.amax(dim=1) == flat.amin(dim=1)
    assert plain.float().mean() > 0.5
    assert set(flat[plain, 0].tolist()) == {-4.0, 4.0}


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_generator_alone_decides(seed):
    images = normal(seeded(seed), 5, 11, 11)
    generator = seeded(seed)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = (random_affine(images, generator) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before), "PyTorch's own generator was used"
    assert torch.equal(first, random_affine(images, seeded(seed)))
    assert not torch.equal(first, second)


def goes_its_own_way(function):
    """Equal images become unequal ones."""
    images = normal(seeded(), 1, 15, 15).expand(8, 15, 15)
    moved = function(images, seeded()).flatten(1)
    distances = torch.cdist(moved, moved) + 1e3 * torch.eye(8)
    assert distances.min() > 0.1


def test_each_image_goes_its_own_way():
    goes_its_own_way(random_affine)


def a_blob():
    """A round spot, as wide in every direction, in the middle of an empty image."""
    x, y = ramps(1, 41)
    return torch.exp(-(x**2 + y**2) / (2 * 3.0**2))


def moments(images):
    """Where the ink is, and how it spreads."""
    x, y = ramps(1, images.shape[-1])
    ink = images.flatten(1) / images.flatten(1).sum(dim=1, keepdim=True)
    places = torch.stack([x.flatten(), y.flatten()], dim=1)
    centre = ink @ places
    away = places - centre[:, None]
    return centre, torch.einsum("np,npi,npj->nij", ink, away, away)


def test_a_blob_moves_grows_and_keeps_its_ink_together():
    blob = a_blob().expand(100, 41, 41)
    centre, spread = moments(random_affine(blob, seeded(), **(NOTHING | {"pixels": 3.0})))
    assert centre.abs().max() <= 3.01 and centre.amax(dim=0).min() > 2.8
    torch.testing.assert_close(spread, 9 * torch.eye(2).expand(100, 2, 2), rtol=0.05, atol=0.1)
    centre, spread = moments(random_affine(blob, seeded(), **(NOTHING | {"size": 0.2})))
    assert centre.abs().max() < 0.01
    widths = spread[:, 0, 0].sqrt() / 3
    assert 0.78 < widths.min() < 0.87 and 1.15 < widths.max() < 1 / 0.78
    torch.testing.assert_close(spread[:, 0, 0], spread[:, 1, 1], rtol=1e-3, atol=0)
    # A turn does nothing to what is round.
    turned = random_affine(blob, seeded(), **(NOTHING | {"degrees": 180.0}))
    torch.testing.assert_close(turned, blob, rtol=0, atol=0.03)


def mistaken(
    images, generator, degrees=12.0, pixels=2.0, size=0.12, shear=0.15, mistake="", mode="bilinear"
):
    """The same by hand, with one thing wrong."""
    n, height, width = images.shape
    drawn = 2 * torch.rand(n, 5, generator=generator) - 1
    if mistake == "one side only":
        drawn = drawn.abs()
    if mistake == "one draw for all images":
        drawn = drawn[:1].expand(n, 5)
    if mistake == "one draw for all amounts":
        drawn = drawn[:, :1].expand(n, 5)
    turn = degrees * drawn[:, 0] * (1 if mistake == "radians" else torch.pi / 180)
    grow, slant = 1 + size * drawn[:, 1], shear * drawn[:, 2]
    shift = (1 if mistake == "half a shift" else 2) * pixels * drawn[:, 3:] / width
    if mistake == "shift in shares":
        shift = pixels * drawn[:, 3:]
    one, zero = torch.ones(n), torch.zeros(n)
    turned = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(n, 2, 2)
    sheared = torch.stack([one, slant, zero, one], 1).view(n, 2, 2)
    if mistake == "slant both ways":
        sheared = torch.stack([one, slant, slant, one], 1).view(n, 2, 2)
    matrix = grow[:, None, None] * turned @ sheared
    if mistake == "grows sideways only":
        matrix = turned @ torch.diag_embed(torch.stack([grow, one], 1)) @ sheared
    grid = F.affine_grid(torch.cat([matrix, shift[..., None]], 2), [n, 1, height, width], False)
    padding = {"zeros outside": "zeros", "mirror outside": "reflection"}.get(mistake, "border")
    mode = "nearest" if mistake == "nearest pixel" else mode
    corners = mistake == "corners"
    moved = F.grid_sample(images[:, None], grid, mode, padding, corners)[:, 0]
    return images.copy_(moved) if mistake == "in place" else moved


def keeps_every_promise(function):
    for name in AMOUNTS:
        stays_within(function, **(NOTHING | {name: AMOUNTS[name]}))
    stays_within(function, **AMOUNTS)
    drawn = torch.stack(list(taken_apart(function, **AMOUNTS).values()))
    assert (torch.corrcoef(drawn) - torch.eye(5)).abs().max() < 0.2
    moves_as_measured(function, AMOUNTS, seed=0)
    goes_its_own_way(function)


@pytest.mark.parametrize(
    "mistake",
    [
        "one side only",
        "one draw for all images",
        "one draw for all amounts",
        "radians",
        "half a shift",
        "shift in shares",
        "slant both ways",
        "grows sideways only",
        "zeros outside",
        "mirror outside",
        "nearest pixel",
        "corners",
        "in place",
    ],
)
def test_mistaken_moves_are_found(mistake):
    def function(images, generator, **ranges):
        return mistaken(images, generator, mistake=mistake, **ranges)

    with pytest.raises(AssertionError):
        keeps_every_promise(function)


def test_the_moves_that_mistakes_are_made_of_keep_every_promise():
    keeps_every_promise(mistaken)


# Where to look, and looking


def plain_grid(n, height, width, dtype=torch.float32):
    """Each pixel's own place, across and down; an image reaches from -1 to 1."""
    x = (2 * torch.arange(width, dtype=dtype) + 1) / width - 1
    y = (2 * torch.arange(height, dtype=dtype) + 1) / height - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).expand(n, height, width, 2)


def shifted_grid(images, right, down):
    """Every pixel looks so many pixels to the right, and down."""
    _, height, width = images.shape
    away = torch.tensor([2 * right / width, 2 * down / height], dtype=images.dtype)
    return plain_grid(*images.shape, images.dtype) + away


shapes = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


@given(generator=generators, shape=shapes, dtype=float_types)
@settings(max_examples=30)
def test_where_each_pixel_looks_at_its_own_place_the_images_come_back(generator, shape, dtype):
    images = normal(generator, *shape, dtype=dtype)
    grid = plain_grid(*shape, dtype).contiguous()
    with untouched(images, grid):
        found = resample(images, grid)
    assert found.dtype == dtype and found.data_ptr() != images.data_ptr()
    torch.testing.assert_close(found, images, rtol=0, atol=1e-4 if dtype != DOUBLE else 1e-12)


def shifts_as_by_hand(function, generator, shape, right, down):
    """Whole pixels, and what lies outside is the edge."""
    images = normal(generator, *shape, dtype=DOUBLE)
    _, height, width = shape
    rows = (torch.arange(height) + down).clamp(0, height - 1)
    columns = (torch.arange(width) + right).clamp(0, width - 1)
    found = function(images, shifted_grid(images, right, down))
    assert found.shape == images.shape
    assert (found - images[:, rows][:, :, columns]).abs().max() < 1e-9


ways = {"right": st.integers(-10, 10), "down": st.integers(-10, 10)}


def test_a_known_shift_moves_rows_and_columns():
    def compare(generator, shape, right, down):
        shifts_as_by_hand(resample, generator, shape, right, down)

    holds_for_all(compare, 40, generator=generators, shape=shapes, **ways)


def down_before_across(images, grid):
    return resample(images, grid.flip(-1))


def the_other_way(images, grid):
    return resample(images, 2 * plain_grid(*images.shape, images.dtype) - grid)


def nothing_outside(images, grid):
    return F.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def mirrored_outside(images, grid):
    mirror = {"padding_mode": "reflection", "align_corners": False}
    return F.grid_sample(images[:, None], grid, **mirror)[:, 0]


def from_corner_to_corner(images, grid):
    edge = {"padding_mode": "border", "align_corners": True}
    return F.grid_sample(images[:, None], grid, **edge)[:, 0]


LOOKS = [
    down_before_across,
    the_other_way,
    nothing_outside,
    mirrored_outside,
    from_corner_to_corner,
]


@pytest.mark.parametrize("mistake", LOOKS, ids=names(LOOKS))
def test_another_look_is_found(mistake):
    def compare(generator, shape, right, down):
        shifts_as_by_hand(mistake, generator, shape, right, down)

    rejects(compare, generator=generators, shape=shapes, **ways)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_between_two_pixels_each_has_its_share(share):
    images = normal(seeded(), 3, 6, 8, dtype=DOUBLE)
    found = resample(images, shifted_grid(images, share, 0))
    wanted = (1 - share) * images[..., :-1] + share * images[..., 1:]
    torch.testing.assert_close(found[..., :-1], wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(found[..., -1], images[..., -1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("ranges", [{}, NOTHING, AMOUNTS], ids=["usual", "nothing", "more"])
def test_random_affine_looks_where_its_grid_says(ranges):
    images = normal(seeded(), 5, 12, 12)
    ours, theirs = seeded(1), seeded(1)
    for _ in range(2):
        with untouched(images):
            grid = random_affine_grid(images, ours, **ranges)
        assert grid.shape == (5, 12, 12, 2) and grid.dtype == images.dtype
        moved = random_affine(images, theirs, **ranges)
        assert torch.equal(resample(images, grid), moved)
    assert torch.equal(ours.get_state(), theirs.get_state())


@pytest.mark.parametrize("name", [*AMOUNTS, "all", "none"])
def test_a_grid_is_the_map_that_ramps_show(name):
    """In pixels from the middle, across and down."""
    chosen = {"all": AMOUNTS, "none": NOTHING}.get(name, NOTHING | {name: AMOUNTS.get(name)})
    matrix, shift = measured(random_affine, n=20, **chosen)
    grid = random_affine_grid(ramps(20)[0], seeded(), **chosen)
    x, y = (places[0] for places in ramps(1))
    wanted = torch.stack([x, y], dim=-1).double() @ matrix.mT[:, None] + shift[:, None, None]
    assert (grid * SIDE / 2 - wanted).abs().max() < 2e-3


@given(seed=st.integers(0, 2**32 - 1), dtype=float_types)
@settings(max_examples=10)
def test_a_grid_depends_on_the_generator_and_not_on_what_is_seen(seed, dtype):
    images = normal(seeded(seed), 4, 7, 7, dtype=dtype)
    generator = seeded(seed)
    first, second = (random_affine_grid(images, generator) for _ in range(2))
    assert torch.equal(first, random_affine_grid(torch.zeros_like(images), seeded(seed)))
    assert first.dtype == dtype and not torch.equal(first, second)
    assert torch.cdist(first.flatten(1), first.flatten(1)).fill_diagonal_(1).min() > 0


# AdamW, and what decays


def small_model(**change):
    torch.manual_seed(0)
    sizes = {"d_model": 8, "n_heads": 2, "n_blocks": 2, "d_ff": 6, "image_size": 4}
    return DigitTransformer(DigitConfig(**(sizes | change)))


def decays_matrices_alone(make, rate, decay):
    """Without gradients, a step leaves nothing but the decay."""
    model = small_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make(model, rate, decay).step()
    for name, parameter in model.named_parameters():
        kept = 1 - rate * decay if parameter.ndim >= 2 else 1
        torch.testing.assert_close(parameter.detach(), kept * before[name], rtol=1e-6, atol=0)


steps = {"rate": st.floats(1e-3, 0.5), "decay": st.floats(0.05, 0.9)}


def test_matrices_decay_and_biases_and_norms_do_not():
    def compare(rate, decay):
        decays_matrices_alone(decaying_adamw, rate, decay)

    holds_for_all(compare, 20, **steps)


def everything_decays(model, rate, decay):
    return torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)


def nothing_decays(model, rate, decay):
    return torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)


def vectors_decay(model, rate, decay):
    optimizer = decaying_adamw(model, rate, decay)
    first, second = optimizer.param_groups
    first["weight_decay"], second["weight_decay"] = 0.0, decay
    return optimizer


def only_layers_called_weight_decay_not(model, rate, decay):
    """Norms have a weight too, and the table of positions is none."""
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    others = [p for name, p in model.named_parameters() if not name.endswith("weight")]
    groups = [{"params": weights}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=decay)


def decay_in_the_gradient(model, rate, decay):
    """Adam with L2, not AdamW."""
    return torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)


DECAYS = [
    everything_decays,
    nothing_decays,
    vectors_decay,
    only_layers_called_weight_decay_not,
    decay_in_the_gradient,
]


@pytest.mark.parametrize("mistake", DECAYS, ids=names(DECAYS))
def test_the_comparison_rejects_another_decay(mistake):
    rejects(lambda rate, decay: decays_matrices_alone(mistake, rate, decay), **steps)


@pytest.mark.parametrize("change", [{}, {"norm": False, "d_ff": 0}, {"positions": False}])
def test_each_parameter_is_in_exactly_one_group(change):
    model = small_model(**change)
    matrices, others = (group["params"] for group in decaying_adamw(model).param_groups)
    members = [id(parameter) for parameter in (*matrices, *others)]
    assert sorted(members) == sorted(id(parameter) for parameter in model.parameters())
    assert all(p.ndim >= 2 for p in matrices) and all(p.ndim < 2 for p in others)


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


def a_schedule(n_steps, warm_up=0.2, rate=3e-3, make=warm_up_and_cosine):
    optimizer = decaying_adamw(small_model(), rate)
    return optimizer, make(optimizer, n_steps, warm_up)


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


def rises_and_falls(make, n_steps, warm_up, rate):
    optimizer, schedule = a_schedule(n_steps, warm_up, rate, make)
    rates = walk(optimizer, schedule, n_steps)
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


walks = {
    "n_steps": st.integers(30, 200),
    "warm_up": st.sampled_from([0.1, 0.2, 0.3, 0.5]),
    "rate": st.floats(1e-4, 1.0),
}


def test_the_rate_rises_to_the_optimizers_own_and_falls_to_nearly_nothing():
    def compare(n_steps, warm_up, rate):
        rises_and_falls(warm_up_and_cosine, n_steps, warm_up, rate)

    holds_for_all(compare, 30, **walks)


def never_falls(optimizer, n_steps, warm_up):
    n = warm_up * n_steps
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / n))


def no_warm_up(optimizer, n_steps, warm_up):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)


def in_straight_lines(optimizer, n_steps, warm_up):
    def height(step):
        at, top = step + 1, warm_up * n_steps
        return min(at / top, max(0.0, (n_steps - at) / (n_steps - top)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, height)


def always_the_usual_share(optimizer, n_steps, warm_up):
    return warm_up_and_cosine(optimizer, n_steps)


def ten_times_as_high(optimizer, n_steps, warm_up):
    highest = [10 * group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, highest, n_steps, pct_start=warm_up, cycle_momentum=False
    )


def twice_as_long(optimizer, n_steps, warm_up):
    return warm_up_and_cosine(optimizer, 2 * n_steps, warm_up / 2)


SCHEDULES = [
    never_falls,
    no_warm_up,
    in_straight_lines,
    always_the_usual_share,
    ten_times_as_high,
    twice_as_long,
]


@pytest.mark.parametrize("mistake", SCHEDULES, ids=names(SCHEDULES))
def test_another_schedule_is_found(mistake):
    def compare(n_steps, warm_up, rate):
        rises_and_falls(mistake, n_steps, warm_up, rate)

    rejects(compare, **walks)


@given(n_steps=st.integers(6, 40))
@settings(max_examples=10)
def test_exactly_so_many_steps_are_possible(n_steps):
    optimizer, schedule = a_schedule(n_steps)
    walk(optimizer, schedule, n_steps)
    with pytest.raises(ValueError, match=f"{n_steps + 1} times"):
        schedule.step()


def test_momentum_is_left_alone():
    optimizer, schedule = a_schedule(20)
    walk(optimizer, schedule, 10)
    assert all(group["betas"] == (0.9, 0.98) for group in optimizer.param_groups)


@pytest.mark.parametrize("done", [0, 1, 4, 11, 19])
def test_a_schedule_goes_on_where_it_stopped(done):
    wanted = walk(*a_schedule(20), 20)
    optimizer, schedule = a_schedule(20)
    assert walk(optimizer, schedule, done) == wanted[:done]
    kept = deepcopy((optimizer.state_dict(), schedule.state_dict()))
    resumed = a_schedule(20)
    for part, state in zip(resumed, kept, strict=True):
        part.load_state_dict(state)
    assert walk(*resumed, 20 - done) == wanted[done:]


# The configuration


def test_a_configuration_stays_as_it_is():
    config = DigitConfig()
    for field in fields(config):
        with pytest.raises(FrozenInstanceError):
            setattr(config, field.name, 1)
    assert config == DigitConfig() and hash(config) == hash(DigitConfig())
    assert replace(config, n_blocks=2) != config


def test_the_default_configuration():
    wanted = {
        "patch_size": None,
        "stride": None,
        "padding": 0,
        "d_model": 64,
        "n_heads": 4,
        "n_blocks": 3,
        "d_ff": 128,
        "positions": True,
        "residual": True,
        "norm": True,
        "scale": True,
        "pool": "mean",
        "dropout": 0.0,
        "image_size": 28,
        "n_classes": 10,
    }
    assert {field.name: field.default for field in fields(DigitConfig)} == wanted


# Bad input

Z = torch.zeros
SIZES = ("n_heads", "n_blocks", "image_size", "n_classes", "patch_size", "d_model")


@pytest.mark.bad_input
@pytest.mark.parametrize("name", [*SIZES, "d_ff"])
@pytest.mark.parametrize(
    "value, error",
    [(0, ValueError), (-1, ValueError), (True, TypeError), (4.0, TypeError), ("4", TypeError)],
)
def test_sizes_that_are_no_whole_numbers_from_1_are_refused(name, value, error):
    if name == "d_ff" and value == 0:
        assert DigitConfig(d_ff=0).d_ff == 0
        return
    with refused(error, name, str(value), "a whole number"):
        DigitConfig(**{name: value})


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["n_heads", "n_blocks", "image_size", "n_classes", "d_ff"])
def test_only_patches_and_d_model_may_be_none(name):
    with refused(TypeError, name, "None", "a whole number"):
        DigitConfig(**{name: None})
    assert DigitConfig(patch_size=None, d_model=None).d_model is None


@pytest.mark.bad_input
@pytest.mark.parametrize("pool", ["max", "Mean", "", None, 1])
def test_an_unknown_pool_is_refused(pool):
    with refused(ValueError, "pool", repr(pool), "one of 'mean', 'flatten'"):
        DigitConfig(pool=pool)


@pytest.mark.bad_input
@pytest.mark.parametrize("change", [{"stride": 2}, {"padding": 1}, {"stride": 2, "padding": 1}])
def test_a_stride_or_padding_without_patches_is_refused(change):
    with refused(ValueError, "patch_size", "None", "a size"):
        DigitConfig(**change)
    assert DigitConfig(patch_size=4, **change)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"patch_size": 5}, ValueError, "size", "5 at stride 5"),
        ({"patch_size": 29}, ValueError, "size", "29 at stride 29"),
        ({"patch_size": 7, "stride": 8}, ValueError, "stride", "8"),
        ({"patch_size": 7, "stride": 0}, ValueError, "stride", "0"),
        ({"patch_size": 7, "stride": 7.0}, TypeError, "stride", "7.0"),
        ({"patch_size": 7, "padding": -1}, ValueError, "padding", "-1"),
        ({"patch_size": 7, "padding": True}, TypeError, "padding", "True"),
    ],
)
def test_patches_that_do_not_fit_are_refused(change, error, name, came):
    for build in (DigitTokens, DigitTransformer):
        with refused(error, name, came):
            build(DigitConfig(**change))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, of",
    [({"n_heads": 3}, 64), ({"n_heads": 128}, 64), ({"n_heads": 5, "d_model": None}, 28)],
)
def test_heads_that_do_not_divide_the_channels_are_refused(change, of):
    config = DigitConfig(**change)
    with refused(ValueError, "n_heads", str(config.n_heads), f"a divisor of d_model = {of}"):
        DigitTransformer(config)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "dropout, error", [(-0.1, ValueError), (1.0, ValueError), ("0.1", TypeError)]
)
def test_a_dropout_that_is_no_share_is_refused(dropout, error):
    with refused(error, "dropout", str(dropout)):
        DigitTransformer(DigitConfig(dropout=dropout))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "images, error, came",
    [
        (Z(28, 28), ValueError, "(28, 28)"),
        (Z(2, 1, 28, 28), ValueError, "(2, 1, 28, 28)"),
        (Z(0, 28, 28), ValueError, "(0, 28, 28)"),
        (Z(2, 28, 28).long(), TypeError, "torch.int64"),
        (Z(2, 28, 28, dtype=torch.uint8), TypeError, "torch.uint8"),
        ([[[0.0]]], TypeError, "list"),
        (None, TypeError, "NoneType"),
        (Z(2, 27, 28), ValueError, "(2, 27, 28)"),
        (Z(2, 28, 32), ValueError, "(2, 28, 32)"),
        (Z(2, 784, 1), ValueError, "(2, 784, 1)"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, error, came):
    for config in (DigitConfig(n_blocks=1), DigitConfig(n_blocks=1, patch_size=7)):
        model = DigitTransformer(config)
        for with_weights in (False, True):
            with refused(error, "images", came):
                model(images, with_weights)
    if came not in ("(2, 27, 28)", "(2, 28, 32)", "(2, 784, 1)"):
        for move in (random_affine, random_affine_grid):
            with refused(error, "images", came):
                move(images, seeded())


@pytest.mark.bad_input
@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize(
    "value, error",
    [
        (-0.1, ValueError),
        (181, ValueError),
        (torch.nan, ValueError),
        (torch.inf, ValueError),
        ("1", TypeError),
        (None, TypeError),
        (True, TypeError),
    ],
)
def test_a_range_that_is_none_is_refused(name, value, error):
    for move in (random_affine, random_affine_grid):
        with refused(error, name, str(value), "a number"):
            move(Z(2, 5, 5), seeded(), **{name: value})


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"n_steps": 0}, ValueError, "n_steps", "0"),
        ({"n_steps": -3}, ValueError, "n_steps", "-3"),
        ({"n_steps": 10.0}, TypeError, "n_steps", "10.0"),
        ({"n_steps": True}, TypeError, "n_steps", "True"),
        ({"warm_up": -0.1}, ValueError, "warm_up", "-0.1"),
        ({"warm_up": 1.1}, ValueError, "warm_up", "1.1"),
        ({"warm_up": torch.nan}, ValueError, "warm_up", "nan"),
        ({"warm_up": "0.2"}, TypeError, "warm_up", "'0.2'"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(change, error, name, came):
    optimizer = decaying_adamw(nn.Linear(2, 2))
    with refused(error, name, came, "a "):
        warm_up_and_cosine(optimizer, **{"n_steps": 10, **change})
