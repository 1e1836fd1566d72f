"""Chapter 7: masks, and the meter that shows what they let through."""

import math

import pytest
import torch
from expectations import (
    assert_equal_numbers,
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
    HALVES,
    booleans,
    float_types,
    generators,
    leading_shapes,
    masks,
    normal,
    sizes,
    with_random_parameters,
)
from torch import nn
from torch.nn import functional as F

from bareattention import (
    Block,
    FeedForward,
    MultiHeadAttention,
    SelfAttention,
    additive,
    attention,
    attention_scores,
    causal_mask,
    leakage,
    padding_mask,
    random_embeddings,
    softmax,
)

INF = math.inf
DOUBLE = torch.float64
few_tokens = st.integers(2, 6)

# With dropout, to see that `eval` is enough; of norms only those of several channels have slopes.
MODULES = {
    "SelfAttention": lambda: SelfAttention(4, 3, 2, bias=True),
    "MultiHeadAttention": lambda: MultiHeadAttention(4, 2),
    "Block, norm first": lambda: Block(4, 2, 8, dropout=0.3),
    "Block, norm after": lambda: Block(4, 2, 8, dropout=0.3, activation="gelu", norm_first=False),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


def module_and_tokens(make, generator, *shape, dtype=DOUBLE):
    """A module with random parameters, dropout off, and tokens for it."""
    x = normal(generator, *shape, 4, dtype=dtype)
    return with_random_parameters(make(), generator, x).eval(), x


# The masks are what they are defined to be


@given(seq_len=sizes)
def test_a_causal_mask_lets_look_back_and_at_oneself(seq_len):
    mask = causal_mask(seq_len)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[key <= query for key in range(seq_len)] for query in range(seq_len)]


@given(lengths=st.lists(st.integers(0, 6), max_size=4), more=st.integers(0, 3))
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_a_padding_mask_hides_what_stands_behind_the_end(dtype, lengths, more):
    seq_len = max([1, *lengths]) + more
    given_lengths = torch.tensor(lengths, dtype=dtype)
    with untouched(given_lengths):
        mask = padding_mask(given_lengths, seq_len)
    assert mask.dtype == torch.bool and mask.shape == (len(lengths), 1, seq_len)
    assert mask.tolist() == [[[key < length for key in range(seq_len)]] for length in lengths]


@given(generator=generators, shape=leading_shapes)
@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_an_additive_mask_is_0_or_minus_infinity(dtype, generator, shape):
    mask = booleans(generator, *shape)
    with untouched(mask):
        plus = additive(mask, dtype)
    assert plus.dtype == dtype and plus.shape == mask.shape
    assert torch.equal(plus == 0, mask) and torch.equal(plus == -INF, ~mask)
    assert additive(mask).dtype == torch.float32


@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_joined_masks_let_look_where_both_do(lengths):
    joined = causal_mask(5) & padding_mask(torch.tensor(lengths), 5)
    assert joined.shape == (len(lengths), 5, 5)
    for text, length in enumerate(lengths):
        for query in range(5):
            for key in range(5):
                assert joined[text, query, key] == (key <= query and key < length)


# Boolean and additive say the same


@given(generator=generators, batch=leading_shapes, dtype=float_types, data=st.data())
def test_boolean_and_additive_masks_give_the_same(generator, batch, dtype, data):
    """Through softmax and through PyTorch's fused attention, rows of nobody included."""
    queries, keys, values = (normal(generator, *batch, 5, 3, dtype=dtype) for _ in range(3))
    mask = data.draw(masks((*batch, 5, 5)))
    scores = attention_scores(queries, keys)
    output, weights = attention(queries, keys, values, mask)
    assert torch.equal(softmax(scores + additive(mask, dtype)), weights)
    assert torch.equal(softmax(scores, mask=mask), weights)
    fused = F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=additive(mask.expand(scores.shape), dtype)
    )
    assert_equal_numbers(output, fused, "fused attention with the additive mask")
    somebody = mask.expand(scores.shape).any(dim=-1)
    torchs = torch.softmax(scores + additive(mask, dtype), dim=-1)
    assert_equal_numbers(weights[somebody], torchs[somebody], "torch.softmax")
    assert torchs[~somebody].isnan().all()


