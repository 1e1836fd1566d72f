"""Chapter 6: the whole head, as a function and as a module."""

import math

import pytest
import torch
from expectations import (
    TOLERANCE,
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
    cases,
    generators,
    half_types,
    leading_shapes,
    masks,
    normal,
    sizes,
    stretchable,
    with_random_parameters,
)
from torch.nn import functional as F

from bareattention import (
    SelfAttention,
    attention,
    attention_scores,
    project,
    random_embeddings,
    small_example,
    softmax,
)

NAMES = ("query", "key", "value")
HEADS = 8  # of the real-sized example: d_model is 8 times d_k


def output_of(queries, keys, values, mask=None):
    """The first of the two things that attention hands over."""
    return attention(queries, keys, values, mask)[0]


BY_HAND = [[0.54, 0.00], [0.51, 0.03], [0.82, 0.64], [1.66, 0.10]]  # water, money


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("first", ["boat", "loan"])
def test_the_small_examples_output(dtype, first):
    """With the other first word, every row has water and money swapped."""
    output, weights = attention(*project(*small_example(first, dtype)[1:]))
    assert output.dtype == weights.dtype == dtype
    rounded = [[round(x, 2) for x in row] for row in output.tolist()]
    assert rounded == [row if first == "boat" else row[::-1] for row in BY_HAND]


def test_weights_say_where_and_values_say_what():
    """One word changed: no share of bank moves, and what it takes away turns round."""
    both = [attention(*project(*small_example(first)[1:])) for first in ("boat", "loan")]
    (boat, boat_weights), (loan, loan_weights) = both
    assert torch.equal(boat_weights, loan_weights)
    assert torch.equal(boat, loan.flip(-1)) and not torch.equal(boat, loan)


# Equal to PyTorch's fused attention: values and gradients


def equals_pytorch(function):
    """The core comparison: which functions may call themselves attention."""

    def compare(case):
        mask, full = case.mask, case.full_mask
        with untouched(*case.inputs, *([] if mask is None else [mask])):
            ours = function(*case.inputs, mask)
        theirs = F.scaled_dot_product_attention(*case.inputs, attn_mask=full)
        assert_equal_numbers(ours, theirs, "output")
        found = gradients(lambda *inputs: function(*inputs, mask), case.inputs, case.nudge)
        wanted = gradients(
            lambda *inputs: F.scaled_dot_product_attention(*inputs, attn_mask=full),
            case.inputs,
            case.nudge,
        )
        for name, a, b in zip(("queries", "keys", "values"), found, wanted, strict=True):
            assert_equal_numbers(a, b, f"gradient of {name}")

    return compare


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("masked", [False, True])
def test_attention_equals_pytorchs(dtype, masked):
    holds_for_all(equals_pytorch(output_of), case=cases(types=st.just(dtype), masked=masked))


@settings(max_examples=30)
@given(case=cases(), scale=st.none() | st.floats(-2, 2))
def test_weights_are_softmax_of_scores_and_the_output_is_pytorchs_for_any_scale(case, scale):
    output, weights = attention(*case.inputs, case.mask, scale)
    theirs = F.scaled_dot_product_attention(*case.inputs, attn_mask=case.full_mask, scale=scale)
    assert_equal_numbers(output, theirs, "output")
    steps = softmax(attention_scores(case.queries, case.keys, scale), mask=case.mask)
    assert_equal_numbers(weights, steps, "weights")


@settings(max_examples=40)
@given(batch=leading_shapes, generator=generators, data=st.data())
def test_leading_axes_stretch(batch, generator, data):
    """One set of keys for a whole batch, or one query for many sets of keys."""
    widths = ((4, 3), (5, 3), (5, 2))
    tensors = [normal(generator, *data.draw(stretchable(batch)), *width) for width in widths]
    output, _ = attention(*tensors)
    whole = torch.broadcast_shapes(*(tensor.shape[:-2] for tensor in tensors))
    stretched = [tensor.expand(*whole, -1, -1) for tensor in tensors]
    assert_equal_numbers(output, F.scaled_dot_product_attention(*stretched), "output")


