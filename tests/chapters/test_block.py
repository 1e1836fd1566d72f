"""Chapter 10: the feed-forward network, and the block around attention."""

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    assert_heads_learn_alike,
    copy_heads,
    holds_for_all,
    refused,
    rejects,
    untouched,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    FLOATS,
    MASK_KINDS,
    float_types,
    generators,
    leading_shapes,
    normal,
    sequences,
    sizes,
    with_random_parameters,
)
from torch import nn
from torch.nn import functional as F

from bareattention import (
    Block,
    FeedForward,
    MultiHeadAttention,
    attention,
    random_embeddings,
)

DOUBLE = torch.float64
# Norms and depth make rounding grow.
STEPS = 50
activations = st.sampled_from(["relu", "gelu"])
PARTS = {
    "self_attn.out_proj": "attention.output",
    "linear1": "feed_forward.up",
    "linear2": "feed_forward.down",
    "norm1": "attention_norm",
    "norm2": "feed_forward_norm",
}


def ours_for(case, d_ff=6, dropout=0.0, activation="relu", norm_first=True):
    d_model = case.x.shape[-1]
    block = Block(d_model, case.n_heads, d_ff, dropout, activation, norm_first)
    return with_random_parameters(block, case.generator, case.x)


def pytorchs(ours, activation="relu"):
    """PyTorch's layer with copied parameters."""
    theirs = nn.TransformerEncoderLayer(
        ours.attention.output.in_features,
        ours.attention.n_heads,
        ours.feed_forward.up.out_features,
        ours.dropout.p,
        activation,
        batch_first=True,
        norm_first=ours.norm_first,
        dtype=ours.attention.output.weight.dtype,
    )
    copy_heads(ours.attention, theirs.self_attn)
    for name, part in PARTS.items():
        theirs.get_submodule(name).load_state_dict(ours.get_submodule(part).state_dict())
    return theirs.train(ours.training)


# The feed-forward network


@given(
    generator=generators,
    batch=leading_shapes,
    d_model=sizes,
    d_ff=sizes,
    activation=activations,
    dtype=float_types,
)
def test_the_network_is_two_linear_layers_with_a_bend(
    generator, batch, d_model, d_ff, activation, dtype
):
    x = normal(generator, *batch, d_model, dtype=dtype)
    ffn = with_random_parameters(FeedForward(d_model, d_ff, 0.0, activation), generator, x)
    state = ffn.state_dict()
    hidden = x @ state["up.weight"].T + state["up.bias"]
    # gelu: the number times the share of a normal distribution below it.
    bent = hidden.clamp(min=0)
    if activation == "gelu":
        bent = hidden * torch.distributions.Normal(0, 1).cdf(hidden.double()).to(dtype)
    with untouched(x):
        output = ffn(x).detach()
    assert_equal_numbers(output, bent @ state["down.weight"].T + state["down.bias"], "output")


# Equal to PyTorch's layer: outputs and gradients


def equals_pytorch(function, case, activation, norm_first, dropout=0.0):
    """The core comparison: which functions may call themselves a block."""
    ours = ours_for(case, 6, dropout, activation, norm_first).train(not dropout)
    theirs, mask = pytorchs(ours, activation), case.mask
    x, flat = case.x.clone().requires_grad_(), case.flat(case.x).clone().requires_grad_()
    with untouched(x, *ours.parameters(), *([] if mask is None else [mask])):
        output, weights = function(ours, x, mask)
    rows, keys = case.pytorchs_masks
    wanted = theirs(flat, src_mask=rows, src_key_padding_mask=keys)
    assert output.shape == x.shape
    assert weights.shape == (*x.shape[:-2], case.n_heads, x.shape[-2], x.shape[-2])
    assert_equal_numbers(case.flat(output).detach(), wanted.detach(), "output", STEPS)
    output.backward(case.nudge)
    wanted.backward(case.flat(case.nudge))
    assert_equal_numbers(case.flat(x.grad), flat.grad, "gradient of x", STEPS)
    assert_heads_learn_alike(ours.attention, theirs.self_attn, STEPS)
    for name, part in PARTS.items():
        for a, b in zip(
            ours.get_submodule(part).parameters(),
            theirs.get_submodule(name).parameters(),
            strict=True,
        ):
            assert_equal_numbers(a.grad, b.grad, f"gradient of {part}", STEPS)


