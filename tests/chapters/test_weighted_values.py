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
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    FLOATS,
    HALVES,
    cases,
    float_types,
    generators,
    half_types,
    leading_shapes,
    masks,
    normal,
    sizes,
    stretchable,
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


# The small example


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_small_examples_weights_and_output(dtype):
    output, weights = attention(*project(*small_example(dtype)[1:]))
    assert output.dtype == weights.dtype == dtype
    assert [[round(x, 2) for x in row] for row in weights.tolist()] == [
        [0.04, 0.81, 0.04, 0.11],
        [0.03, 0.09, 0.24, 0.64],
        [0.64, 0.24, 0.09, 0.03],
        [0.85, 0.02, 0.12, 0.02],
    ]
    assert [[round(x, 2) for x in row] for row in output.tolist()] == [
        [0.38, 2.00],
        [2.03, 2.20],
        [0.97, 1.44],
        [1.23, 1.26],
    ]


# Equal to PyTorch's fused attention: values and gradients


def equals_pytorch(function, case):
    """The core comparison: which functions may call themselves attention."""
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


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("masked", [False, True])
def test_attention_equals_pytorchs(dtype, masked):
    def compare(case):
        equals_pytorch(output_of, case)

    holds_for_all(compare, 120, case=cases(types=st.just(dtype), masked=masked))


@given(case=cases(types=st.just(torch.float64)))
def test_weights_are_pytorchs_output_for_values_that_name_the_keys(case):
    """With the identity as values, the output of fused attention is its weights."""
    _, weights = attention(*case.inputs, case.mask)
    n_keys = case.keys.shape[-2]
    identity = torch.eye(n_keys, dtype=torch.float64).expand(*case.keys.shape[:-2], -1, -1)
    theirs = F.scaled_dot_product_attention(
        case.queries, case.keys, identity, attn_mask=case.full_mask
    )
    assert_equal_numbers(weights, theirs, "weights")


@given(case=cases(), scale=st.floats(-2, 2))
def test_a_given_scale_replaces_the_usual_one(case, scale):
    theirs = F.scaled_dot_product_attention(*case.inputs, attn_mask=case.full_mask, scale=scale)
    ours, _ = attention(*case.inputs, case.mask, scale)
    assert_equal_numbers(ours, theirs, "output")


@given(case=cases())
def test_attention_is_scores_softmax_and_a_sum(case):
    output, weights = attention(*case.inputs, case.mask)
    steps = softmax(attention_scores(case.queries, case.keys), mask=case.mask)
    assert_equal_numbers(weights, steps, "weights")
    assert_equal_numbers(output, torch.einsum("...ij,...jd->...id", steps, case.values), "output")


@given(batch=leading_shapes, generator=generators, data=st.data())
def test_leading_axes_stretch(batch, generator, data):
    """One set of keys for a whole batch, or one query for many sets of keys."""
    widths = ((4, 3), (5, 3), (5, 2))
    tensors = [normal(generator, *data.draw(stretchable(batch)), *width) for width in widths]
    output, _ = attention(*tensors)
    whole = torch.broadcast_shapes(*(tensor.shape[:-2] for tensor in tensors))
    stretched = [tensor.expand(*whole, -1, -1) for tensor in tensors]
    assert output.shape == (*whole, 4, 2)
    assert_equal_numbers(output, F.scaled_dot_product_attention(*stretched), "output")


# What is true of every attention


@given(generator=generators, batch=leading_shapes, d_k=sizes, d_v=sizes, dtype=float_types)
def test_a_single_token_takes_its_own_value(generator, batch, d_k, d_v, dtype):
    queries, keys, values = (normal(generator, *batch, 1, d, dtype=dtype) for d in (d_k, d_k, d_v))
    output, weights = attention(queries, keys, values)
    assert torch.equal(weights, torch.ones(*batch, 1, 1, dtype=dtype))
    assert torch.equal(output, values)