# What is true of every attention


def test_a_single_token_takes_its_own_value():
    tokens = random_embeddings(5, 3, seed=0).unsqueeze(-2)
    output, weights = attention(tokens, tokens, 2 * tokens)
    assert torch.equal(weights, torch.ones(5, 1, 1))
    assert torch.equal(output, 2 * tokens)


@settings(max_examples=20)
@given(case=cases(square=True, masked=False), generator=generators)
def test_shuffled_tokens_give_shuffled_outputs(case, generator):
    order = torch.randperm(case.queries.shape[-2], generator=generator)
    output, weights = attention(*case.inputs)
    shuffled = attention(*(tensor[..., order, :] for tensor in case.inputs))
    assert_equal_numbers(shuffled[0], output[..., order, :], "output")
    assert_equal_numbers(shuffled[1], weights[..., order, :][..., order], "weights")


@settings(max_examples=30)
@given(case=cases(rows_of_nobody=False))
def test_outputs_lie_in_the_convex_hull_of_the_values(case):
    """In every direction, and not only along the channels: between the farthest values."""
    output, _ = attention(*case.inputs, case.mask)
    slack = TOLERANCE[output.dtype] * case.values.abs().sum()
    for direction in (*torch.eye(case.values.shape[-1]), case.nudge[(0,) * (case.nudge.ndim - 1)]):
        along, hull = output @ direction.to(output), case.values @ direction.to(output)
        assert (along <= hull.amax(dim=-1, keepdim=True) + slack).all()
        assert (along >= hull.amin(dim=-1, keepdim=True) - slack).all()


@settings(max_examples=30)
@given(case=cases(), generator=generators)
def test_who_may_not_be_looked_at_cannot_be_felt(case, generator):
    """Other keys and values behind the mask change nothing, and feel nothing."""
    behind = torch.tensor([[True] + [False] * (case.keys.shape[-2] - 1)])
    queries, keys, values = case.inputs
    other_keys = torch.where(behind.T, normal(generator, *keys.shape).to(keys), keys)
    other_values = torch.where(behind.T, normal(generator, *values.shape).to(keys), values)
    before = attention(queries, keys, values, ~behind)
    after = attention(queries, other_keys, other_values, ~behind)
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    slopes = gradients(lambda *x: output_of(*x, ~behind), case.inputs, case.nudge)
    assert not slopes[1][..., 0, :].any() and not slopes[2][..., 0, :].any()


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_a_query_that_may_look_at_nobody_takes_nothing_and_learns_nothing(dtype):
    inputs = [tensor.requires_grad_() for tensor in project(*small_example(dtype=dtype)[1:])]
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[2] = False
    output, weights = attention(*inputs, mask)
    assert not weights[2].any() and not output[2].any()
    assert weights[[0, 1, 3]].any(dim=-1).all()
    (output.sum() + weights.square().sum()).backward()
    learnt = inputs[0].grad
    assert not learnt[2].any() and learnt[[0, 1, 3]].any(dim=-1).all()
    assert all(tensor.grad.isfinite().all() for tensor in inputs)


# Large scores and half precision


@pytest.mark.parametrize("dtype", FLOATS)
def test_large_scores_stay_exact(dtype):
    """Scores of 10,000, 9,999 and −10,000."""
    queries = torch.tensor([[1.0, 1.0, 0, 0], [-1.0, 0, 0, 1.0]], dtype=dtype)
    keys = torch.tensor([[9984.0, 16, 0, 0], [9984, 15, 0, 0], [-9984, -16, 0, 0]], dtype=dtype)
    values = torch.tensor([[1.0, 0], [0, 1.0], [4.0, 4.0]], dtype=dtype)
    output, _ = attention(queries, keys, values, scale=1.0)
    share = 1 / (1 + math.exp(-1))
    wanted = torch.tensor([[share, 1 - share], [4, 4]], dtype=dtype)
    torch.testing.assert_close(output, wanted, rtol=4 * torch.finfo(dtype).eps, atol=0)