def call(block, x, mask):
    return block(x, mask)


def several(**kinds):
    """At least three channels: of fewer, a norm leaves little but rounding."""
    return sequences(channels=st.integers(3, 5), **kinds)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("kind", MASK_KINDS)
def test_the_block_equals_pytorchs(kind, norm_first, dtype):
    def compare(case, activation):
        equals_pytorch(call, case, activation, norm_first)

    drawn = {"case": several(types=st.just(dtype), kinds=[kind]), "activation": activations}
    holds_for_all(compare, 10, **drawn)


@given(case=several(), activation=activations, norm_first=st.booleans())
@settings(max_examples=20)
def test_with_dropout_switched_off_by_eval_the_block_equals_pytorchs(case, activation, norm_first):
    equals_pytorch(call, case, activation, norm_first, dropout=0.3)


# Parts that can be left out, and one door


def by_hand(block, x, mask, attend, d_ff, norm_first, norm, residual):
    """The formula, with the parts that are there, and the weights of the heads."""
    found = []

    def normed(x, name):
        if norm is nn.Identity:
            return x
        part = block.get_submodule(f"{name}_norm")
        return F.layer_norm(x, x.shape[-1:], part.weight, part.bias)

    def look(x):
        output, weights = block.attention(x, mask, attend=attend)
        found.append(weights)
        return output

    steps = {"attention": look, "feed_forward": block.feed_forward}
    for name, step in steps.items() if d_ff else [("attention", look)]:
        if norm_first:
            x = step(normed(x, name)) + (x if residual else 0)
        else:
            x = normed(step(x) + (x if residual else 0), name)
    return x, *found


def looking_back_to_front(queries, keys, values, mask):
    return values.flip(-2), None


parts = st.fixed_dictionaries(
    {
        "d_ff": st.sampled_from([0, 5]),
        "norm_first": st.booleans(),
        "norm": st.sampled_from([nn.LayerNorm, nn.Identity]),
        "residual": st.booleans(),
    }
)


@given(case=several(), chosen=parts, attend=st.sampled_from([attention, looking_back_to_front]))
def test_a_block_is_its_formula_with_the_parts_that_are_there(case, chosen, attend):
    block = Block(case.x.shape[-1], case.n_heads, **chosen)
    with_random_parameters(block, case.generator, case.x)
    output, weights = block(case.x, case.mask, attend)
    wanted, wanted_weights = by_hand(block, case.x, case.mask, attend, **chosen)
    assert_equal_numbers(output.detach(), wanted.detach(), "output", STEPS)
    if attend is attention:
        assert torch.equal(weights, wanted_weights)
    else:
        assert weights is None


@pytest.mark.parametrize(
    "change, left_out",
    [
        ({}, ()),
        ({"norm": nn.Identity}, ("attention_norm", "feed_forward_norm")),
        ({"d_ff": 0}, ("feed_forward", "feed_forward_norm")),
    ],
)
def test_the_parameters_keep_their_names_and_parts_left_out_have_none(change, left_out):
    """Recorded models are loaded by these names."""
    whole = {
        "attention": MultiHeadAttention(4, 2),
        "attention_norm": nn.LayerNorm(4),
        "feed_forward": FeedForward(4, 8),
        "feed_forward_norm": nn.LayerNorm(4),
    }
    wanted = {
        f"{part}.{name}": value.shape
        for part, module in whole.items()
        if part not in left_out
        for name, value in module.state_dict().items()
    }
    block = Block(**{"d_model": 4, "n_heads": 2, "d_ff": 8} | change)
    assert {name: value.shape for name, value in block.state_dict().items()} == wanted
    if "d_ff" in change:
        assert not hasattr(block, "feed_forward_norm")