def test_a_large_number_in_place_of_infinity_looks_at_what_is_forbidden():
    scores, nobody = torch.tensor([3.0, -2.0, 1.0, 0.5]), torch.zeros(4, dtype=torch.bool)
    drowned = torch.where(nobody, 0.0, -1e9)
    assert_equal_numbers(torch.softmax(scores + drowned, -1), torch.full((4,), 0.25), "−1e9")
    assert not softmax(scores + additive(nobody)).any()
    assert drowned.half().tolist() == [-INF] * 4


# Rows that may look at nobody


@given(
    generator=generators,
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    dtype=float_types,
)
def test_who_may_look_at_nobody_gets_zeros_and_no_nan(generator, lengths, dtype):
    """Causal and padded on the left: the first rows are empty; a text of length 0 is all empty."""
    n = len(lengths)
    left = padding_mask(torch.tensor(lengths), 4).flip(-1)
    mask = causal_mask(4) & left
    parts = [normal(generator, n, 4, d, dtype=dtype) for d in (3, 3, 2)]
    output, weights = attention(*parts, mask)
    empty = torch.tensor([[query < 4 - length for query in range(4)] for length in lengths])
    assert torch.equal((weights == 0).all(dim=-1), empty)
    assert not output[empty].any()
    assert_equal_numbers(weights[~empty].sum(-1), torch.ones_like(weights[~empty][..., 0]), "sums")
    slopes = gradients(lambda *x: attention(*x, mask)[0], parts, torch.ones_like(output))
    for slope in slopes:
        assert slope.isfinite().all()
    assert not slopes[0][empty].any()
    # Nobody looks at padding, so padding feels nothing as a key and as a value.
    assert not slopes[1][~left[:, 0]].any() and not slopes[2][~left[:, 0]].any()


def test_hiding_the_diagonal_too_is_nan_in_pytorchs_softmax_and_zeros_here():
    strict = torch.ones(4, 4).tril(diagonal=-1).bool()
    x = random_embeddings(4, 3, seed=0).requires_grad_()
    scores = attention_scores(x, x)
    assert torch.softmax(scores + additive(strict), dim=-1)[0].isnan().all()
    output, weights = attention(x, x, x, strict)
    assert weights[0].tolist() == [0] * 4 and output[0].tolist() == [0] * 3
    (output.sum() + weights.square().sum()).backward()
    assert x.grad.isfinite().all() and x.grad.any()


@given(generator=generators, n_heads=st.integers(1, 3))
def test_with_heads_who_may_look_at_nobody_gets_the_bias_of_the_output_alone(generator, n_heads):
    x = normal(generator, 3, 3 * n_heads, dtype=DOUBLE)
    module = with_random_parameters(MultiHeadAttention(3 * n_heads, n_heads), generator, x)
    mask = torch.tensor([[True, False, False], [False] * 3, [True, False, True]])
    output, weights = module(x, mask)
    assert not weights[:, 1].any() and torch.equal(output[1], module.output.bias)
    output.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


# What padding does and does not do


@every_module
@given(
    generator=generators,
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    loud=st.sampled_from([0.0, 1.0, 1000.0]),
)
@settings(max_examples=25)
def test_padding_cannot_be_felt(make, generator, lengths, loud):
    module, x = module_and_tokens(make, generator, len(lengths), 5)
    mask = padding_mask(torch.tensor(lengths), 5)
    real = mask[:, 0]
    if not isinstance(module, SelfAttention):
        mask = mask.unsqueeze(1)
    rubbish = torch.where(real[..., None], x, loud * normal(generator, *x.shape, dtype=DOUBLE))
    before, after = module(x, mask)[0], module(rubbish, mask)[0]
    assert torch.equal(before[real], after[real])
    # And it equals the text without any padding.
    for text, length in enumerate(lengths):
        alone, _ = module(x[text, :length])
        assert_equal_numbers(before[text, :length].detach(), alone.detach(), "without padding", 10)