@given(case=cases(square=True, masked=False), generator=generators)
def test_shuffled_tokens_give_shuffled_outputs(case, generator):
    order = torch.randperm(case.queries.shape[-2], generator=generator)
    output, weights = attention(*case.inputs)
    shuffled = attention(*(tensor[..., order, :] for tensor in case.inputs))
    assert_equal_numbers(shuffled[0], output[..., order, :], "output")
    assert_equal_numbers(shuffled[1], weights[..., order, :][..., order], "weights")


@given(case=cases(), generator=generators)
def test_the_order_of_keys_and_their_values_does_not_matter(case, generator):
    order = torch.randperm(case.keys.shape[-2], generator=generator)
    mask = None if case.mask is None else case.full_mask[..., order]
    shuffled = case.queries, case.keys[..., order, :], case.values[..., order, :], mask
    assert_equal_numbers(output_of(*shuffled), output_of(*case.inputs, case.mask), "output")


@given(case=cases(rows_of_nobody=False))
def test_outputs_lie_in_the_convex_hull_of_the_values(case):
    """In every direction, and not only along the channels: between the farthest values."""
    output, weights = attention(*case.inputs, case.mask)
    slack = TOLERANCE[output.dtype] * case.values.abs().sum()
    for direction in (*torch.eye(case.values.shape[-1]), case.nudge[(0,) * (case.nudge.ndim - 1)]):
        along, hull = output @ direction.to(output), case.values @ direction.to(output)
        assert (along <= hull.amax(dim=-1, keepdim=True) + slack).all()
        assert (along >= hull.amin(dim=-1, keepdim=True) - slack).all()
    assert (weights >= 0).all()
    assert_equal_numbers(weights.sum(dim=-1), torch.ones_like(weights[..., 0]), "sums of the rows")


@given(case=cases(), factor=st.floats(-4, 4))
def test_values_change_the_output_and_never_the_weights(case, factor):
    queries, keys, values = case.inputs
    output, weights = attention(queries, keys, values, case.mask)
    other, same = attention(queries, keys, factor * values, case.mask)
    assert torch.equal(same, weights)
    assert_equal_numbers(other, factor * output, "output")


def test_keys_change_the_weights():
    queries, keys, values = project(*small_example()[1:])
    _, weights = attention(queries, keys, values)
    other = keys.clone()
    other[1] += 1
    _, moved = attention(queries, other, values)
    # Every query but "the", whose channels sum to 0, feels that "cat" offers something else.
    assert ((moved - weights).abs().amax(dim=-1) > 1e-3).tolist() == [False, True, False, False]


@given(case=cases(), generator=generators)
def test_who_may_not_be_looked_at_cannot_be_felt(case, generator):
    """Other keys and values behind the mask change nothing, and feel nothing."""
    behind = torch.tensor([True] + [False] * (case.keys.shape[-2] - 1))
    queries, keys, values = case.inputs
    other_keys = torch.where(behind[:, None], normal(generator, *keys.shape).to(keys), keys)
    other_values = torch.where(behind[:, None], normal(generator, *values.shape).to(keys), values)
    before = attention(queries, keys, values, ~behind)
    after = attention(queries, other_keys, other_values, ~behind)
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    slopes = gradients(lambda *x: output_of(*x, ~behind), case.inputs, case.nudge)
    assert not slopes[1][..., 0, :].any() and not slopes[2][..., 0, :].any()


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_a_query_that_may_look_at_nobody_takes_nothing_and_learns_nothing(dtype):
    queries, keys, values = (
        tensor.requires_grad_() for tensor in project(*small_example(dtype)[1:])
    )
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[2] = False
    output, weights = attention(queries, keys, values, mask)
    assert not weights[2].any() and not output[2].any()
    assert weights[[0, 1, 3]].any(dim=-1).all()
    (output.sum() + weights.square().sum()).backward()
    assert not queries.grad[2].any() and queries.grad[[0, 1, 3]].any(dim=-1).all()
    for tensor in (queries, keys, values):
        assert tensor.grad.isfinite().all()


