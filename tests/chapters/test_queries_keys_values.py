"""Chapter 3: three projections, as a function and as a module."""

import pytest
import torch
from expectations import assert_equal_numbers, gradients, refused, untouched
from hypothesis import given
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


def linear(W, bias=None):
    """PyTorch's projection, which stores the transpose."""
    made = nn.Linear(*W.shape, bias=bias is not None, dtype=W.dtype)
    with torch.no_grad():
        made.weight.copy_(W.T)
        if bias is not None:
            made.bias.copy_(bias)
    return made


# project


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_small_examples_queries_keys_and_values(dtype):
    queries, keys, values = project(*small_example(dtype)[1:])
    assert queries.tolist() == [[-1, 1, 0, 0], [-2, -2, 0, -2], [-1, -1, 0, 2], [0, -2, 0, 2]]
    assert keys.tolist() == [[1, -1, -1, 1], [-2, 2, 0, 0], [1, -1, -1, -1], [0, 0, 0, -2]]
    assert values.tolist() == [[1, 1], [0, 2], [3, 3], [2, 2]]


@given(head=heads())
def test_project_equals_the_sum_of_products_and_pytorchs_linear(head):
    embeddings, *matrices = head
    with untouched(*head):
        projected = project(*head)
    for result, W in zip(projected, matrices, strict=True):
        summed = torch.einsum("...nm,mk->...nk", embeddings, W)
        assert_equal_numbers(result, summed, "the sum of products")
        assert_equal_numbers(result, linear(W)(embeddings).detach(), "nn.Linear")


@given(head=heads())
def test_each_token_is_projected_alone(head):
    """Nothing of another token comes into a token's query, key or value."""
    embeddings, *matrices = head
    for whole, last in zip(
        project(*head), project(embeddings[..., -1:, :], *matrices), strict=True
    ):
        assert_equal_numbers(whole[..., -1:, :], last, "the last token")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"embeddings": torch.zeros(4, 3).long()}, TypeError, "embeddings", "torch.int64"),
        ({"embeddings": [[0.0]]}, TypeError, "embeddings", "list"),
        ({"embeddings": torch.zeros(3)}, ValueError, "embeddings", "(3,)"),
        ({"W_query": torch.zeros(3, 4).bool()}, TypeError, "W_query", "torch.bool"),
        ({"W_query": torch.zeros(5, 4)}, ValueError, "W_query", "(5, 4)"),
        ({"W_query": torch.zeros(3)}, ValueError, "W_query", "(3,)"),
        ({"W_query": torch.zeros(3, 3, 4)}, ValueError, "W_query", "(3, 3, 4)"),
        ({"W_key": torch.zeros(5, 4)}, ValueError, "W_key", "(5, 4)"),
        ({"W_key": torch.zeros(3, 5)}, ValueError, "W_key", "(3, 5)"),
        ({"W_key": torch.zeros(3, 4, 4)}, ValueError, "W_key", "(3, 4, 4)"),
        ({"W_value": torch.zeros(5, 2)}, ValueError, "W_value", "(5, 2)"),
        ({"W_value": None}, TypeError, "W_value", "NoneType"),
        ({"W_key": torch.zeros(3, 4).double()}, TypeError, "W_key", "torch.float64"),
        ({"W_value": torch.zeros(3, 2).half()}, TypeError, "W_value", "torch.float16"),
        ({"embeddings": torch.zeros(0, 3)}, ValueError, "embeddings", "(0, 3)"),
        ({"embeddings": torch.full((4, 3), torch.nan)}, ValueError, "embeddings", "NaN"),
        ({"W_value": torch.full((3, 2), torch.nan)}, ValueError, "W_value", "NaN"),
    ],
)
def test_project_refuses_what_does_not_fit(change, error, name, came):
    sound = {
        "embeddings": torch.zeros(4, 3),
        "W_query": torch.zeros(3, 4),
        "W_key": torch.zeros(3, 4),
        "W_value": torch.zeros(3, 2),
    }
    with refused(error, name, came):
        project(**{**sound, **change})


# Projections


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


@given(head=heads())
def test_gradients_reach_the_parameters_as_in_the_function(head):
    embeddings, *matrices = head
    nudges = [torch.ones_like(result) for result in project(*head)]
    modules = [linear(W) for W in matrices]
    for i, (module, nudge) in enumerate(zip(modules, nudges, strict=True)):
        module(embeddings).backward(nudge)
        (ours,) = gradients(
            lambda W, i=i: project(embeddings, *matrices[:i], W, *matrices[i + 1 :])[i],
            [matrices[i]],
            nudge,
        )
        assert_equal_numbers(ours, module.weight.grad.T, "the gradient of a matrix")


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
        assert matrix.weight.requires_grad and matrix.bias.requires_grad
        assert not matrix.bias.any()
        assert abs(matrix.weight.var() * d_model - 1) < 0.05
        assert abs(matrix.weight.mean()) * d_model**0.5 < 0.02
    assert not torch.equal(module.query.weight, module.key.weight)


def test_embeddings_of_variance_1_give_queries_keys_and_values_of_variance_1():
    torch.manual_seed(0)
    for result in Projections(512, 64, 64)(random_embeddings(128, 512, seed=0)):
        assert abs(result.var() - 1) < 0.1


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["d_model", "d_k", "d_v"])
@pytest.mark.parametrize("size, error", [(0, ValueError), (-2, ValueError), (2.5, TypeError)])
def test_sizes_that_count_nothing_are_refused(name, size, error):
    with refused(error, name, str(size)):
        Projections(**{"d_model": 3, "d_k": 4, "d_v": 2, name: size})


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "embeddings, error, came",
    [
        (torch.zeros(4, 5), ValueError, "(4, 5)"),
        (torch.zeros(3), ValueError, "(3,)"),
        (torch.zeros(4, 3).long(), TypeError, "torch.int64"),
        (torch.zeros(4, 3).double(), TypeError, "torch.float64"),
        ([[0.0, 0.0, 0.0]], TypeError, "list"),
        (torch.zeros(2, 0, 3), ValueError, "(2, 0, 3)"),
        (torch.full((4, 3), torch.nan), ValueError, "NaN"),
    ],
)
def test_the_module_refuses_embeddings_that_do_not_fit(embeddings, error, came):
    with refused(error, "embeddings", came):
        Projections(3, 4, 2)(embeddings)
