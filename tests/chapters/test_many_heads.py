"""Chapter 9: several heads in one module."""

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    assert_heads_learn_alike,
    copy_heads,
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

from bareattention import (
    MultiHeadAttention,
    SelfAttention,
    attention,
    causal_mask,
    count_parameters,
    join_heads,
    leakage,
    padding_mask,
    project,
    random_embeddings,
    split_heads,
)

DOUBLE = torch.float64
several = st.integers(2, 4)


def ours_for(case, bias=True):
    """The module for a drawn case, with random numbers in all parameters, biases included."""
    module = MultiHeadAttention(case.x.shape[-1], case.n_heads, bias=bias)
    return with_random_parameters(module, case.generator, case.x)


def pytorchs(ours):
    d_model, bias = ours.output.in_features, ours.output.bias is not None
    theirs = nn.MultiheadAttention(d_model, ours.n_heads, bias=bias, batch_first=True)
    return copy_heads(ours, theirs.to(ours.output.weight.dtype))


# Split and join


@given(generator=generators, batch=leading_shapes, seq_len=sizes, n_heads=sizes, d_head=sizes)
def test_each_head_gets_its_channels(generator, batch, seq_len, n_heads, d_head):
    x = normal(generator, *batch, seq_len, n_heads * d_head)
    with untouched(x):
        split = split_heads(x, n_heads)
    assert split.shape == (*batch, n_heads, seq_len, d_head)
    for head in range(n_heads):
        own = x[..., head * d_head : (head + 1) * d_head]
        assert torch.equal(split[..., head, :, :], own)


@given(generator=generators, batch=leading_shapes, seq_len=sizes, n_heads=sizes, d_head=sizes)
def test_split_and_join_undo_each_other(generator, batch, seq_len, n_heads, d_head):
    x = normal(generator, *batch, seq_len, n_heads * d_head)
    assert torch.equal(join_heads(split_heads(x, n_heads)), x)
    y = normal(generator, *batch, n_heads, seq_len, d_head)
    with untouched(y):
        joined = join_heads(y)
    assert joined.shape == (*batch, seq_len, n_heads * d_head)
    assert torch.equal(split_heads(joined, n_heads), y)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float64])
def test_heads_of_any_type_are_split_and_joined(dtype):
    x = torch.arange(24).view(2, 3, 4).to(dtype)
    assert split_heads(x, 2).dtype == dtype
    assert torch.equal(join_heads(split_heads(x, 2)), x)


@given(generator=generators, seq_len=sizes, n_heads=several, d_head=several)
def test_memory_layout_does_not_matter(generator, seq_len, n_heads, d_head):
    x = normal(generator, n_heads * d_head, seq_len).T
    assert torch.equal(split_heads(x, n_heads), split_heads(x.contiguous(), n_heads))


# Equal to PyTorch's module: outputs, the weights of each head, and gradients


def call(module, x, mask):
    return module(x, mask)


def equals_pytorch(function, case, bias=True, steps=10):
    """The core comparison; with `function` other than `call`, something else attends."""
    ours = ours_for(case, bias)
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
    holds_for_all(compare, 40, case=case, bias=st.booleans())


def test_the_real_sized_module_equals_pytorchs():
    torch.manual_seed(1)
    ours, x = MultiHeadAttention(512, 8), random_embeddings(128, 512, seed=0)
    for mask in (None, causal_mask(128)):
        turned = None if mask is None else ~mask
        with torch.no_grad():
            output, weights = ours(x, mask)
            wanted = pytorchs(ours)(x, x, x, attn_mask=turned, average_attn_weights=False)
        assert_equal_numbers(output, wanted[0], "output")
        assert_equal_numbers(weights, wanted[1], "weights")


@given(case=sequences(kinds=["other"], nobody=True))
def test_rows_of_nobody_are_zeros_and_learn_without_nan(case):
    module = ours_for(case)
    output, weights = module(case.x, case.mask)
    nobody = ~case.mask.expand_as(weights).any(dim=-1)
    assert not weights[nobody].any()
    rest = weights[~nobody].sum(dim=-1).detach()
    assert_equal_numbers(rest, torch.ones_like(rest), "the other rows")
    # Who got nothing from any head gets the bias of the output, and no more.
    alone = output[nobody.all(dim=-2)].detach()
    assert_equal_numbers(alone, module.output.bias.detach().expand_as(alone), "bias")
    output.backward(case.nudge)
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