@given(generator=generators, lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_a_padding_mask_hides_keys_and_leaves_queries_alone(generator, lengths):
    x = normal(generator, len(lengths), 5, 3, dtype=DOUBLE)
    mask = padding_mask(torch.tensor(lengths), 5)
    _, weights = attention(x, x, x, mask)
    assert torch.equal(weights > 0, mask.expand_as(weights))
    assert_equal_numbers(weights.sum(dim=-1), torch.ones_like(weights[..., 0]), "all rows")


# The leak meter


@every_module
@given(generator=generators, seq_len=few_tokens)
@settings(max_examples=15)
def test_nothing_leaks_through_a_causal_mask(make, generator, seq_len):
    """Exactly 0 above the diagonal, and on it and below it is something."""
    module, x = module_and_tokens(make, generator, seq_len)
    leak = leakage(lambda x: module(x, causal_mask(seq_len)), x)
    assert leak.dtype == x.dtype and torch.equal(leak > 0, causal_mask(seq_len))
    assert (leakage(module, x) > 0).all()


@given(generator=generators, seq_len=sizes, data=st.data())
@settings(max_examples=30)
def test_influence_stands_where_any_mask_lets_look(generator, seq_len, data):
    """Beside the keys, an output feels its own query, if that has anybody to choose from."""
    module, x = module_and_tokens(MODULES["SelfAttention"], generator, seq_len)
    mask = data.draw(masks((seq_len, seq_len))).expand(seq_len, seq_len)
    chooses = (mask.sum(dim=-1) > 1).diag()
    assert torch.equal(leakage(lambda x: module(x, mask), x) > 0, mask | chooses)


@every_module
@given(generator=generators, seq_len=few_tokens, masked=st.booleans())
@settings(max_examples=10)
def test_the_meter_shows_what_small_nudges_do(make, generator, seq_len, masked):
    module, x = module_and_tokens(make, generator, seq_len)
    mask = causal_mask(seq_len) if masked else None
    step, wanted = 1e-5, torch.zeros(seq_len, seq_len, dtype=DOUBLE)
    with torch.no_grad():
        for token in range(seq_len):
            for channel in range(4):
                nudge = torch.zeros_like(x)
                nudge[token, channel] = step
                slope = (module(x + nudge, mask)[0] - module(x - nudge, mask)[0]) / (2 * step)
                wanted[:, token] += slope.square().sum(dim=-1)
    found = leakage(lambda x: module(x, mask), x)
    largest = max(1.0, wanted.max().sqrt().item())
    torch.testing.assert_close(found, wanted.sqrt(), rtol=1e-5, atol=1e-6 * largest)


@given(generator=generators, n_outputs=sizes, seq_len=sizes, dtype=float_types)
def test_the_meter_reads_a_linear_map_off(generator, n_outputs, seq_len, dtype):
    """Tokens mixed by a matrix: its numbers, times the norm of the identity; n_outputs is free."""
    mixing = normal(generator, n_outputs, seq_len, dtype=dtype)
    x = normal(generator, seq_len, 4, dtype=dtype)
    found = leakage(lambda x: mixing @ x, x)
    assert_equal_numbers(found, 2 * mixing.abs(), "the matrix")


@given(generator=generators, seq_len=few_tokens)
@settings(max_examples=10)
def test_the_meter_takes_outputs_alone_or_at_the_head_of_a_tuple(generator, seq_len):
    module, x = module_and_tokens(MODULES["MultiHeadAttention"], generator, seq_len)
    as_tuple = leakage(module, x)
    assert torch.equal(leakage(lambda x: module(x)[0], x), as_tuple)
    assert torch.equal(leakage(lambda x: (*module(x), "more"), x), as_tuple)


def test_the_meter_leaves_everything_as_it_was():
    module, x = module_and_tokens(MODULES["Block, norm first"], torch.Generator(), 3)
    with untouched(x, *module.parameters()):
        loud = leakage(module, x)
    assert not loud.requires_grad and not x.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())
    with torch.no_grad():
        assert torch.equal(leakage(module, x), loud)
    assert torch.equal(leakage(module, x.clone().requires_grad_()), loud)


def test_a_module_that_ignores_its_tokens_leaks_nothing():
    x = random_embeddings(3, 2, seed=0)
    assert leakage(lambda x: torch.ones(4, 2), x).tolist() == [[0] * 3] * 4


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_faint_leak_is_not_taken_for_none(dtype):
    """Added −60 in place of −∞: e^−60 is nearly nothing, and its square is no float32 any more."""
    x = random_embeddings(4, 3, seed=0).to(dtype)

    def nearly_masked(x):
        return torch.softmax(x @ x.T - 60.0 * ~causal_mask(4), dim=-1) @ x

    assert (leakage(nearly_masked, x) > 0).all()