def test_all_scores_equal_give_the_average():
    values = random_embeddings(6, 3, seed=0)
    output, _ = attention(torch.zeros(2, 4), random_embeddings(6, 4, seed=1), values)
    assert_equal_numbers(output, values.mean(dim=0).expand(2, 3), "output")


# Large scores and half precision


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_large_scores_stay_exact(dtype):
    """Scores of 10,000, 9,999 and −10,000, from numbers that every float type can hold."""
    queries = torch.tensor([[1.0, 1.0, 0, 0], [-1.0, 0, 0, 1.0]], dtype=dtype)
    keys = torch.tensor([[9984.0, 16, 0, 0], [9984, 15, 0, 0], [-9984, -16, 0, 0]], dtype=dtype)
    values = torch.tensor([[1.0, 0], [0, 1.0], [4.0, 4.0]], dtype=dtype)
    output, weights = attention(queries, keys, values, scale=1.0)
    share = 1 / (1 + math.exp(-1))
    wanted = torch.tensor([[share, 1 - share, 0], [0, 0, 1]], dtype=dtype)
    torch.testing.assert_close(weights, wanted, rtol=4 * torch.finfo(dtype).eps, atol=0)
    torch.testing.assert_close(output, wanted @ values, rtol=4 * torch.finfo(dtype).eps, atol=0)
    theirs = F.scaled_dot_product_attention(queries, keys, values, scale=1.0)
    assert_equal_numbers(output, theirs, "fused attention")


@given(case=cases(types=half_types), loud=st.sampled_from([1.0, 4.0, 30.0]))
def test_half_precision_is_as_exact_as_pytorchs(case, loud):
    """Scores from 0 to a few hundred; rounding them to half precision would show."""
    queries, keys, values = case.queries * loud, case.keys, case.values
    output, weights = attention(queries, keys, values, case.mask)
    assert output.dtype == weights.dtype == values.dtype
    double = (queries.double(), keys.double(), values.double())
    exact = F.scaled_dot_product_attention(*double, attn_mask=case.full_mask)
    theirs = F.scaled_dot_product_attention(queries, keys, values, attn_mask=case.full_mask)
    assert_equal_numbers(output, exact.to(values), "float64", 2)
    assert_equal_numbers(output, theirs, "fused attention", 3)


@given(case=cases(types=half_types))
def test_half_precision_gradients_are_near_the_true_ones(case):
    found = gradients(lambda *x: output_of(*x, case.mask), case.inputs, case.nudge)
    wide = case.to(torch.float64)
    wanted = gradients(lambda *x: output_of(*x, case.mask), wide.inputs, wide.nudge)
    for name, a, b in zip(("queries", "keys", "values"), found, wanted, strict=True):
        assert_equal_numbers(a, b.to(a.dtype), f"gradient of {name}", 4)


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
    def compare(case):
        equals_pytorch(mistake, case)

    rejects(compare, case=cases(square=True, **kinds))


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
    """The cases on which mistakes run accept attention; and they hold what the comparison needs."""
    seen = set()

    def look(case):
        equals_pytorch(output_of, case)
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


# Bad input