# Heads are blocks of one matrix, and their results are added


@given(case=sequences())
def test_many_heads_are_a_sum_of_single_heads(case):
    module = ours_for(case)
    state, seq_len = module.state_dict(), case.x.shape[-2]
    d_head = case.x.shape[-1] // case.n_heads
    output, weights = module(case.x, case.mask)
    total = state["output.bias"].expand_as(case.x)
    full = (*case.x.shape[:-2], case.n_heads, seq_len, seq_len)
    for head in range(case.n_heads):
        own = slice(head * d_head, (head + 1) * d_head)
        alone = SelfAttention(case.x.shape[-1], d_head, d_head, bias=True).to(case.x.dtype)
        alone.load_state_dict({k: v[own] for k, v in state.items() if k.startswith("projections")})
        mask = None if case.mask is None else case.mask.expand(full)[..., head, :, :]
        mixed, own_weights = alone(case.x, mask)
        assert_equal_numbers(weights[..., head, :, :].detach(), own_weights.detach(), "weights", 10)
        total = total + mixed.detach() @ state["output.weight"][:, own].T
    assert_equal_numbers(output.detach(), total, "the sum over heads", 10)


@given(case=sequences(kinds=["none"], heads=st.just(1)))
def test_one_head_is_chapter_6_and_a_projection(case):
    module = ours_for(case, bias=False)
    state = module.state_dict()
    matrices = (state[f"projections.{name}.weight"].T for name in ("query", "key", "value"))
    mixed, weights = attention(*project(case.x, *matrices))
    output, own = module(case.x)
    assert_equal_numbers(own.squeeze(-3).detach(), weights, "weights")
    assert_equal_numbers(output.detach(), mixed @ state["output.weight"].T, "output", 10)


@given(n_heads=several, d_head=several, generator=generators)
def test_heads_look_in_different_ways(n_heads, d_head, generator):
    x = normal(generator, 5, n_heads * d_head)
    _, weights = with_random_parameters(MultiHeadAttention(len(x[0]), n_heads), generator, x)(x)
    assert not torch.allclose(weights[0], weights[1], atol=1e-4)


@pytest.mark.parametrize("bias, count", [(True, 1_050_624), (False, 1_048_576)])
def test_the_number_of_heads_does_not_change_the_number_of_parameters(bias, count):
    for n_heads in (1, 2, 4, 8, 16, 512):
        assert count_parameters(MultiHeadAttention(512, n_heads, bias)) == count
        assert count_parameters(nn.MultiheadAttention(512, n_heads, bias=bias)) == count


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
    assert MultiHeadAttention(4, 2).output.bias is not None
    assert MultiHeadAttention(4, 2).projections.key.bias is not None


# Known mistakes


def attend(module, x, mask, split=split_heads, join=join_heads, scale=None):
    """The module, with one part exchanged."""
    heads = (split(projected, module.n_heads) for projected in module.projections(x))
    mixed, weights = attention(*heads, mask=mask, scale=scale)
    return module.output(join(mixed)), weights