@settings(max_examples=40)
@given(case=cases(types=half_types), loud=st.sampled_from([1.0, 4.0]))
def test_half_precision_is_a_few_steps_from_the_exact_output_and_gradients(case, loud):
    """A step of the scores counts as often as they are large."""
    inputs = case.queries * loud, case.keys, case.values
    exact = [tensor.double() for tensor in inputs]
    steps = 4 + 2 * attention_scores(*exact[:2]).abs().max().item()
    output, weights = attention(*inputs, case.mask)
    assert output.dtype == weights.dtype == case.values.dtype
    wanted = F.scaled_dot_product_attention(*exact, attn_mask=case.full_mask)
    assert_equal_numbers(output, wanted.to(output), "output", steps)
    found = gradients(lambda *x: output_of(*x, case.mask), inputs, case.nudge)
    wanted = gradients(lambda *x: output_of(*x, case.mask), exact, case.nudge.double())
    for name, a, b in zip(("queries", "keys", "values"), found, wanted, strict=True):
        assert_equal_numbers(a, b.to(a.dtype), f"gradient of {name}", 2 * steps)


# Known mistakes


def weighted(scores, values, mask=None):
    return softmax(scores, mask=mask) @ values


def not_scaled(queries, keys, values, mask):
    return weighted(queries @ keys.mT, values, mask)


def scaled_by_d_model(queries, keys, values, mask):
    return weighted(queries @ keys.mT / (HEADS * keys.shape[-1]) ** 0.5, values, mask)


def divided_by_d_k(queries, keys, values, mask):
    return weighted(queries @ keys.mT / keys.shape[-1], values, mask)


def multiplied_by_root_d_k(queries, keys, values, mask):
    return weighted(queries @ keys.mT * keys.shape[-1] ** 0.5, values, mask)


def scaled_after_softmax(queries, keys, values, mask):
    return weighted(queries @ keys.mT, values, mask) / keys.shape[-1] ** 0.5


def softmax_along_the_queries(queries, keys, values, mask):
    scores = attention_scores(queries, keys)
    square = None if mask is None else mask.expand(scores.shape).mT
    return softmax(scores.mT, mask=square).mT @ values


def scores_transposed(queries, keys, values, mask):
    return weighted(attention_scores(queries, keys).mT, values, mask)


def weights_transposed(queries, keys, values, mask):
    return softmax(attention_scores(queries, keys), mask=mask).mT @ values


def no_softmax(queries, keys, values, mask):
    scores = attention_scores(queries, keys)
    return (scores if mask is None else scores * mask) @ values


def everybody_alike(queries, keys, values, mask):
    return weighted(0 * attention_scores(queries, keys), values, mask)


def keys_handed_over(queries, keys, values, mask):
    return weighted(attention_scores(queries, keys), keys + 0 * values, mask)


def queries_ask_themselves(queries, keys, values, mask):
    return weighted(attention_scores(queries, queries + 0 * keys), values, mask)


def keys_learn_nothing(queries, keys, values, mask):
    return weighted(attention_scores(queries, keys.detach() + 0 * keys), values, mask)


def over_features(queries, keys, values, mask):
    """Channels look at channels of the same token; tokens never meet."""
    scores = queries[..., :, None] * keys[..., None, :] * keys.shape[-1] ** -0.5
    return (torch.softmax(scores, -1) @ values[..., None])[..., 0]


def queries_scaled_in_place(queries, keys, values, mask):
    if not queries.requires_grad:
        queries.mul_(0.5)
    return output_of(2 * queries, keys, values, mask)


def mask_left_out(queries, keys, values, mask):
    return output_of(queries, keys, values)


def mask_inverted(queries, keys, values, mask):
    return output_of(queries, keys, values, ~mask)


