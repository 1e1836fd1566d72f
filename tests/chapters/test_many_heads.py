"""Chapter 9: several heads in one module."""

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

from bareattention import (
    MultiHeadAttention,
    attention,
    causal_mask,
    join_heads,
    padding_mask,
    split_heads,
)

DOUBLE = torch.float64
several = st.integers(2, 4)


def ours_for(x, n_heads, generator, bias=True):
    """The module with random numbers in all parameters, biases included."""
    return with_random_parameters(MultiHeadAttention(x.shape[-1], n_heads, bias), generator, x)


def pytorchs(ours):
    d_model, bias = ours.output.in_features, ours.output.bias is not None
    theirs = nn.MultiheadAttention(d_model, ours.n_heads, bias=bias, batch_first=True)
    return copy_heads(ours, theirs.to(ours.output.weight.dtype))


# Split and join


@given(generator=generators, batch=leading_shapes, seq_len=sizes, n_heads=sizes, d_head=sizes)
def test_each_head_gets_its_channels_and_they_are_laid_side_by_side_again(
    generator, batch, seq_len, n_heads, d_head
):
    x = normal(generator, *batch, seq_len, n_heads * d_head)
    with untouched(x):
        split = split_heads(x, n_heads)
    assert split.shape == (*batch, n_heads, seq_len, d_head)
    for head in range(n_heads):
        own = x[..., head * d_head : (head + 1) * d_head]
        assert torch.equal(split[..., head, :, :], own)
    with untouched(split):
        assert torch.equal(join_heads(split), x)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float64])
def test_heads_of_any_type_are_split_and_joined(dtype):
    x = torch.arange(24).view(2, 3, 4).to(dtype)
    assert split_heads(x, 2).dtype == dtype
    assert torch.equal(join_heads(split_heads(x, 2)), x)


# Equal to PyTorch's module: outputs, the weights of each head, and gradients


def call(module, x, mask):
    return module(x, mask)