def cut_by_view(x, n_heads):
    *batch, seq_len, d_model = x.shape
    return x.reshape(*batch, n_heads, seq_len, d_model // n_heads)


def joined_by_view(x):
    *batch, n_heads, seq_len, d_head = x.shape
    return x.reshape(*batch, seq_len, n_heads * d_head)


def right(module, x, mask):
    return attend(module, x, mask)


def view_only(module, x, mask):
    return attend(module, x, mask, cut_by_view, joined_by_view)


def split_by_view(module, x, mask):
    return attend(module, x, mask, split=cut_by_view)


def join_by_view(module, x, mask):
    return attend(module, x, mask, join=joined_by_view)


def channels_dealt_out(module, x, mask):
    """Channel 0 to head 0, channel 1 to head 1, and so on: heads too, only not PyTorch's."""
    return attend(module, x, mask, lambda x, n: x.unflatten(-1, (-1, n)).movedim(-1, -3))


def heads_joined_backwards(module, x, mask):
    return attend(module, x, mask, join=lambda y: join_heads(y.flip(-3)))


def scaled_by_d_model(module, x, mask):
    return attend(module, x, mask, scale=x.shape[-1] ** -0.5)


def heads_averaged(module, x, mask):
    output, weights = attend(module, x, mask)
    return output, weights.mean(dim=-3, keepdim=True).expand_as(weights)


def not_projected(module, x, mask):
    heads = (split_heads(projected, module.n_heads) for projected in module.projections(x))
    mixed, weights = attention(*heads, mask=mask)
    return join_heads(mixed) + 0 * module.output(x), weights


def one_head_for_all(module, x, mask):
    """The first head's queries, keys and values in the place of everybody's."""
    return attend(
        module, x, mask, lambda x, n: split_heads(x, n)[..., :1, :, :].repeat_interleave(n, dim=-3)
    )


def queries_and_keys_exchanged(module, x, mask):
    queries, keys, values = (split_heads(p, module.n_heads) for p in module.projections(x))
    mixed, weights = attention(keys, queries, values, mask=mask)
    return module.output(join_heads(mixed)), weights


MISTAKES = [
    view_only,
    split_by_view,
    join_by_view,
    channels_dealt_out,
    heads_joined_backwards,
    scaled_by_d_model,
    heads_averaged,
    not_projected,
    one_head_for_all,
    queries_and_keys_exchanged,
]


def large_enough(**kinds):
    """Cases in which heads, channels and tokens are several, so that no mistake is none."""
    return sequences(heads=several, channels=several, tokens=several, **kinds)


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(case):
        equals_pytorch(mistake, case)

    rejects(compare, case=large_enough(kinds=["none"]))


def test_the_comparison_accepts_the_parts_that_mistakes_are_made_of():
    holds_for_all(lambda case: equals_pytorch(right, case), case=large_enough())


# Two tests that need no reference, and catch `view`


def passes_the_permutation_test(function, case):
    module = ours_for(case)
    order = torch.randperm(case.x.shape[-2], generator=case.generator)
    output, weights = function(module, case.x, None)
    shuffled = function(module, case.x[..., order, :], None)
    assert_equal_numbers(shuffled[0].detach(), output[..., order, :].detach(), "output", 10)
    after = weights[..., order, :][..., order].detach()
    assert_equal_numbers(shuffled[1].detach(), after, "weights", 10)


def passes_the_leak_test(function, case):
    module = ours_for(case)
    tokens = case.x[(0,) * (case.x.ndim - 2)]
    leak = leakage(lambda x: function(module, x, ~case.future), tokens)
    assert torch.equal(leak > 0, ~case.future)


TESTS = [passes_the_permutation_test, passes_the_leak_test]


@pytest.mark.parametrize("check", TESTS, ids=names(TESTS))
def test_the_module_passes(check):
    holds_for_all(lambda case: check(call, case), 25, case=large_enough(types=st.just(DOUBLE)))


@pytest.mark.parametrize("check", TESTS, ids=names(TESTS))
@pytest.mark.parametrize("mistake", [view_only, split_by_view, join_by_view])
def test_what_uses_view_alone_is_rejected(check, mistake):
    def compare(case):
        check(mistake, case)

    rejects(compare, case=large_enough(types=st.just(DOUBLE)))


def test_with_view_alone_a_token_sees_its_neighbour_and_no_more():
    """The chapter's picture: 16 tokens, 8 heads, and two tokens in each wrong head."""
    torch.manual_seed(0)
    module, x = MultiHeadAttention(32, 8), random_embeddings(16, 32, seed=1)
    leak = leakage(lambda x: view_only(module, x, causal_mask(16)), x)
    assert torch.equal(leak > 0, torch.ones(2, 2).tril().bool().repeat(8, 8) & blocks_of_two(16))


def blocks_of_two(n):
    pair = torch.arange(n) // 2
    return pair[:, None] == pair


# Bad input

Z = torch.zeros


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "x, n_heads, error, name, came",
    [
        (Z(3, 6), 4, ValueError, "n_heads", "4"),
        (Z(3, 6), 12, ValueError, "n_heads", "12"),
        (Z(3, 6), 0, ValueError, "n_heads", "0"),
        (Z(3, 6), -2, ValueError, "n_heads", "-2"),
        (Z(3, 6), 2.0, TypeError, "n_heads", "2.0"),
        (Z(3, 6), True, TypeError, "n_heads", "True"),
        (Z(6), 2, ValueError, "x", "(6,)"),
        ([[0.0]], 1, TypeError, "x", "list"),
    ],
)
def test_what_cannot_be_split_is_refused(x, n_heads, error, name, came):
    with refused(error, name, came):
        split_heads(x, n_heads)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "x, error, came", [(Z(3, 6), ValueError, "(3, 6)"), ([[[0.0]]], TypeError, "list")]
)
def test_what_cannot_be_joined_is_refused(x, error, came):
    with refused(error, "x", came):
        join_heads(x)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"d_model": 0}, ValueError, "d_model", "0"),
        ({"d_model": 6.0}, TypeError, "d_model", "6.0"),
        ({"n_heads": 0}, ValueError, "n_heads", "0"),
        ({"n_heads": "2"}, TypeError, "n_heads", "'2'"),
        ({"n_heads": 4}, ValueError, "n_heads", "4"),
        ({"n_heads": 12}, ValueError, "n_heads", "12"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, error, name, came):
    with refused(error, name, came):
        MultiHeadAttention(**{"d_model": 6, "n_heads": 2, **change})


