"""Chapter 10: the feed-forward network, and the block around attention."""

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    assert_heads_learn_alike,
    copy_heads,
    gradients,
    holds_for_all,
    names,
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
    causal_mask,
    count_parameters,
    leakage,
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


@given(generator=generators, seq_len=st.integers(1, 6), activation=activations)
@settings(max_examples=30)
def test_each_token_is_on_its_own(generator, seq_len, activation):
    """The leak meter shows the diagonal and nothing else; neighbours may go or change places."""
    x = normal(generator, seq_len, 4, dtype=DOUBLE)
    ffn = with_random_parameters(FeedForward(4, 32, 0.0, activation), generator, x)
    assert torch.equal(leakage(ffn, x) > 0, torch.eye(seq_len, dtype=torch.bool))
    order = torch.randperm(seq_len, generator=generator)
    with torch.no_grad():
        assert_equal_numbers(ffn(x[order]), ffn(x)[order], "shuffled")
        for token in range(seq_len):
            assert_equal_numbers(ffn(x[token]), ffn(x)[token], "alone")


def test_the_network_leaves_the_hull():
    torch.manual_seed(2)
    x, ffn = random_embeddings(10, 16, seed=3), FeedForward(16, 64)
    with torch.no_grad():
        output = 20 * ffn(x)
    assert ((output < x.amin(dim=0)) | (output > x.amax(dim=0))).any()


@given(generator=generators, d_ff=sizes)
def test_hidden_channels_have_no_order(generator, d_ff):
    x = normal(generator, 5, 4, dtype=DOUBLE)
    ffn = with_random_parameters(FeedForward(4, d_ff), generator, x)
    before, order = ffn(x).detach(), torch.randperm(d_ff, generator=generator)
    state = ffn.state_dict()
    state |= {name: state[name][order] for name in ("up.weight", "up.bias")}
    state["down.weight"] = state["down.weight"][:, order]
    ffn.load_state_dict(state)
    assert_equal_numbers(ffn(x).detach(), before, "output")


def test_seed_as_network_has_its_size():
    """d_model 512, d_ff 2048, dropout 0.1."""
    ffn = FeedForward(512, 2048, dropout=0.1)
    assert count_parameters(ffn) == 2_099_712
    assert ffn.dropout.p == 0.1 and ffn(torch.zeros(128, 512)).shape == (128, 512)


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
    holds_for_all(compare, 20, **drawn)


@given(case=several(), activation=activations, norm_first=st.booleans())
@settings(max_examples=60)
def test_with_dropout_switched_off_by_eval_the_block_equals_pytorchs(case, activation, norm_first):
    equals_pytorch(call, case, activation, norm_first, dropout=0.3)


@given(case=several(kinds=["none", "causal", "padding"]), norm_first=st.booleans())
@settings(max_examples=40)
def test_without_gradients_the_block_equals_pytorchs_fast_path(case, norm_first):
    ours = ours_for(case, dropout=0.3, norm_first=norm_first).eval()
    rows, keys = case.pytorchs_masks
    with torch.no_grad():
        wanted = pytorchs(ours)(case.flat(case.x), src_mask=rows, src_key_padding_mask=keys)
        output, _ = ours(case.x, case.mask)
    output = case.flat(output)
    if keys is not None:
        # The fast path leaves zeros in the rows of padding.
        output, wanted = output[~keys], wanted[~keys]
    assert_equal_numbers(output, wanted, "output", STEPS)


def test_the_real_sized_block_equals_pytorchs():
    torch.manual_seed(1)
    x, mask = random_embeddings(128, 512, seed=0), causal_mask(128)
    for norm_first in (True, False):
        ours = Block(512, 8, 2048, norm_first=norm_first)
        with torch.no_grad():
            output, _ = ours(x, mask)
            assert_equal_numbers(output, pytorchs(ours)(x, src_mask=~mask), "output")