def test_the_feed_forward_network_is_not_where_tokens_meet():
    x = random_embeddings(4, 3, seed=0)
    assert torch.equal(leakage(FeedForward(3, 64), x) > 0, torch.eye(4).bool())


# One pass with a causal mask equals all beginnings, one after the other


@every_module
@given(generator=generators, batch=leading_shapes, seq_len=sizes)
@settings(max_examples=25)
def test_one_causal_pass_gives_what_all_beginnings_give(make, generator, batch, seq_len):
    module, x = module_and_tokens(make, generator, *batch, seq_len)
    at_once, weights = module(x, causal_mask(seq_len))
    for n in range(1, seq_len + 1):
        alone, own = module(x[..., :n, :])
        last = at_once[..., n - 1, :].detach()
        assert_equal_numbers(last, alone[..., -1, :].detach(), "last output", 10)
        assert_equal_numbers(weights[..., n - 1, :n].detach(), own[..., -1, :].detach(), "weights")


# Wrong masks: each gives the right shape, and each is caught by the meter


def scores_set_to_0(scores, mask):
    return (scores * mask).softmax(-1)


def weights_set_to_0(scores, mask):
    return scores.softmax(-1) * mask


def weights_set_to_0_and_renormalised(scores, mask):
    kept = scores.softmax(-1) * mask
    return kept / kept.sum(-1, keepdim=True)


def softmax_down_the_columns(scores, mask):
    return scores.masked_fill(~mask, -INF).softmax(-2)


def mask_transposed(scores, mask):
    return scores.masked_fill(~mask.T, -INF).softmax(-1)


def mask_inverted(scores, mask):
    return softmax(scores, mask=~mask)


def mask_left_out(scores, mask):
    return scores.softmax(-1)


def one_ahead(scores, mask):
    return scores.masked_fill(~mask.roll(1, dims=-1).tril(1) & ~mask, -INF).softmax(-1)


def not_quite_infinite(scores, mask):
    return (scores - 20.0 * ~mask).softmax(-1)


def hidden_as_ours(scores, mask):
    return softmax(scores, mask=mask)


def hidden_as_pytorchs(scores, mask):
    return (scores + additive(mask, scores.dtype)).softmax(-1)


LEAKING = [
    scores_set_to_0,
    weights_set_to_0,
    softmax_down_the_columns,
    mask_transposed,
    mask_inverted,
    mask_left_out,
    one_ahead,
    not_quite_infinite,
]


def head_with(make_weights):
    """A head whose weights are made of scores and mask as the function says."""
    head = SelfAttention(4, 3, 3)

    def run(x, mask):
        queries, keys, values = head.projections(x)
        return make_weights(attention_scores(queries, keys), mask) @ values

    return head, run


def future_of(make_weights, generator, seq_len, dtype=DOUBLE):
    """The influence of the future: what the meter shows above the diagonal."""
    head, run = head_with(make_weights)
    x = normal(generator, seq_len, 4, dtype=dtype)
    with_random_parameters(head, generator, x)
    mask = causal_mask(seq_len)
    return leakage(lambda x: run(x, mask), x)[~mask]


@pytest.mark.parametrize("make_weights", LEAKING, ids=names(LEAKING))
def test_the_meter_rejects(make_weights):
    def compare(generator, seq_len):
        assert future_of(make_weights, generator, seq_len).max() == 0

    rejects(compare, generator=generators, seq_len=few_tokens)
    # Not by rounding: in the chapter's own case, too, the leak is there to see.
    assert future_of(make_weights, torch.Generator().manual_seed(1), 12).max() > 1e-12


@pytest.mark.parametrize("make_weights", [hidden_as_ours, hidden_as_pytorchs])
def test_the_meter_accepts(make_weights):
    def compare(generator, seq_len, dtype):
        assert future_of(make_weights, generator, seq_len, dtype).max() == 0

    holds_for_all(compare, generator=generators, seq_len=few_tokens, dtype=float_types)


