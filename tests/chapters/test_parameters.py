"""Chapter 1: sizes, counting parameters, and the small example."""

import dataclasses

import pytest
import torch
from expectations import refused
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FLOATS, HALVES, sizes
from torch import nn

from bareattention import (
    AttentionSizes,
    Projections,
    attention,
    count_parameters,
    project,
    small_example,
)

# AttentionSizes


@settings(max_examples=20)
@given(d_model=sizes, n_heads=sizes, d_k=sizes, d_v=sizes)
def test_heads_and_their_output_are_counted_as_they_are_built(d_model, n_heads, d_k, d_v):
    ours = AttentionSizes(d_model, n_heads, d_k, d_v)
    head = Projections(d_model, d_k, d_v)
    output = nn.Linear(n_heads * d_v, d_model, bias=False)
    assert dataclasses.astuple(ours) == (d_model, n_heads, d_k, d_v)
    assert ours.per_head == count_parameters(head)
    assert ours.in_total == n_heads * count_parameters(head) + count_parameters(output)


@settings(max_examples=10)
@given(n_heads=st.integers(1, 8), d_k=st.integers(1, 12))
def test_divided_sizes_are_counted_as_pytorch_builds_them(n_heads, d_k):
    ours = AttentionSizes.divided(n_heads * d_k, n_heads)
    theirs = nn.MultiheadAttention(n_heads * d_k, n_heads, bias=False)
    assert ours == AttentionSizes(n_heads * d_k, n_heads, d_k, d_k)
    assert ours.in_total == count_parameters(theirs)


def test_sizes_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AttentionSizes.divided(512, 8).d_k = 1


def test_sizes_that_count_nothing_and_heads_that_do_not_divide_are_refused():
    sound = {"d_model": 8, "n_heads": 2, "d_k": 4, "d_v": 4}
    for name in sound:
        with refused(ValueError, name, "0"):
            AttentionSizes(**{**sound, name: 0})
    with refused(TypeError, "d_k", "2.0"):
        AttentionSizes(**{**sound, "d_k": 2.0})
    for name in ("d_model", "n_heads"):
        with refused(ValueError, name, "0"):
            AttentionSizes.divided(**{"d_model": 8, "n_heads": 2, name: 0})
    with refused(ValueError, "n_heads", "7", "a divisor of d_model = 512"):
        AttentionSizes.divided(512, 7)


# count_parameters


def test_counts_what_training_may_change_once():
    shared = nn.Linear(3, 4)
    frozen = nn.Linear(5, 5).requires_grad_(False)
    buffers = nn.BatchNorm1d(6, affine=False)
    assert count_parameters(nn.Sequential(shared, shared, frozen, buffers)) == 3 * 4 + 4
    assert count_parameters(nn.ReLU()) == 0
    with refused(TypeError, "module", "list"):
        count_parameters([shared])


# small_example


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
@pytest.mark.parametrize("first, row", [("boat", [2, 0, 0]), ("loan", [0, 2, 0])])
def test_the_small_example_is_the_storys_and_fresh_at_every_call(first, row, dtype):
    for matrix in small_example(first, dtype)[1:]:
        matrix.fill_(7)
    example = small_example(first, dtype)
    assert example._fields == ("tokens", "embeddings", "W_query", "W_key", "W_value")
    assert example.tokens == (first, "by", "the", "bank")
    assert {matrix.dtype for matrix in example[1:]} == {dtype}
    assert [matrix.tolist() for matrix in example[1:]] == [
        [row, [0, 0, -1], [0, 0, 1], [1, 1, 2]],
        [[1, -1, -1, -2], [0, -2, -1, -2], [0, 0, 1, 1]],
        [[0, -1, 0, 0], [1, 0, 1, -1], [0, 0, 1, 1]],
        [[1, 0], [0, 1], [0, 0]],
    ]


def test_the_boat_comes_first_unless_told_otherwise():
    assert small_example().tokens == small_example("boat").tokens
    with refused(ValueError, "first", "tree"):
        small_example("tree")


def test_one_word_decides_what_bank_takes_away():
    taken, looks = {}, {}
    for first in ("boat", "loan"):
        _, embeddings, *matrices = small_example(first)
        taken[first], looks[first] = attention(*project(embeddings, *matrices))
    by_pencil = torch.tensor([[0.54, 0.00], [0.51, 0.03], [0.82, 0.64], [1.66, 0.10]])
    torch.testing.assert_close(taken["boat"], by_pencil, rtol=0, atol=0.005)
    # Money for water, and the same weights: where *bank* looks does not tell the sentences apart.
    torch.testing.assert_close(taken["loan"], taken["boat"].flip(1))
    torch.testing.assert_close(looks["loan"], looks["boat"])
    assert looks["boat"].argmax(dim=1).tolist() == [1, 1, 3, 0]


def test_the_small_example_holds_floats():
    assert small_example().embeddings.dtype == torch.float32
    for dtype in (torch.int64, "float32"):
        with refused(TypeError, "dtype", str(dtype)):
            small_example(dtype=dtype)