@given(case=several(), norm_first=st.booleans())
@settings(max_examples=40)
def test_the_weights_are_those_of_the_heads(case, norm_first):
    block = ours_for(case, norm_first=norm_first)
    seen = block.attention_norm(case.x) if norm_first else case.x
    assert torch.equal(block(case.x, case.mask)[1], block.attention(seen, case.mask)[1])


@given(case=several(kinds=["other"], nobody=True), norm_first=st.booleans())
@settings(max_examples=40)
def test_rows_of_nobody_do_not_spoil_the_block(case, norm_first):
    block = ours_for(case, norm_first=norm_first)
    output, weights = block(case.x, case.mask)
    assert output.isfinite().all()
    assert not weights[~case.mask.expand_as(weights)].any()
    output.backward(case.nudge)
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())


# Known mistakes


def steps_of(block):
    return block.attention, block.feed_forward, block.attention_norm, block.feed_forward_norm


def right_before(block, x, mask):
    look, think, norm_look, norm_think = steps_of(block)
    looked, weights = look(norm_look(x), mask)
    return x + looked + think(norm_think(x + looked)), weights


def no_residual_around_attention(block, x, mask):
    look, think, norm_look, norm_think = steps_of(block)
    looked, weights = look(norm_look(x), mask)
    return looked + think(norm_think(looked)), weights


def no_residual_around_the_network(block, x, mask):
    look, think, norm_look, norm_think = steps_of(block)
    looked, weights = look(norm_look(x), mask)
    return think(norm_think(x + looked)), weights


def norm_on_the_stream(block, x, mask):
    """The residual takes the normed tokens along, so that the stream is squeezed after all."""
    look, think, norm_look, norm_think = steps_of(block)
    normed = norm_look(x)
    looked, weights = look(normed, mask)
    x = normed + looked
    return x + think(norm_think(x)), weights


def norms_exchanged(block, x, mask):
    look, think, norm_look, norm_think = steps_of(block)
    looked, weights = look(norm_think(x), mask)
    return x + looked + think(norm_look(x + looked)), weights


def no_norms(block, x, mask):
    look, think, norm_look, norm_think = steps_of(block)
    looked, weights = look(x, mask)
    rest = 0 * norm_look(x) + 0 * norm_think(x)
    return x + looked + think(x + looked) + rest, weights


def side_by_side(block, x, mask):
    """Both steps read the same input; some large models do, and it is another block."""
    look, think, norm_look, norm_think = steps_of(block)
    looked, weights = look(norm_look(x), mask)
    return x + looked + think(norm_think(x)), weights


def think_first(block, x, mask):
    look, think, norm_look, norm_think = steps_of(block)
    x = x + think(norm_think(x))
    looked, weights = look(norm_look(x), mask)
    return x + looked, weights


def mask_left_out(block, x, mask):
    return right_before(block, x, None)


def norm_over_tokens(block, x, mask):
    """Layer norm along the wrong axis mixes tokens."""
    look, think, norm_look, norm_think = steps_of(block)

    def along_tokens(x, norm):
        centred = x - x.mean(dim=-2, keepdim=True)
        spread = (x.var(dim=-2, correction=0, keepdim=True) + norm.eps).sqrt()
        return centred / spread * norm.weight + norm.bias

    looked, weights = look(along_tokens(x, norm_look), mask)
    return x + looked + think(along_tokens(x + looked, norm_think)), weights


def the_other_order(block, x, mask):
    block.norm_first = not block.norm_first
    return block(x, mask)


MISTAKES = [
    no_residual_around_attention,
    no_residual_around_the_network,
    norm_on_the_stream,
    norms_exchanged,
    no_norms,
    side_by_side,
    think_first,
    mask_left_out,
    norm_over_tokens,
]