# Known mistakes


def in_steps(formula):
    """The block by a formula of its two steps and their norms."""

    def run(block, x, mask):
        found = []

        def look(x):
            output, weights = block.attention(x, mask)
            found.append(weights)
            return output

        norms = block.attention_norm, block.feed_forward_norm
        return formula(x, look, block.feed_forward, *norms), *found

    return run


def along_tokens(x, norm):
    """Layer norm along the wrong axis mixes tokens."""
    centred = x - x.mean(dim=-2, keepdim=True)
    spread = (x.var(dim=-2, correction=0, keepdim=True) + norm.eps).sqrt()
    return centred / spread * norm.weight + norm.bias


# x: tokens; f: attention, under the norm n; g: the network, under the norm m; y, z: on the way.
right = in_steps(lambda x, f, g, n, m: (y := x + f(n(x))) + g(m(y)))
MISTAKES = {
    "no residual around attention": in_steps(lambda x, f, g, n, m: (y := f(n(x))) + g(m(y))),
    "no residual around the network": in_steps(lambda x, f, g, n, m: g(m(x + f(n(x))))),
    # The residual takes the normed tokens along, so that the stream is squeezed after all.
    "norm on the stream": in_steps(lambda x, f, g, n, m: (y := (z := n(x)) + f(z)) + g(m(y))),
    "norms exchanged": in_steps(lambda x, f, g, n, m: (y := x + f(m(x))) + g(n(y))),
    "no norms": in_steps(lambda x, f, g, n, m: (y := x + f(x)) + g(y) + 0 * (n(x) + m(x))),
    # Some large models do this, and it is another block.
    "side by side": in_steps(lambda x, f, g, n, m: x + f(n(x)) + g(m(x))),
    "network first": in_steps(lambda x, f, g, n, m: (y := x + g(m(x))) + f(n(y))),
    "norm over tokens": in_steps(
        lambda x, f, g, n, m: (y := x + f(along_tokens(x, n))) + g(along_tokens(y, m))
    ),
    "mask left out": lambda block, x, mask: block(x),
}


def large_enough(**kinds):
    return several(heads=st.integers(1, 3), tokens=st.integers(2, 5), **kinds)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_comparison_rejects(mistake):
    def compare(case):
        equals_pytorch(mistake, case, "relu", True)

    rejects(compare, case=large_enough(kinds=["causal"]))


@pytest.mark.parametrize(
    "change", [{"norm_first": True}, {"norm_first": False}, {"activation": "gelu"}]
)
def test_the_comparison_rejects_the_other_order_of_the_norms_and_the_other_bend(change):
    def compare(case):
        ours = ours_for(case, norm_first=not change.get("norm_first"))
        wanted = pytorchs(ours, change.get("activation", "relu"))(case.flat(case.x)).detach()
        ours.norm_first = change.get("norm_first", ours.norm_first)
        assert_equal_numbers(case.flat(ours(case.x)[0]).detach(), wanted, "output", STEPS)

    rejects(compare, case=large_enough(kinds=["none"]))


def test_the_comparison_accepts_the_steps_that_mistakes_are_made_of():
    holds_for_all(lambda case: equals_pytorch(right, case, "relu", True), 10, case=large_enough())


# What a block starts as


def test_the_norm_stands_before_the_bend_is_relu_and_dropout_is_off_unless_told_otherwise():
    block = Block(4, 2, 8)
    assert block.norm_first and isinstance(block.feed_forward.activation, nn.ReLU)
    assert isinstance(FeedForward(4, 8).activation, nn.ReLU)
    assert block.dropout.p == block.feed_forward.dropout.p == FeedForward(4, 8).dropout.p == 0
    assert FeedForward(4, 8, 0.999).dropout.p == 0.999
    assert Block(4, 2, 8, 0.3).feed_forward.dropout.p == 0.3


# Dropout