def mask_transposed(queries, keys, values, mask):
    scores = attention_scores(queries, keys)
    return weighted(scores, values, mask.expand(scores.shape).mT)


def mask_after_softmax(queries, keys, values, mask):
    return (softmax(attention_scores(queries, keys)) * mask) @ values


def mask_on_the_values(queries, keys, values, mask):
    shared = mask.expand(attention_scores(queries, keys).shape).all(dim=-2)
    return output_of(queries, keys, values * shared[..., None])


def hidden_scores_set_to_0(queries, keys, values, mask):
    return weighted(attention_scores(queries, keys) * mask, values)


def nan_for_nobody(queries, keys, values, mask):
    return torch.softmax(attention_scores(queries, keys).masked_fill(~mask, -math.inf), -1) @ values


def average_for_nobody(queries, keys, values, mask):
    return weighted(attention_scores(queries, keys).masked_fill(~mask, -1e30), values)


MISTAKES = [
    not_scaled,
    scaled_by_d_model,
    divided_by_d_k,
    multiplied_by_root_d_k,
    scaled_after_softmax,
    softmax_along_the_queries,
    scores_transposed,
    weights_transposed,
    no_softmax,
    everybody_alike,
    keys_handed_over,
    queries_ask_themselves,
    keys_learn_nothing,
    over_features,
    queries_scaled_in_place,
]
MISTAKES_WITH_MASKS = [
    mask_left_out,
    mask_inverted,
    mask_transposed,
    mask_after_softmax,
    mask_on_the_values,
    hidden_scores_set_to_0,
]
MISTAKES_WITH_NOBODY = [nan_for_nobody, average_for_nobody]


def comparison_rejects(mistake, **kinds):
    rejects(equals_pytorch(mistake), case=cases(square=True, **kinds))


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    comparison_rejects(mistake, masked=False)


@pytest.mark.parametrize("mistake", MISTAKES_WITH_MASKS, ids=names(MISTAKES_WITH_MASKS))
def test_the_comparison_rejects_with_a_mask_that_leaves_somebody(mistake):
    comparison_rejects(mistake, masked=True, rows_of_nobody=False)


@pytest.mark.parametrize("mistake", MISTAKES_WITH_NOBODY, ids=names(MISTAKES_WITH_NOBODY))
def test_the_comparison_rejects_where_a_mask_leaves_nobody(mistake):
    comparison_rejects(mistake, masked=True)


def test_what_is_compared_is_drawn_widely_enough():
    """The cases on which mistakes run hold what the comparison needs."""
    seen = set()

    def look(case):
        seen.add(f"{case.queries.ndim - 2} leading axes")
        if case.mask is not None:
            seen.add("nobody" if (~case.full_mask).all(dim=-1).any() else "somebody for all")

    holds_for_all(look, case=cases(square=True))
    assert seen == {*(f"{n} leading axes" for n in range(4)), "nobody", "somebody for all"}


def test_only_the_one_token_test_catches_attention_over_features():
    """The permutation test needs no reference either, and lets this mistake through."""
    tokens, order = random_embeddings(6, 16, seed=6), torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = over_features(*(3 * (tokens[order],)), None)
    assert_equal_numbers(shuffled, over_features(*(3 * (tokens,)), None)[order], "permutation test")
    one = tokens[:1]
    assert not torch.allclose(over_features(one, one, one, None), one, atol=0.1)


# What goes in

Z = torch.zeros


def test_nan_comes_out_as_pytorchs_even_behind_a_mask():
    """A share of 0 times NaN is NaN."""
    queries, keys, values = random_embeddings(9, 3, seed=0).split(3)
    values = values.where(torch.eye(3) < 1, torch.nan)
    mask = torch.ones(3, 3, dtype=torch.bool).tril()
    theirs = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    torch.testing.assert_close(output_of(queries, keys, values, mask), theirs, equal_nan=True)