@given(generator=generators, seq_len=few_tokens)
def test_renormalised_weights_are_harmless(generator, seq_len):
    """What is left of the future is rounding, and the output is that of a right mask."""
    leak = future_of(weights_set_to_0_and_renormalised, generator, seq_len)
    assert leak.max() < 1e-12
    scores = normal(generator, seq_len, seq_len, dtype=DOUBLE)
    mask = causal_mask(seq_len)
    right = softmax(scores, mask=mask)
    assert_equal_numbers(weights_set_to_0_and_renormalised(scores, mask), right, "weights")


def test_looking_at_the_weights_alone_would_miss_a_leak():
    """All forbidden weights are 0, and the rows that are left still tell of the future."""
    generator = torch.Generator().manual_seed(2)
    scores, mask = normal(generator, 6, 6), causal_mask(6)
    assert not weights_set_to_0(scores, mask)[~mask].any()
    assert future_of(weights_set_to_0, generator, 6).max() > 1e-2


# PyTorch's two conventions


def one_head(d):
    """PyTorch's module with one head and without projections, to be compared with the function."""
    module = nn.MultiheadAttention(d, 1, bias=False, batch_first=True).double()
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.eye(d).repeat(3, 1))
        module.out_proj.weight.copy_(torch.eye(d))
    return module


@given(generator=generators, n=st.integers(1, 3), seq_len=few_tokens, d=sizes, data=st.data())
def test_pytorchs_function_reads_true_as_we_do_and_its_module_the_other_way(
    generator, n, seq_len, d, data
):
    parts = [normal(generator, n, seq_len, d, dtype=DOUBLE) for _ in range(3)]
    mask = data.draw(masks((seq_len, seq_len), rows_of_nobody=False)).expand(seq_len, seq_len)
    ours, weights = attention(*parts, mask)
    fused = F.scaled_dot_product_attention(*parts, attn_mask=mask)
    assert_equal_numbers(ours, fused, "fused attention, our mask")
    theirs, their_weights = one_head(d)(*parts, attn_mask=~mask)
    assert_equal_numbers(ours, theirs.detach(), "the module, the mask turned round")
    assert_equal_numbers(weights, their_weights.detach(), "its weights")
    if not mask.all():
        _, unturned = one_head(d)(*parts, attn_mask=mask)
        assert not torch.equal(unturned > 0, mask.expand_as(unturned))


@given(
    generator=generators,
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    causal=st.booleans(),
)
def test_pytorchs_module_takes_true_as_padding(generator, lengths, causal):
    parts = [normal(generator, len(lengths), 5, 3, dtype=DOUBLE) for _ in range(3)]
    real = padding_mask(torch.tensor(lengths), 5)
    mask = causal_mask(5) if causal else None
    theirs, weights = one_head(3)(
        *parts, attn_mask=None if mask is None else ~mask, key_padding_mask=~real[:, 0]
    )
    ours, own = attention(*parts, real if mask is None else real & mask)
    assert_equal_numbers(ours, theirs.detach(), "output")
    assert_equal_numbers(own, weights.detach(), "weights")


def test_nobody_is_zeros_in_pytorchs_function_and_nan_in_its_module():
    strict = causal_mask(4).roll(1, dims=0) & causal_mask(4)
    strict[0] = False
    parts = [random_embeddings(4, 3, seed=seed)[None].double() for seed in range(3)]
    ours, _ = attention(*parts, strict)
    fused = F.scaled_dot_product_attention(*parts, attn_mask=strict)
    assert not ours[0, 0].any() and not fused[0, 0].any()
    assert_equal_numbers(ours, fused, "fused attention")
    assert one_head(3)(*parts, attn_mask=~strict)[0][0, 0].isnan().all()
    nobody = torch.ones(1, 4, dtype=torch.bool)
    assert one_head(3)(*parts, key_padding_mask=nobody)[0].isnan().all()


# An axis too many, and one too few


@given(generator=generators, seq_len=sizes)
def test_an_extra_axis_in_front_works_by_stretching_and_stays(generator, seq_len):
    """The ancestor's mask, (1, seq_len, seq_len), on scores without a batch."""
    scores = normal(generator, seq_len, seq_len)
    extra = additive(causal_mask(seq_len))[None]
    assert (scores + extra).shape == (1, seq_len, seq_len)
    right = softmax(scores, mask=causal_mask(seq_len))
    assert torch.equal(softmax(scores + extra)[0], right)