def large_enough(**kinds):
    return several(heads=st.integers(1, 3), tokens=st.integers(2, 5), **kinds)


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(case):
        equals_pytorch(mistake, case, "relu", True)

    rejects(compare, case=large_enough(kinds=["causal"]))


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_comparison_rejects_the_other_order_of_the_norms(norm_first):
    def compare(case):
        ours = ours_for(case, norm_first=norm_first)
        wanted = pytorchs(ours)(case.flat(case.x)).detach()
        output, _ = the_other_order(ours, case.x, None)
        assert_equal_numbers(case.flat(output).detach(), wanted, "output", STEPS)

    rejects(compare, case=large_enough(kinds=["none"]))


def test_the_comparison_rejects_the_other_bend():
    def compare(case):
        ours = ours_for(case, activation="relu")
        wanted = pytorchs(ours, "gelu")(case.flat(case.x)).detach()
        assert_equal_numbers(case.flat(ours(case.x)[0]).detach(), wanted, "output", STEPS)

    rejects(compare, case=large_enough(kinds=["none"]))


def test_the_comparison_accepts_the_steps_that_mistakes_are_made_of():
    def compare(case):
        equals_pytorch(right_before, case, "relu", True)

    holds_for_all(compare, 20, case=large_enough())


# What a block starts as


def test_the_parameters_keep_their_names():
    """Recorded models are loaded by these names."""
    state = {k: tuple(v.shape) for k, v in Block(4, 2, 8).state_dict().items()}
    wanted = {
        f"attention.{k}": tuple(v.shape) for k, v in MultiHeadAttention(4, 2).state_dict().items()
    }
    wanted |= {
        f"feed_forward.{k}": tuple(v.shape) for k, v in FeedForward(4, 8).state_dict().items()
    }
    for name in ("attention_norm", "feed_forward_norm"):
        wanted |= {f"{name}.weight": (4,), f"{name}.bias": (4,)}
    assert state == wanted


def test_the_norm_stands_before_and_dropout_is_off_unless_told_otherwise():
    block = Block(4, 2, 8)
    assert block.norm_first and isinstance(block.feed_forward.activation, nn.ReLU)
    assert block.dropout.p == block.feed_forward.dropout.p == 0


def test_the_base_models_block_has_as_many_parameters_as_pytorchs():
    block = Block(512, 8, 2048, dropout=0.1)
    parts = ("attention", "feed_forward", "attention_norm", "feed_forward_norm")
    counts = [count_parameters(getattr(block, name)) for name in parts]
    assert counts == [1_050_624, 2_099_712, 1024, 1024]
    assert sum(counts) == count_parameters(block)
    assert sum(counts) == count_parameters(nn.TransformerEncoderLayer(512, 8, 2048))


