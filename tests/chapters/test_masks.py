"""Chapter 7: masks, and the meter that shows what they let through."""

import math

import pytest
import torch
from expectations import assert_equal_numbers, holds_for_all, refused, rejects, untouched
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
    MultiHeadAttention,
    SelfAttention,
    additive,
    attention,
    attention_scores,
    causal_mask,
    leakage,
    padding_mask,
    project,
    random_embeddings,
    small_example,
    softmax,
)

INF = math.inf
DOUBLE = torch.float64
few_tokens = st.integers(2, 6)
some_lengths = st.lists(st.integers(1, 5), min_size=1, max_size=3)

# With dropout, to see that `eval` is enough; of norms only those of several channels have slopes.
MODULES = {
    "SelfAttention": lambda: SelfAttention(4, 3, 2, bias=True),
    "MultiHeadAttention": lambda: MultiHeadAttention(4, 2),
    "Block, norm first": lambda: Block(4, 2, 8, dropout=0.3),
    "Block, norm after": lambda: Block(4, 2, 8, dropout=0.3, activation="gelu", norm_first=False),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


def module_and_tokens(make, generator, *shape):
    """A module with random parameters, dropout off, and tokens for it."""
    x = normal(generator, *shape, 4, dtype=DOUBLE)
    return with_random_parameters(make(), generator, x).eval(), x


# The masks are what they are defined to be


@given(seq_len=sizes)
def test_a_causal_mask_lets_look_back_and_at_oneself(seq_len):
    mask = causal_mask(seq_len)
    assert mask.tolist() == [[key <= query for key in range(seq_len)] for query in range(seq_len)]


@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), more=st.sampled_from([0, 1, 252])
)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8])
def test_a_padding_mask_hides_what_stands_behind_the_end(dtype, lengths, more):
    """With 252 more there are more tokens than a byte can count."""
    seq_len = max([1, *lengths]) + more
    given_lengths = torch.tensor(lengths, dtype=dtype)
    with untouched(given_lengths):
        mask = padding_mask(given_lengths, seq_len)
    assert mask.tolist() == [[[key < length for key in range(seq_len)]] for length in lengths]


@given(generator=generators, shape=leading_shapes)
@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_an_additive_mask_is_0_or_minus_infinity(dtype, generator, shape):
    mask = booleans(generator, *shape)
    with untouched(mask):
        plus = additive(mask, dtype)
    assert plus.dtype == dtype
    assert torch.equal(plus == 0, mask) and torch.equal(plus == -INF, ~mask)


def test_an_additive_mask_is_float32_and_stays_on_its_device():
    plus = additive(causal_mask(3).to("meta"))
    assert plus.dtype == torch.float32 and plus.is_meta


@given(generator=generators, batch=leading_shapes, dtype=float_types, data=st.data())
def test_boolean_and_additive_masks_give_the_same(generator, batch, dtype, data):
    """Through softmax and through PyTorch's fused attention, rows of nobody included."""
    queries, keys, values = (normal(generator, *batch, 5, 3, dtype=dtype) for _ in range(3))
    mask = data.draw(masks((*batch, 5, 5)))
    scores, plus = attention_scores(queries, keys), additive(mask, dtype)
    output, weights = attention(queries, keys, values, mask)
    assert torch.equal(softmax(scores + plus), weights)
    fused = F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=plus.expand(scores.shape)
    )
    assert_equal_numbers(output, fused, "fused attention with the additive mask")


@given(generator=generators, n_keys=sizes, data=st.data())
def test_new_queries_on_old_keys_need_the_last_rows_of_the_causal_mask(generator, n_keys, data):
    """PyTorch's `is_causal` cuts the first rows instead, so one query sees the first key alone."""
    n_new = data.draw(st.integers(1, n_keys))
    queries, keys, values = (normal(generator, n_keys, 3, dtype=DOUBLE) for _ in range(3))
    whole, _ = attention(queries, keys, values, causal_mask(n_keys))
    new = queries[-n_new:]
    output, _ = attention(new, keys, values, causal_mask(n_keys)[-n_new:])
    assert_equal_numbers(output, whole[-n_new:], "the last outputs of all")
    switched = F.scaled_dot_product_attention(new[:1], keys, values, is_causal=True)
    assert_equal_numbers(switched, values[:1], "the value of the first key")


# What padding does and does not do


@every_module
@given(generator=generators, lengths=some_lengths, loud=st.sampled_from([0.0, 1.0, 1000.0]))
@settings(max_examples=15)
def test_padding_cannot_be_felt(make, generator, lengths, loud):
    module, x = module_and_tokens(make, generator, len(lengths), 5)
    mask = padding_mask(torch.tensor(lengths), 5)
    real = mask[:, 0]
    if not isinstance(module, SelfAttention):
        mask = mask.unsqueeze(1)
    rubbish = torch.where(real[..., None], x, loud * normal(generator, *x.shape, dtype=DOUBLE))
    before, after = module(x, mask)[0], module(rubbish, mask)[0]
    assert torch.equal(before[real], after[real])
    for text, length in enumerate(lengths):
        alone, _ = module(x[text, :length])
        assert_equal_numbers(before[text, :length].detach(), alone.detach(), "without padding", 10)