@pytest.mark.bad_input
def test_an_extra_axis_in_front_is_refused_where_it_would_stay():
    x = random_embeddings(4, 3, seed=0)
    with refused(ValueError, "mask", "(1, 4, 4)", "a shape that can be stretched to (4, 4)"):
        attention(x, x, x, causal_mask(4)[None])
    # With a batch it is one axis among others, and serves all.
    assert torch.equal(
        attention(x[None], x[None], x[None], causal_mask(4)[None])[0],
        attention(x[None], x[None], x[None], causal_mask(4))[0],
    )


def test_an_axis_too_few_takes_texts_for_heads():
    """Eight texts and eight heads: nobody complains, and every head sees another text's padding."""
    lengths = torch.arange(1, 9)
    mask, x = padding_mask(lengths, 10), torch.zeros(8, 8, 10, 2)
    _, wrong = attention(x, x, x, mask)
    assert (wrong[0, :, 0] > 0).sum(-1).tolist() == lengths.tolist()
    _, right = attention(x, x, x, mask.unsqueeze(1))
    for text, length in enumerate(lengths.tolist()):
        assert (right[text] > 0).sum(-1).unique().tolist() == [length]


# Bad input

Z = torch.zeros


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "seq_len, error", [(0, ValueError), (-3, ValueError), (2.0, TypeError), (True, TypeError)]
)
def test_what_counts_no_tokens_is_refused(seq_len, error):
    with refused(error, "seq_len", str(seq_len)):
        causal_mask(seq_len)
    with refused(error, "seq_len", str(seq_len)):
        padding_mask(torch.tensor([0]), seq_len)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "lengths, error, came",
    [
        (torch.tensor([1, 5]), ValueError, "from 1 to 5"),
        (torch.tensor([-1, 2]), ValueError, "from -1 to 2"),
        (torch.tensor([1.0, 2.0]), TypeError, "torch.float32"),
        (torch.tensor([True, False]), TypeError, "torch.bool"),
        (torch.tensor(3), ValueError, "()"),
        (torch.tensor([[1, 2]]), ValueError, "(1, 2)"),
        ([1, 2], TypeError, "list"),
        (3, TypeError, "int"),
    ],
)
def test_what_is_no_length_is_refused(lengths, error, came):
    with refused(error, "lengths", came):
        padding_mask(lengths, 4)


@pytest.mark.bad_input
@pytest.mark.parametrize("mask", [Z(2, 2), Z(2, 2).long(), [[True]], None])
def test_what_is_no_mask_is_refused(mask):
    came = str(mask.dtype) if isinstance(mask, torch.Tensor) else type(mask).__name__
    with refused(TypeError, "mask", came):
        additive(mask)


@pytest.mark.bad_input
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, "float32", None])
def test_what_is_no_float_type_is_refused(dtype):
    with refused(TypeError, "dtype", str(dtype), "a float type"):
        additive(torch.ones(2, 2, dtype=torch.bool), dtype)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "embeddings, error, came",
    [
        (Z(3), ValueError, "(3,)"),
        (Z(2, 4, 3), ValueError, "(2, 4, 3)"),
        (Z(4, 3).long(), TypeError, "torch.int64"),
        ([[0.0]], TypeError, "list"),
        (None, TypeError, "NoneType"),
    ],
)
def test_the_meter_refuses_what_is_no_sequence(embeddings, error, came):
    with refused(error, "embeddings", came):
        leakage(lambda x: x, embeddings)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "module, error, came",
    [
        (lambda x: x[None], ValueError, "(1, 4, 3)"),
        (lambda x: x[0], ValueError, "(3,)"),
        (lambda x: (x.sum(), x), ValueError, "()"),
        (lambda x: [x, x], TypeError, "list"),
        (lambda x: None, TypeError, "NoneType"),
    ],
)
def test_the_meter_refuses_a_module_that_gives_no_outputs(module, error, came):
    with refused(error, "module", came):
        leakage(module, Z(4, 3))