def test_every_parameter_learns():
    torch.manual_seed(0)
    block = Block(6, 2, 12)
    block(random_embeddings(5, 6, seed=0))[0].square().sum().backward()
    silent = [name for name, p in block.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias of the keys adds the same to all scores of a query, so its gradient is rounding alone.
    assert set(silent) <= {"attention.projections.key.bias"}


@given(generator=generators, batch=leading_shapes, seq_len=st.integers(2, 6), first=st.booleans())
@settings(max_examples=25)
def test_equal_tokens_stay_equal(generator, batch, seq_len, first):
    """Without positions nothing can tell them apart."""
    x = normal(generator, *batch, 1, 4, dtype=DOUBLE).expand(*batch, seq_len, 4)
    block = with_random_parameters(Block(4, 2, 8, norm_first=first), generator, x)
    output = block(x)[0].detach()
    assert_equal_numbers(output, output[..., :1, :].expand_as(output), "tokens", 10)


# Dropout


@pytest.mark.parametrize("norm_first", [True, False])
def test_dropout_drops_while_training_and_never_afterwards(norm_first):
    torch.manual_seed(0)
    block, x = Block(8, 2, 16, dropout=0.5, norm_first=norm_first), random_embeddings(6, 8, seed=0)
    assert not torch.allclose(block(x)[0], block(x)[0])
    block.eval()
    assert torch.equal(block(x)[0], block(x)[0])
    plain = Block(8, 2, 16, norm_first=norm_first)
    plain.load_state_dict(block.state_dict())
    assert torch.equal(plain.train()(x)[0], block(x)[0])


@given(case=several(), norm_first=st.booleans())
@settings(max_examples=40)
def test_our_rows_of_weights_sum_to_1_while_training_too(case, norm_first):
    torch.manual_seed(0)
    _, weights = ours_for(case, dropout=0.5, norm_first=norm_first).train()(case.x, case.mask)
    sums = weights.sum(dim=-1).detach()
    assert_equal_numbers(sums, torch.ones_like(sums), "rows")


def test_pytorchs_rows_do_not_sum_to_1_while_training():
    """It drops weights, so each is 0 or enlarged; `eval` brings the sums back."""
    torch.manual_seed(3)
    theirs = nn.MultiheadAttention(16, 2, dropout=0.1, batch_first=True)
    x = random_embeddings(10, 16, seed=4)[None]
    training, afterwards = (
        theirs.train(mode)(x, x, x)[1].sum(dim=-1).detach() for mode in (True, False)
    )
    assert training.min() < 0.95 and training.max() > 1.02
    assert_equal_numbers(afterwards, torch.ones_like(afterwards), "rows")


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("step", ["attention", "feed_forward"])
def test_dropout_stands_before_both_sums(step, share):
    """With the other step silenced, what was dropped is where the input came through unchanged."""
    torch.manual_seed(0)
    block, x = Block(32, 4, 64, dropout=share), random_embeddings(400, 32, seed=0)
    silent = block.feed_forward.down if step == "attention" else block.attention.output
    for parameter in silent.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        moved, whole = block.train()(x)[0] - x, block.eval()(x)[0] - x
    dropped = moved == 0
    assert abs(dropped.float().mean().item() - share) < 0.02
    if step == "attention":
        # What stays is enlarged, so that the mean stays.
        kept, wanted = moved[~dropped], whole[~dropped] / (1 - share)
        torch.testing.assert_close(kept, wanted, rtol=1e-3, atol=1e-5)


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


# Depth: what keeps tokens apart


def diversity(x):
    """The share of the tokens' length that is left without their mean."""
    return ((x - x.mean(dim=-2, keepdim=True)).norm() / x.norm()).item()


@pytest.mark.parametrize("seed", range(3))
def test_tokens_become_alike_without_residuals_and_stay_apart_with_them(seed):
    torch.manual_seed(seed)
    x = random_embeddings(32, 64, seed=seed)
    replaced = added = whole = x
    with torch.no_grad():
        for layer in range(12):
            attend = MultiHeadAttention(64, 4, bias=False)
            replaced, added = attend(replaced)[0], added + attend(added)[0]
            whole = Block(64, 4, 256)(whole)[0]
            if layer == 3:
                assert diversity(replaced) < 1e-3
    assert diversity(x) > 0.9
    assert diversity(replaced) < 1e-5
    assert diversity(added) > 0.5 and diversity(whole) > 0.5


def test_the_stream_grows_with_the_norm_before_and_not_with_the_norm_after():
    torch.manual_seed(0)
    before = after = random_embeddings(32, 64, seed=0)
    with torch.no_grad():
        for _ in range(12):
            before = Block(64, 4, 256)(before)[0]
            after = Block(64, 4, 256, norm_first=False)(after)[0]
    assert before.norm(dim=1).mean() > 1.2 * 64**0.5
    torch.testing.assert_close(after.norm(dim=1), torch.full((32,), 8.0), rtol=1e-3, atol=0)


@given(generator=generators, n=sizes, d=st.integers(2, 6))
def test_a_norm_before_and_a_plus_send_the_gradient_straight_back(generator, n, d):
    """With both steps silenced the block hands on what it got, and so do its gradients."""
    x, nudge = normal(generator, n, d), normal(generator, n, d)
    block = Block(d, 1, 4)
    for linear in (block.attention.output, block.feed_forward.down):
        for parameter in linear.parameters():
            nn.init.zeros_(parameter)
    assert torch.equal(block(x)[0].detach(), x)
    assert torch.equal(gradients(lambda x: block(x)[0], [x], nudge)[0], nudge)


@given(generator=generators, batch=leading_shapes)
def test_layer_norm_treats_each_token_alone(generator, batch):
    """The norm of the block: by hand, from each token's own mean and variance."""
    x = 3 * normal(generator, *batch, 5, dtype=DOUBLE) + 1
    norm = with_random_parameters(Block(5, 1, 4).attention_norm, generator, x)
    centred = x - x.mean(dim=-1, keepdim=True)
    by_hand = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    wanted = (by_hand * norm.weight + norm.bias).detach()
    assert_equal_numbers(norm(x).detach(), wanted, "by hand")
    assert_equal_numbers(norm(x), F.layer_norm(x, (5,), norm.weight, norm.bias), "PyTorch's")


# Bad input

Z = torch.zeros


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"d_model": 0}, ValueError, "d_model", "0"),
        ({"d_model": 4.0}, TypeError, "d_model", "4.0"),
        ({"d_ff": 0}, ValueError, "d_ff", "0"),
        ({"d_ff": None}, TypeError, "d_ff", "None"),
        ({"dropout": -0.1}, ValueError, "dropout", "-0.1"),
        ({"dropout": 1.0}, ValueError, "dropout", "1.0"),
        ({"dropout": 10}, ValueError, "dropout", "10"),
        ({"dropout": float("nan")}, ValueError, "dropout", "nan"),
        ({"dropout": "0.1"}, TypeError, "dropout", "'0.1'"),
        ({"activation": "tanh"}, ValueError, "activation", "'tanh'"),
        ({"activation": None}, ValueError, "activation", "None"),
    ],
)
def test_a_network_or_block_that_cannot_be_is_refused(change, error, name, came):
    with refused(error, name, came):
        FeedForward(**{"d_model": 4, "d_ff": 8, **change})
    with refused(error, name, came):
        Block(**{"d_model": 4, "n_heads": 2, "d_ff": 8, **change})