def equals_pytorch(function, case, bias=True, steps=10):
    """The core comparison; with `function` other than `call`, something else attends."""
    ours = ours_for(case.x, case.n_heads, case.generator, bias)
    theirs, mask = pytorchs(ours), case.mask
    x, flat = case.x.clone().requires_grad_(), case.flat(case.x).clone().requires_grad_()
    with untouched(x, *ours.parameters(), *([] if mask is None else [mask])):
        output, weights = function(ours, x, mask)
    rows, keys = case.pytorchs_masks
    wanted = theirs(
        flat, flat, flat, attn_mask=rows, key_padding_mask=keys, average_attn_weights=False
    )
    assert output.shape == x.shape
    assert_equal_numbers(case.flat(output).detach(), wanted[0].detach(), "output", steps)
    assert weights.shape == (*x.shape[:-2], case.n_heads, x.shape[-2], x.shape[-2])
    assert_equal_numbers(case.flat(weights).detach(), wanted[1].detach(), "weights", steps)
    output.backward(case.nudge)
    wanted[0].backward(case.flat(case.nudge))
    assert_equal_numbers(case.flat(x.grad), flat.grad, "gradient of x", steps)
    assert_heads_learn_alike(ours, theirs, steps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", MASK_KINDS)
def test_many_heads_equal_pytorchs(kind, dtype):
    def compare(case, bias):
        equals_pytorch(call, case, bias)

    case = sequences(types=st.just(dtype), kinds=[kind])
    holds_for_all(compare, 25, case=case, bias=st.booleans())


@given(
    generator=generators,
    n=st.integers(1, 3),
    seq_len=sizes,
    n_keys=sizes,
    n_heads=several,
    padded=st.booleans(),
)
@settings(max_examples=40)
def test_looking_elsewhere_equals_pytorchs_with_other_keys_and_values(
    generator, n, seq_len, n_keys, n_heads, padded
):
    x, context = (normal(generator, n, s, 3 * n_heads, dtype=DOUBLE) for s in (seq_len, n_keys))
    ours = ours_for(x, n_heads, generator)
    real = padding_mask(torch.randint(1, n_keys + 1, (n,), generator=generator), n_keys)
    hidden, mask = (~real[:, 0], real.unsqueeze(1)) if padded else (None, None)
    with untouched(x, context):
        output, weights = ours(x, mask, context=context)
    wanted = pytorchs(ours)(x, context, context, hidden, average_attn_weights=False)
    assert_equal_numbers(output.detach(), wanted[0].detach(), "output", 10)
    assert_equal_numbers(weights.detach(), wanted[1].detach(), "weights", 10)


@given(case=sequences(kinds=["other"], nobody=True))
def test_rows_of_nobody_are_zeros_and_learn_without_nan(case):
    module = ours_for(case.x, case.n_heads, case.generator)
    output, weights = module(case.x, case.mask)
    nobody = ~case.mask.expand_as(weights).any(dim=-1)
    assert not weights[nobody].any()
    # Who got nothing from any head gets the bias of the output, and no more.
    alone = output[nobody.all(dim=-2)].detach()
    assert_equal_numbers(alone, module.output.bias.detach().expand_as(alone), "bias")
    output.backward(case.nudge)
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


@given(n_heads=sizes, d_head=sizes, bias=st.booleans())
def test_the_parameters_have_names_and_shapes_that_do_not_depend_on_the_heads(
    n_heads, d_head, bias
):
    """Recorded models are loaded by these names."""
    d = n_heads * d_head
    linears = ("projections.query", "projections.key", "projections.value", "output")
    wanted = {f"{name}.weight": (d, d) for name in linears}
    if bias:
        wanted |= {f"{name}.bias": (d,) for name in linears}
    state = MultiHeadAttention(d, n_heads, bias).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == wanted


def test_biases_are_there_unless_told_otherwise():
    assert "projections.key.bias" in MultiHeadAttention(4, 2).state_dict()


# One door for what stands in attention's place


@given(generator=generators, batch=leading_shapes, masked=st.booleans(), elsewhere=st.booleans())
def test_who_attends_gets_queries_keys_values_and_mask_and_its_result_is_used(
    generator, batch, masked, elsewhere
):
    x, context = normal(generator, *batch, 5, 6), normal(generator, *batch, 4, 6)
    module = ours_for(x, 2, generator)
    seen = context if elsewhere else x
    mask = torch.ones(5, seen.shape[-2], dtype=torch.bool) if masked else None
    mixed, came = normal(generator, *batch, 2, 5, 3), []

    def attend(*parts):
        came.extend(parts)
        return mixed, None

    output, weights = module(x, mask, attend, context if elsewhere else None)
    *three, own_mask = came
    project = module.projections
    wanted = project.query(x), project.key(seen), project.value(seen)
    for part, projected in zip(three, wanted, strict=True):
        assert torch.equal(part, split_heads(projected, 2))
    assert own_mask is mask and weights is None
    assert torch.equal(output, module.output(join_heads(mixed)))


@given(case=sequences(kinds=["causal"], types=st.just(DOUBLE)))
@settings(max_examples=25)
def test_with_keys_and_values_kept_one_token_at_a_time_gives_the_causal_output(case):
    """The cache of the chapter's door."""
    module, kept = ours_for(case.x, case.n_heads, case.generator), []

    def cache(queries, keys, values, mask):
        kept.append((keys, values))
        return attention(queries, *(torch.cat([pair[i] for pair in kept], -2) for i in (0, 1)))

    at_once, weights = module(case.x, case.mask)
    for i, token in enumerate(case.x.split(1, dim=-2)):
        output, own = module(token, attend=cache)
        assert_equal_numbers(output.detach(), at_once[..., i : i + 1, :].detach(), "output", 10)
        past = weights[..., i : i + 1, : i + 1].detach()
        assert_equal_numbers(own.detach(), past, "weights", 10)


# Known mistakes


def in_steps(split=split_heads, join=join_heads, scale=None, weights=lambda weights: weights):
    """The module, with one part exchanged."""

    def run(module, x, mask):
        heads = (split(projected, module.n_heads) for projected in module.projections(x))
        mixed, found = attention(*heads, mask=mask, scale=scale and x.shape[-1] ** -0.5)
        return module.output(join(mixed)), weights(found)

    return run


def cut_by_view(x, n_heads):
    *batch, seq_len, d_model = x.shape
    return x.reshape(*batch, n_heads, seq_len, d_model // n_heads)


def joined_by_view(x):
    *batch, n_heads, seq_len, d_head = x.shape
    return x.reshape(*batch, seq_len, n_heads * d_head)


def queries_and_keys_exchanged(module, x, mask):
    return module(x, mask, attend=lambda q, k, v, mask: attention(k, q, v, mask))


def not_projected(module, x, mask):
    heads = (split_heads(projected, module.n_heads) for projected in module.projections(x))
    mixed, weights = attention(*heads, mask=mask)
    return join_heads(mixed) + 0 * module.output(x), weights


MISTAKES = {
    "view only": in_steps(cut_by_view, joined_by_view),
    "split by view": in_steps(split=cut_by_view),
    "joined by view": in_steps(join=joined_by_view),
    # Channel 0 to head 0, channel 1 to head 1, and so on: heads too, only not PyTorch's.
    "dealt out": in_steps(split=lambda x, n: x.unflatten(-1, (-1, n)).movedim(-1, -3)),
    "joined backwards": in_steps(join=lambda y: join_heads(y.flip(-3))),
    "scaled by d_model": in_steps(scale=True),
    "averaged": in_steps(weights=lambda w: w.mean(dim=-3, keepdim=True).expand_as(w)),
    "one for all": in_steps(lambda x, n: split_heads(x, n)[..., :1, :, :].repeat_interleave(n, -3)),
    "queries and keys exchanged": queries_and_keys_exchanged,
    "not projected": not_projected,
}


def large_enough():
    """Cases in which heads, channels and tokens are several, so that no mistake is none."""
    return sequences(heads=several, channels=several, tokens=several, kinds=["none"])


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_comparison_rejects(mistake):
    rejects(lambda case: equals_pytorch(mistake, case), case=large_enough())


def test_the_comparison_accepts_the_parts_that_mistakes_are_made_of():
    holds_for_all(lambda case: equals_pytorch(in_steps(), case), 20, case=large_enough())


# Masks and their axes


@pytest.mark.parametrize("batch", [(2,), (5,), (1, 2)])
def test_a_mask_with_a_batch_needs_an_axis_for_the_heads(batch):
    """With two heads and two texts it would fit, and mean something else."""
    module, x = MultiHeadAttention(6, 2), normal(torch.Generator(), *batch, 4, 6)
    mask = torch.ones(*batch, 4, 4, dtype=torch.bool).tril()
    with refused(ValueError, "mask", str(tuple(mask.shape)), "one more axis"):
        module(x, mask)
    _, weights = module(x, mask.unsqueeze(-3))
    assert torch.equal(weights > 0, mask.unsqueeze(-3).expand_as(weights))


def test_a_mask_for_each_head_needs_an_axis_for_the_batch():
    module, x = MultiHeadAttention(6, 2), normal(torch.Generator(), 3, 4, 6)
    mask = torch.stack([causal_mask(4), causal_mask(4).T])
    with refused(ValueError, "mask", "(2, 4, 4)", "one more axis"):
        module(x, mask)
    for mask_of_one, tokens in ((mask[None], x), (mask, x[0])):
        _, weights = module(tokens, mask_of_one)
        assert torch.equal(weights > 0, mask_of_one.expand_as(weights))


@given(case=sequences(kinds=["causal"], types=float_types))
@settings(max_examples=25)
def test_a_mask_of_one_in_front_serves_all(case):
    module = ours_for(case.x, case.n_heads, case.generator)
    for mask in (case.mask[None], case.mask[(None,) * (case.x.ndim - 1)]):
        assert torch.equal(module(case.x, mask)[0], module(case.x, case.mask)[0])


# What does not fit

Z = torch.zeros


def module(*args, **kwargs):
    return MultiHeadAttention(6, 2)(*args, **kwargs)


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: split_heads(Z(3, 6), 4), ValueError, "n_heads", "4"),
        (lambda: split_heads(Z(3, 6), 2.0), TypeError, "n_heads", "2.0"),
        (lambda: split_heads(Z(6), 2), ValueError, "x", "(6,)"),
        (lambda: join_heads(Z(3, 6)), ValueError, "x", "(3, 6)"),
        (lambda: MultiHeadAttention(6, 4), ValueError, "n_heads", "4"),
        (lambda: MultiHeadAttention(0, 2), ValueError, "d_model", "0"),
        (lambda: MultiHeadAttention(6, "2"), TypeError, "n_heads", "'2'"),
        (lambda: module(Z(4, 5)), ValueError, "x", "(4, 5)"),
        (lambda: module(Z(4, 6).double()), TypeError, "x", "torch.float64"),
        (lambda: module(Z(4, 6), Z(4, 4)), TypeError, "mask", "torch.float32"),
        (lambda: module(Z(4, 6), Z(5, 5).bool()), ValueError, "mask", "(5, 5)"),
        (lambda: module(Z(4, 6), Z(4, 5).bool()), ValueError, "mask", "(4, 5)"),
        (lambda: module(Z(4, 6), context=Z(3, 5)), ValueError, "context", "(3, 5)"),
        (lambda: module(Z(2, 4, 6), context=Z(3, 3, 6)), ValueError, "context", "(3, 3, 6)"),
        (lambda: module(Z(4, 6), context=[[0.0]]), TypeError, "context", "list"),
        (lambda: module(Z(4, 6), attend=3), TypeError, "attend", "3"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, name, came):
    with refused(error, name, came):
        call()