@given(generator=generators, lengths=st.lists(st.integers(0, 4), min_size=1, max_size=3))
def test_with_padding_on_the_left_the_first_rows_look_at_nobody(generator, lengths):
    """They get zeros, and no NaN comes back; a text of length 0 is all empty."""
    left = padding_mask(torch.tensor(lengths), 4).flip(-1)
    x = normal(generator, len(lengths), 4, 3, dtype=DOUBLE).requires_grad_()
    output, weights = attention(x, x, x, causal_mask(4) & left)
    empty = torch.tensor([[query < 4 - length for query in range(4)] for length in lengths])
    assert torch.equal((weights == 0).all(dim=-1), empty)
    assert not output[empty].any()
    output.sum().backward()
    # Nobody looks at padding, so it feels nothing.
    assert x.grad.isfinite().all() and not x.grad[empty].any()


# The leak meter


@every_module
@given(generator=generators, seq_len=few_tokens)
@settings(max_examples=10)
def test_nothing_leaks_through_a_causal_mask(make, generator, seq_len):
    """Exactly 0 above the diagonal, and on it and below it is something."""
    module, x = module_and_tokens(make, generator, seq_len)
    leak = leakage(lambda x: module(x, causal_mask(seq_len)), x)
    assert torch.equal(leak > 0, causal_mask(seq_len))
    assert (leakage(module, x) > 0).all()


@every_module
@given(generator=generators, seq_len=few_tokens, masked=st.booleans())
@settings(max_examples=6)
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
    wanted = 2 * mixing.abs()
    assert_equal_numbers(leakage(lambda x: mixing @ x, x), wanted, "the output alone")
    assert_equal_numbers(leakage(lambda x: (mixing @ x, 0), x), wanted, "the head of a tuple")


def test_the_meter_leaves_everything_as_it_was():
    module, x = module_and_tokens(MODULES["Block, norm first"], torch.Generator(), 3)
    with untouched(x, *module.parameters()), torch.no_grad():
        leak = leakage(module, x)
    assert not leak.requires_grad and not x.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_faint_leak_is_not_taken_for_none(dtype):
    """Added −60 in place of −∞: e^−60 is nearly nothing, and its square is no float32 any more."""
    x = random_embeddings(4, 3, seed=0).to(dtype)

    def nearly_masked(x):
        return torch.softmax(x @ x.T - 60.0 * ~causal_mask(4), dim=-1) @ x

    assert (leakage(nearly_masked, x) > 0).all()


@pytest.mark.parametrize("bare", [0, 1])
@given(generator=generators, seq_len=few_tokens)
@settings(max_examples=6)
def test_one_block_without_its_mask_is_a_hole_in_the_whole_model(bare, generator, seq_len):
    mask = causal_mask(seq_len)
    blocks = [module_and_tokens(MODULES["Block, norm first"], generator, seq_len) for _ in range(2)]
    x = blocks[0][1]

    def leak_of(first, second):
        return leakage(lambda x: blocks[1][0](blocks[0][0](x, first)[0], second), x)[~mask]

    assert not leak_of(mask, mask).any()
    assert leak_of(*(None if block == bare else mask for block in range(2))).all()


# The story of the book, under its masks


@pytest.mark.parametrize("first", ["boat", "loan"])
def test_bank_comes_last_and_sees_all_and_the_first_word_sees_itself(first):
    _, embeddings, *matrices = small_example(first)
    parts = project(embeddings, *matrices)
    free, hidden = attention(*parts), attention(*parts, causal_mask(4))
    assert all(torch.equal(hidden[part][3], free[part][3]) for part in range(2))
    assert hidden[1][0].tolist() == [1, 0, 0, 0]


# One pass with a causal mask equals all beginnings, one after the other


@every_module
@given(generator=generators, batch=leading_shapes, seq_len=sizes)
@settings(max_examples=15)
def test_one_causal_pass_gives_what_all_beginnings_give(make, generator, batch, seq_len):
    module, x = module_and_tokens(make, generator, *batch, seq_len)
    at_once, weights = module(x, causal_mask(seq_len))
    for n in range(1, seq_len + 1):
        alone, own = module(x[..., :n, :])
        last = at_once[..., n - 1, :].detach()
        assert_equal_numbers(last, alone[..., -1, :].detach(), "last output", 10)
        assert_equal_numbers(weights[..., n - 1, :n].detach(), own[..., -1, :].detach(), "weights")


# Wrong masks: each gives the right shape, and each is caught by the meter