@pytest.mark.bad_input
@pytest.mark.parametrize("n_heads, error", [(3, ValueError), (0, ValueError), (2.0, TypeError)])
def test_heads_that_do_not_divide_the_channels_are_refused(n_heads, error):
    with refused(error, "n_heads", str(n_heads)):
        Block(4, n_heads, 8)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "x, error, came",
    [
        (Z(3, 5), ValueError, "(3, 5)"),
        (Z(3, 1), ValueError, "(3, 1)"),
        (Z(3, 4).long(), TypeError, "torch.int64"),
        ([[0.0] * 4], TypeError, "list"),
        (None, TypeError, "NoneType"),
    ],
)
def test_tokens_that_do_not_fit_are_refused(x, error, came):
    with refused(error, "x", came):
        FeedForward(4, 8)(x)
    for norm_first in (True, False):
        with refused(error, "x", came):
            Block(4, 2, 8, norm_first=norm_first)(x)


@pytest.mark.bad_input
def test_a_single_token_without_an_axis_for_the_sequence_is_refused_by_the_block():
    assert FeedForward(4, 8)(Z(4)).shape == (4,)
    for norm_first in (True, False):
        with refused(ValueError, "x", "(4,)"):
            Block(4, 2, 8, norm_first=norm_first)(Z(4))
    with refused(ValueError, "x", "()"):
        FeedForward(4, 8)(torch.tensor(1.0))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "mask, error, came",
    [
        (Z(3, 3), TypeError, "torch.float32"),
        (Z(5, 5).bool(), ValueError, "(5, 5)"),
        (Z(2, 1, 3).bool(), ValueError, "(2, 1, 3)"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, error, came):
    for norm_first in (True, False):
        with refused(error, "mask", came):
            Block(4, 2, 8, norm_first=norm_first)(Z(2, 3, 4), mask)