@given(case=several(), norm_first=st.booleans())
@settings(max_examples=25)
def test_rows_of_weights_sum_to_1_while_training_too(case, norm_first):
    """PyTorch drops weights as well."""
    _, weights = ours_for(case, dropout=0.5, norm_first=norm_first).train()(case.x, case.mask)
    sums = weights.sum(dim=-1).detach()
    assert_equal_numbers(sums, torch.ones_like(sums), "rows")


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("step", ["attention", "feed_forward"])
def test_dropout_stands_before_both_sums_and_stays_without_them(step, residual, share):
    """Only one step speaks, and what was dropped of it is 0; what stays is enlarged."""
    torch.manual_seed(0)
    d_ff = 0 if step == "attention" else 64
    block, x = Block(32, 4, d_ff, share, residual=residual), random_embeddings(400, 32, seed=0)
    if step == "feed_forward":
        block.feed_forward.dropout.p = 0.0
        for parameter in block.attention.output.parameters():
            nn.init.zeros_(parameter)
    with torch.no_grad():
        stayed = x if residual else 0
        moved, whole = block.train()(x)[0] - stayed, block.eval()(x)[0] - stayed
    dropped = moved == 0
    assert abs(dropped.float().mean().item() - share) < 0.02
    kept = whole[~dropped] / (1 - share)
    torch.testing.assert_close(moved[~dropped], kept, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_network_drops_hidden_channels_and_keeps_the_mean(share):
    torch.manual_seed(0)
    ffn = FeedForward(4, 32, dropout=share)
    hidden = []
    ffn.down.register_forward_hook(lambda module, inputs, output: hidden.append(inputs[0]))
    x = random_embeddings(1, 4, seed=0).expand(20_000, 4)
    with torch.no_grad():
        mean, wanted = ffn.train()(x).mean(dim=0), ffn.eval()(x)[0]
    busy = hidden[1] > 0
    assert abs((hidden[0][busy] == 0).float().mean().item() - share) < 0.01
    torch.testing.assert_close(mean, wanted, rtol=0, atol=0.02)


# What does not fit

Z = torch.zeros


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: FeedForward(4, 0), ValueError, "d_ff", "0"),
        (lambda: FeedForward(4.0, 8), TypeError, "d_model", "4.0"),
        (lambda: FeedForward(4, 8, 1.0), ValueError, "dropout", "1.0"),
        (lambda: FeedForward(4, 8, "0.1"), TypeError, "dropout", "'0.1'"),
        (lambda: FeedForward(4, 8, activation="tanh"), ValueError, "activation", "'tanh'"),
        # One channel could be stretched to four, silently.
        (lambda: FeedForward(4, 8)(Z(3, 1)), ValueError, "x", "(3, 1)"),
        (lambda: FeedForward(4, 8)(Z(3, 4).long()), TypeError, "x", "torch.int64"),
        (lambda: Block(4, 3, 8), ValueError, "n_heads", "3"),
        (lambda: Block(4, 2, -1), ValueError, "d_ff", "-1"),
        (lambda: Block(4, 2, 8, norm=3), TypeError, "norm", "3"),
        (lambda: Block(4, 2, 8, residual=1), TypeError, "residual", "1"),
        (lambda: Block(4, 2, 8)(Z(3, 1)), ValueError, "x", "(3, 1)"),
        (lambda: Block(4, 2, 8)(Z(4)), ValueError, "x", "(4,)"),
        (lambda: Block(4, 2, 8)([[0.0] * 4]), TypeError, "x", "list"),
        (lambda: Block(4, 2, 8)(Z(3, 4), Z(3, 3)), TypeError, "mask", "torch.float32"),
        (lambda: Block(4, 2, 8)(Z(3, 4), Z(3, 5).bool()), ValueError, "mask", "(3, 5)"),
        (lambda: Block(4, 2, 8)(Z(3, 4), attend="mean"), TypeError, "attend", "'mean'"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, name, came):
    with refused(error, name, came):
        call()