@pytest.mark.bad_input
@given(d_model=st.integers(1, 30), n_heads=st.integers(1, 30))
@settings(max_examples=50)
def test_exactly_the_divisors_of_d_model_are_taken(d_model, n_heads):
    if d_model % n_heads == 0:
        assert MultiHeadAttention(d_model, n_heads).n_heads == n_heads
    else:
        with refused(ValueError, "n_heads", str(n_heads), f"a divisor of d_model = {d_model}"):
            MultiHeadAttention(d_model, n_heads)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "x, mask, error, name, came",
    [
        (Z(4, 5), None, ValueError, "x", "(4, 5)"),
        (Z(6), None, ValueError, "x", "(6,)"),
        (Z(4, 6).long(), None, TypeError, "x", "torch.int64"),
        ([[0.0]], None, TypeError, "x", "list"),
        (Z(4, 6), Z(4, 4), TypeError, "mask", "torch.float32"),
        (Z(4, 6), [[True]], TypeError, "mask", "list"),
        (Z(4, 6), Z(5, 5).bool(), ValueError, "mask", "(5, 5)"),
        (Z(2, 4, 6), Z(3, 1, 4, 4).bool(), ValueError, "mask", "(3, 1, 4, 4)"),
    ],
)
def test_the_module_refuses_what_does_not_fit(x, mask, error, name, came):
    with refused(error, name, came):
        MultiHeadAttention(6, 2)(x, mask)


@pytest.mark.bad_input
@pytest.mark.parametrize("x", [Z(4, 6).fill_(torch.nan), Z(0, 6), Z(4, 6).double()])
def test_nan_emptiness_and_another_float_type_are_refused_by_the_book(x):
    """Whichever part notices first says what was wanted and what came."""
    with pytest.raises((ValueError, TypeError), match=r"wanted .+, got .+"):
        MultiHeadAttention(6, 2)(x)


@pytest.mark.bad_input
@pytest.mark.parametrize("batch", [(2,), (5,), (2, 2), (3, 2), (2, 5)])
def test_a_mask_whose_axis_of_texts_could_be_taken_for_the_heads_is_refused(batch):
    """With two heads and two texts it would fit, and mean something else."""
    x, module = Z(*batch, 4, 6), MultiHeadAttention(6, 2)
    for rows in (1, 4):
        mask = torch.ones(*batch, rows, 4, dtype=torch.bool)
        with refused(ValueError, "mask", str(tuple(mask.shape))):
            module(x, mask)
        _, weights = module(x, mask.unsqueeze(-3))
        assert weights.shape == (*batch, 2, 4, 4)


def test_a_padding_mask_with_an_axis_for_the_heads_hides_padding_in_every_head():
    mask = padding_mask(torch.tensor([1, 3, 4]), 4).unsqueeze(1)
    _, weights = MultiHeadAttention(6, 3)(normal(torch.Generator(), 3, 4, 6), mask)
    assert torch.equal(weights > 0, mask.expand_as(weights))


@given(case=sequences(kinds=["causal"], types=float_types))
def test_a_mask_of_one_in_front_serves_all(case):
    module = ours_for(case)
    for mask in (case.mask[None], case.mask[(None,) * (case.x.ndim - 1)]):
        assert torch.equal(module(case.x, mask)[0], module(case.x, case.mask)[0])