LEAKING = {
    "scores set to 0": lambda scores, mask: (scores * mask).softmax(-1),
    "weights set to 0": lambda scores, mask: scores.softmax(-1) * mask,
    "down the columns": lambda scores, mask: scores.masked_fill(~mask, -INF).softmax(-2),
    "transposed": lambda scores, mask: scores.masked_fill(~mask.T, -INF).softmax(-1),
    "inverted": lambda scores, mask: softmax(scores, mask=~mask),
    "left out": lambda scores, mask: scores.softmax(-1),
    "one ahead": lambda scores, mask: softmax(scores, mask=mask | mask.roll(1, dims=-1).tril(1)),
    "not quite infinite": lambda scores, mask: (scores - 20.0 * ~mask).softmax(-1),
}
TIGHT = {
    "ours": lambda scores, mask: softmax(scores, mask=mask),
    "PyTorch's": lambda scores, mask: (scores + additive(mask, scores.dtype)).softmax(-1),
}


def future_of(make_weights, generator, seq_len):
    """The influence of the future on a head whose weights are made in this way."""
    head = SelfAttention(4, 3, 3)
    x = normal(generator, seq_len, 4, dtype=DOUBLE)
    with_random_parameters(head, generator, x)
    mask = causal_mask(seq_len)

    def run(x):
        queries, keys, values = head.projections(x)
        return make_weights(attention_scores(queries, keys), mask) @ values

    return leakage(run, x)[~mask].max()


@pytest.mark.parametrize("make_weights", LEAKING.values(), ids=LEAKING)
def test_the_meter_rejects(make_weights):
    def compare(generator, seq_len):
        assert future_of(make_weights, generator, seq_len) == 0

    rejects(compare, generator=generators, seq_len=few_tokens)
    # Not by rounding: in the chapter's own case, too, the leak is there to see.
    assert future_of(make_weights, torch.Generator().manual_seed(1), 12) > 1e-12


@pytest.mark.parametrize("make_weights", TIGHT.values(), ids=TIGHT)
def test_the_meter_accepts(make_weights):
    def compare(generator, seq_len):
        assert future_of(make_weights, generator, seq_len) == 0

    holds_for_all(compare, 20, generator=generators, seq_len=few_tokens)


# PyTorch's two conventions


def one_head(d):
    """PyTorch's module with one head and without projections, to be compared with the function."""
    module = nn.MultiheadAttention(d, 1, bias=False, batch_first=True).double()
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.eye(d).repeat(3, 1))
        module.out_proj.weight.copy_(torch.eye(d))
    return module


@given(generator=generators, lengths=some_lengths, causal=st.booleans())
def test_pytorchs_function_reads_true_as_we_do_and_its_module_the_other_way(
    generator, lengths, causal
):
    parts = [normal(generator, len(lengths), 5, 3, dtype=DOUBLE) for _ in range(3)]
    look = causal_mask(5) if causal else torch.ones(5, 5, dtype=torch.bool)
    real = padding_mask(torch.tensor(lengths), 5)
    ours, weights = attention(*parts, look & real)
    fused = F.scaled_dot_product_attention(*parts, attn_mask=look & real)
    theirs, their_weights = one_head(3)(*parts, attn_mask=~look, key_padding_mask=~real[:, 0])
    assert_equal_numbers(ours, fused, "fused attention")
    assert_equal_numbers(ours, theirs.detach(), "the module, masks turned round")
    assert_equal_numbers(weights, their_weights.detach(), "its weights")


# What does not fit

Z = torch.zeros


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: causal_mask(0), ValueError, "seq_len", "0"),
        (lambda: padding_mask(torch.tensor([1]), 2.0), TypeError, "seq_len", "2.0"),
        (lambda: padding_mask(torch.tensor([1.0]), 4), TypeError, "lengths", "torch.float32"),
        (lambda: padding_mask(torch.tensor([[1]]), 4), ValueError, "lengths", "(1, 1)"),
        (lambda: padding_mask(torch.tensor([1, 5]), 4), ValueError, "lengths", "1 to 5"),
        (lambda: padding_mask(torch.tensor([-1, 2]), 4), ValueError, "lengths", "-1 to 2"),
        (lambda: additive(Z(2, 2)), TypeError, "mask", "torch.float32"),
        (lambda: additive(causal_mask(2), torch.int64), TypeError, "dtype", "torch.int64"),
        # PyTorch would add these ones to the scores, silently.
        (lambda: attention(*[Z(2, 2)] * 3, Z(2, 2)), TypeError, "mask", "torch.float32"),
        (lambda: leakage("head", Z(4, 3)), TypeError, "module", "head"),
        (lambda: leakage(lambda x: x, Z(3)), ValueError, "embeddings", "(3,)"),
        (lambda: leakage(lambda x: x[None], Z(4, 3)), ValueError, "module", "(1, 4, 3)"),
        (lambda: leakage(lambda x: (x[0], x), Z(4, 3)), ValueError, "module", "(3,)"),
        (lambda: leakage(lambda x: [x, x], Z(4, 3)), ValueError, "module", "list"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, name, came):
    with refused(error, name, came):
        call()