Z = torch.zeros
NAN = torch.tensor([[0.0, torch.nan, 0.0]])


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"queries": Z(4, 3).long()}, TypeError, "queries", "torch.int64"),
        ({"keys": Z(5, 3).int()}, TypeError, "keys", "torch.int32"),
        ({"values": Z(5, 2).bool()}, TypeError, "values", "torch.bool"),
        ({"queries": [[0.0]]}, TypeError, "queries", "list"),
        ({"keys": None}, TypeError, "keys", "NoneType"),
        ({"values": 1.0}, TypeError, "values", "float"),
        ({"queries": Z(4, 3).double()}, TypeError, "queries", "torch.float64"),
        ({"keys": Z(5, 3).half()}, TypeError, "keys", "torch.float16"),
        ({"values": Z(5, 2).bfloat16()}, TypeError, "values", "torch.bfloat16"),
        ({"queries": NAN.expand(4, 3)}, ValueError, "queries", "NaN"),
        ({"keys": NAN.expand(5, 3)}, ValueError, "keys", "NaN"),
        ({"values": NAN[:, :2].expand(5, 2)}, ValueError, "values", "NaN"),
        ({"queries": Z(3)}, ValueError, "queries", "(3,)"),
        ({"keys": Z(3)}, ValueError, "keys", "(3,)"),
        ({"values": Z(5)}, ValueError, "values", "(5,)"),
        ({"keys": Z(5, 4)}, ValueError, "keys", "(5, 4)"),
        ({"values": Z(4, 2)}, ValueError, "values", "(4, 2)"),
        ({"queries": Z(4, 0), "keys": Z(5, 0)}, ValueError, "queries", "(4, 0)"),
        ({"queries": Z(0, 3)}, ValueError, "queries", "(0, 3)"),
        ({"keys": Z(0, 3), "values": Z(0, 2)}, ValueError, "keys", "(0, 3)"),
        ({"keys": Z(0, 3)}, ValueError, "values", "(5, 2)"),
        ({"queries": Z(2, 4, 3), "keys": Z(3, 5, 3)}, ValueError, "keys", "(3, 5, 3)"),
        ({"keys": Z(2, 5, 3), "values": Z(3, 5, 2)}, ValueError, "values", "(3, 5, 2)"),
        ({"queries": Z(2, 4, 3), "values": Z(3, 5, 2)}, ValueError, "queries", "(2, 4, 3)"),
        ({"mask": Z(4, 5)}, TypeError, "mask", "torch.float32"),
        ({"mask": [[True]]}, TypeError, "mask", "list"),
        ({"mask": Z(5, 4).bool()}, ValueError, "mask", "(5, 4)"),
        ({"mask": Z(2, 4, 5).bool()}, ValueError, "mask", "(2, 4, 5)"),
        ({"scale": float("nan")}, ValueError, "scale", "nan"),
        ({"scale": "1"}, TypeError, "scale", "'1'"),
    ],
)
def test_what_cannot_attend_is_refused(change, error, name, came):
    sound = {"queries": Z(4, 3), "keys": Z(5, 3), "values": Z(5, 2)}
    with refused(error, name, came):
        attention(**{**sound, **change})


@pytest.mark.bad_input
@given(
    case=cases(types=st.sampled_from([*FLOATS, *HALVES])),
    which=st.sampled_from(range(3)),
    place=st.randoms(),
)
def test_one_nan_anywhere_is_refused_whether_it_is_hidden_or_not(case, which, place):
    inputs = [tensor.clone() for tensor in case.inputs]
    inputs[which].view(-1)[place.randrange(inputs[which].numel())] = torch.nan
    with refused(ValueError, ("queries", "keys", "values")[which], "NaN"):
        attention(*inputs, case.mask)


# SelfAttention


@given(
    generator=generators,
    batch=leading_shapes,
    widths=st.tuples(sizes, sizes, sizes, sizes),
    bias=st.booleans(),
    data=st.data(),
)
def test_the_module_is_project_and_attention(generator, batch, widths, bias, data):
    seq_len, d_model, d_k, d_v = widths
    module = SelfAttention(d_model, d_k, d_v, bias=bias).double()
    for parameter in module.parameters():
        parameter.data = normal(generator, *parameter.shape, dtype=torch.float64)
    x = normal(generator, *batch, seq_len, d_model, dtype=torch.float64)
    mask = data.draw(st.none() | masks((*batch, seq_len, seq_len)))
    with untouched(x, *([] if mask is None else [mask])):
        output, weights = module(x, mask)
    state = module.state_dict()
    parts = project(x, *(state[f"projections.{name}.weight"].T for name in NAMES))
    if bias:
        biases = [state[f"projections.{name}.bias"] for name in NAMES]
        parts = [part + b for part, b in zip(parts, biases, strict=True)]
    wanted = attention(*parts, mask)
    assert output.shape == (*batch, seq_len, d_v)
    assert weights.shape == (*batch, seq_len, seq_len)
    assert_equal_numbers(output.detach(), wanted[0], "output")
    assert_equal_numbers(weights.detach(), wanted[1], "weights")


