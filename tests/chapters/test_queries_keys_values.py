"""Chapter 3: three projections, as a function and as a module."""

import pytest
import torch
from expectations import assert_equal_numbers, gradients, refused, untouched
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FLOATS, float_types, generators, leading_shapes, normal, sizes
from torch import nn

from bareattention import Projections, project, random_embeddings, small_example

NAMES = ("query", "key", "value")


@st.composite
def heads(draw):
    """Embeddings and the three matrices of one head."""
    dtype, generator = draw(float_types), draw(generators)
    seq_len, d_model, d_k, d_v = (draw(sizes) for _ in range(4))
    return (
        normal(generator, *draw(leading_shapes), seq_len, d_model, dtype=dtype),
        normal(generator, d_model, d_k, dtype=dtype),
        normal(generator, d_model, d_k, dtype=dtype),
        normal(generator, d_model, d_v, dtype=dtype),
    )


# project


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_small_examples_queries_keys_and_values(dtype):
    queries, keys, values = project(*small_example(dtype=dtype)[1:])
    assert queries.tolist() == [[2, -2, -2, -4], [0, 0, -1, -1], [0, 0, 1, 1], [1, -3, 0, -2]]
    assert keys.tolist() == [[0, -2, 0, 0], [0, 0, -1, -1], [0, 0, 1, 1], [1, -1, 3, 1]]
    assert values.tolist() == [[2, 0], [0, 0], [0, 0], [1, 1]]


def test_loan_changes_the_rows_of_its_own_token_alone():
    with_boat, with_loan = (project(*small_example(first)[1:]) for first in ("boat", "loan"))
    for boat, loan in zip(with_boat, with_loan, strict=True):
        assert (boat != loan).any(dim=-1).tolist() == [True, False, False, False]


@settings(max_examples=40)
@given(head=heads())
def test_project_equals_the_sum_of_products_and_its_gradients(head):
    def summed(embeddings, *matrices):
        return tuple(torch.einsum("...nm,mk->...nk", embeddings, W) for W in matrices)

    def in_one(function):
        return lambda *head: torch.cat([part.flatten() for part in function(*head)])

    with untouched(*head):
        projected = project(*head)
    for ours, theirs in zip(projected, summed(*head), strict=True):
        assert_equal_numbers(ours, theirs, "the sum of products")
    nudge = torch.linspace(-1, 1, sum(part.numel() for part in projected)).to(head[0])
    pairs = (gradients(in_one(function), head, nudge) for function in (project, summed))
    for ours, theirs in zip(*pairs, strict=True):
        assert_equal_numbers(ours, theirs, "gradients")


def test_nan_spreads_within_its_own_token_as_in_pytorch():
    embeddings, *matrices = small_example()[1:]
    embeddings[2, 0] = torch.nan
    for result in project(embeddings, *matrices):
        assert result.isnan().all(dim=-1).tolist() == [False, False, True, False]


Z = torch.zeros


@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"embeddings": Z(4, 3).long()}, TypeError, "embeddings", "torch.int64"),
        ({"embeddings": Z(0, 3)}, ValueError, "embeddings", "(0, 3)"),
        ({"W_query": Z(5, 4)}, ValueError, "W_query", "(5, 4)"),
        ({"W_key": Z(3, 5)}, ValueError, "W_key", "(3, 5)"),
        ({"W_value": Z(5, 2)}, ValueError, "W_value", "(5, 2)"),
        ({"W_value": Z(3, 2).half()}, TypeError, "W_value", "torch.float16"),
    ],
)
def test_project_refuses_what_does_not_fit(change, error, name, came):
    sound = {"embeddings": Z(4, 3), "W_query": Z(3, 4), "W_key": Z(3, 4), "W_value": Z(3, 2)}
    with refused(error, name, came):
        project(**{**sound, **change})


# Projections


@settings(max_examples=40)
@given(head=heads(), bias=st.booleans(), generator=generators)
def test_the_module_does_what_the_function_does(head, bias, generator):
    embeddings, *matrices = head
    d_model, d_k, d_v = embeddings.shape[-1], matrices[0].shape[1], matrices[2].shape[1]
    module = Projections(d_model, d_k, d_v, bias=bias).to(embeddings.dtype)
    biases = [torch.zeros(d, dtype=embeddings.dtype) for d in (d_k, d_k, d_v)]
    with torch.no_grad():
        for name, W, b in zip(NAMES, matrices, biases, strict=True):
            getattr(module, name).weight.copy_(W.T)
            if bias:
                b.copy_(normal(generator, len(b), dtype=b.dtype))
                getattr(module, name).bias.copy_(b)
    with untouched(embeddings):
        projected = module(embeddings)
    for ours, theirs, b in zip(projected, project(*head), biases, strict=True):
        assert_equal_numbers(ours.detach(), theirs + b, "the function, plus a bias")


def test_the_module_has_three_named_matrices_and_biases_only_on_request():
    def shapes(module):
        return {name: tuple(value.shape) for name, value in module.state_dict().items()}

    weights = {"query.weight": (4, 3), "key.weight": (4, 3), "value.weight": (2, 3)}
    assert shapes(Projections(3, 4, 2)) == weights
    biases = {"query.bias": (4,), "key.bias": (4,), "value.bias": (2,)}
    assert shapes(Projections(3, 4, 2, bias=True)) == {**weights, **biases}


@pytest.mark.parametrize("d_model", [64, 512])
def test_parameters_start_with_mean_0_and_variance_1_over_d_model(d_model):
    """PyTorch's own start has a third of that."""
    torch.manual_seed(0)
    module = Projections(d_model, 256, 256, bias=True)
    for name in NAMES:
        matrix = getattr(module, name)
        assert isinstance(matrix.weight, nn.Parameter) and not matrix.bias.any()
        assert abs(matrix.weight.var() * d_model - 1) < 0.05
        assert abs(matrix.weight.mean()) * d_model**0.5 < 0.02
    assert not torch.equal(module.query.weight, module.key.weight)
    for result in module(random_embeddings(128, d_model, seed=0)):
        assert abs(result.var() - 1) < 0.1
        result.square().sum().backward()
    assert all(parameter.grad.any() for parameter in module.parameters())


@pytest.mark.parametrize(
    "sizes, embeddings, error, name, came",
    [
        ((0, 4, 2), None, ValueError, "d_model", "0"),
        ((3, 4.0, 2), None, TypeError, "d_k", "4.0"),
        ((3, 4, -1), None, ValueError, "d_v", "-1"),
        ((3, 4, 2), Z(4, 5), ValueError, "embeddings", "(4, 5)"),
        ((3, 4, 2), Z(4, 3).double(), TypeError, "embeddings", "torch.float64"),
    ],
)
def test_the_module_refuses_what_does_not_fit(sizes, embeddings, error, name, came):
    with refused(error, name, came):
        Projections(*sizes)(embeddings)