@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"values": Z(5, 2).bool()}, TypeError, "values", "torch.bool"),
        ({"values": Z(4, 2)}, ValueError, "values", "(4, 2)"),
        ({"keys": Z(5, 4)}, ValueError, "keys", "(5, 4)"),
        ({"keys": Z(2, 5, 3), "values": Z(3, 5, 2)}, ValueError, "values", "(3, 5, 2)"),
        ({"mask": Z(4, 5)}, TypeError, "mask", "torch.float32"),
        ({"mask": Z(5).bool()}, ValueError, "mask", "(5,)"),
        ({"mask": Z(5, 4).bool()}, ValueError, "mask", "(5, 4)"),
        ({"scale": "1"}, TypeError, "scale", "'1'"),
    ],
)
def test_what_cannot_attend_is_refused(change, error, name, came):
    with refused(error, name, came):
        attention(**{"queries": Z(4, 3), "keys": Z(5, 3), "values": Z(5, 2), **change})


# SelfAttention


@settings(max_examples=40)
@given(
    generator=generators,
    batch=leading_shapes,
    widths=st.tuples(sizes, sizes, sizes, sizes),
    bias=st.booleans(),
    data=st.data(),
)
def test_the_module_is_project_and_attention(generator, batch, widths, bias, data):
    seq_len, d_model, d_k, d_v = widths
    x = normal(generator, *batch, seq_len, d_model, dtype=torch.float64)
    module = with_random_parameters(SelfAttention(d_model, d_k, d_v, bias=bias), generator, x)
    mask = data.draw(st.none() | masks((*batch, seq_len, seq_len)))
    with untouched(x, *([] if mask is None else [mask])):
        output, weights = module(x, mask)
    state = module.state_dict()
    parts = project(x, *(state[f"projections.{name}.weight"].T for name in NAMES))
    if bias:
        biases = [state[f"projections.{name}.bias"] for name in NAMES]
        parts = [part + b for part, b in zip(parts, biases, strict=True)]
    wanted = attention(*parts, mask)
    assert_equal_numbers(output.detach(), wanted[0], "output")
    assert_equal_numbers(weights.detach(), wanted[1], "weights")


def test_the_modules_parameters_keep_their_names_and_learn():
    """Recorded models are loaded by these names."""
    torch.manual_seed(0)
    bare, module = SelfAttention(6, 4, 2), SelfAttention(6, 4, 2, bias=True)
    shapes = {name: tuple(parameter.shape) for name, parameter in bare.named_parameters()}
    weights = {f"projections.{name}.weight" for name in NAMES}
    assert shapes == dict(zip(sorted(weights), [(4, 6), (4, 6), (2, 6)], strict=True))
    assert module.state_dict().keys() == weights | {f"projections.{name}.bias" for name in NAMES}
    module(random_embeddings(5, 6, seed=0))[0].square().sum().backward()
    silent = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias of the keys adds the same to all scores of a query, so its gradient is rounding alone.
    assert set(silent) <= {"projections.key.bias"}
    assert module.projections.key.bias.grad.abs().max() < 1e-6


@pytest.mark.parametrize(
    "sizes, inputs, error, name, came",
    [
        ((0, 4, 2), (), ValueError, "d_model", "0"),
        ((3, 4.0, 2), (), TypeError, "d_k", "4.0"),
        ((3, 4, 2), (Z(4, 5),), ValueError, "x", "(4, 5)"),
        ((3, 4, 2), (Z(4, 3).double(),), TypeError, "x", "torch.float64"),
        ((3, 4, 2), (Z(4, 3), Z(5, 5).bool()), ValueError, "mask", "(5, 5)"),
        ((3, 4, 2), (Z(2, 4, 3), Z(3, 4, 4).bool()), ValueError, "mask", "(3, 4, 4)"),
    ],
)
def test_the_module_refuses_what_does_not_fit(sizes, inputs, error, name, came):
    with refused(error, name, came):
        SelfAttention(*sizes)(*inputs)