def test_the_modules_parameters_keep_their_names():
    """Recorded models are loaded by these names."""

    def shapes(module):
        return {name: tuple(value.shape) for name, value in module.state_dict().items()}

    weights = {
        "projections.query.weight": (4, 3),
        "projections.key.weight": (4, 3),
        "projections.value.weight": (2, 3),
    }
    assert shapes(SelfAttention(3, 4, 2)) == weights
    assert shapes(SelfAttention(3, 4, 2, bias=True)) == {
        **weights,
        "projections.query.bias": (4,),
        "projections.key.bias": (4,),
        "projections.value.bias": (2,),
    }


def test_the_module_reaches_the_small_examples_output():
    _, embeddings, W_query, W_key, W_value = small_example()
    module = SelfAttention(3, 4, 2)
    module.load_state_dict(
        {
            "projections.query.weight": W_query.T,
            "projections.key.weight": W_key.T,
            "projections.value.weight": W_value.T,
        }
    )
    output, weights = module(embeddings)
    wanted = attention(*project(embeddings, W_query, W_key, W_value))
    assert_equal_numbers(output.detach(), wanted[0], "output")
    assert_equal_numbers(weights.detach(), wanted[1], "weights")


def test_every_parameter_of_the_module_learns():
    torch.manual_seed(0)
    module = SelfAttention(6, 4, 2, bias=True)
    output, _ = module(random_embeddings(5, 6, seed=0))
    output.square().sum().backward()
    silent = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias of the keys adds the same to all scores of a query, so its gradient is rounding alone.
    assert set(silent) <= {"projections.key.bias"}
    assert module.projections.key.bias.grad.abs().max() < 1e-6


def test_the_same_seed_gives_the_same_module():
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(SelfAttention(6, 4, 2))
    for a, b in zip(*(module.parameters() for module in made), strict=True):
        assert torch.equal(a, b)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["d_model", "d_k", "d_v"])
@pytest.mark.parametrize("size, error", [(0, ValueError), (2.0, TypeError)])
def test_sizes_that_count_nothing_are_refused(name, size, error):
    with refused(error, name, str(size)):
        SelfAttention(**{"d_model": 3, "d_k": 4, "d_v": 2, name: size})


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "x, mask, error, name, came",
    [
        (Z(4, 5), None, ValueError, "embeddings", "(4, 5)"),
        (Z(3), None, ValueError, "embeddings", "(3,)"),
        (Z(4, 3).long(), None, TypeError, "embeddings", "torch.int64"),
        (Z(4, 3).double(), None, TypeError, "embeddings", "torch.float64"),
        (Z(0, 3), None, ValueError, "embeddings", "(0, 3)"),
        (NAN, None, ValueError, "embeddings", "NaN"),
        (Z(4, 3), Z(4, 4), TypeError, "mask", "torch.float32"),
        (Z(4, 3), Z(5, 5).bool(), ValueError, "mask", "(5, 5)"),
        (Z(2, 4, 3), Z(3, 4, 4).bool(), ValueError, "mask", "(3, 4, 4)"),
    ],
)
def test_the_module_refuses_what_does_not_fit(x, mask, error, name, came):
    with refused(error, name, came):
        SelfAttention(3, 4, 2)(x, mask)
