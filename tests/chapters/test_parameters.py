"""Chapter 1: sizes, counting parameters, and the small example."""

import dataclasses

import pytest
import torch
from expectations import refused
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import FLOATS, HALVES
from torch import nn

from bareattention import AttentionSizes, Projections, count_parameters, small_example

sizes = st.integers(1, 40)


# AttentionSizes


@given(n_heads=st.integers(1, 12), d_k=sizes)
def test_left_out_sizes_divide_the_model(n_heads, d_k):
    assert AttentionSizes(n_heads * d_k, n_heads) == AttentionSizes(
        n_heads * d_k, n_heads, d_k, d_k
    )


@given(d_model=sizes, n_heads=sizes, d_k=sizes, d_v=sizes)
def test_given_sizes_are_kept_and_need_not_divide(d_model, n_heads, d_k, d_v):
    kept = AttentionSizes(d_model, n_heads, d_k, d_v)
    assert dataclasses.astuple(kept) == (d_model, n_heads, d_k, d_v)


@given(d_model=sizes, n_heads=sizes, d_k=sizes, d_v=sizes)
def test_a_head_is_counted_as_it_is_built(d_model, n_heads, d_k, d_v):
    head = Projections(d_model, d_k, d_v)
    assert AttentionSizes(d_model, n_heads, d_k, d_v).per_head == count_parameters(head)


@given(n_heads=st.integers(1, 8), d_k=st.integers(1, 12))
def test_all_heads_are_counted_as_pytorch_builds_them(n_heads, d_k):
    theirs = nn.MultiheadAttention(n_heads * d_k, n_heads, bias=False)
    assert AttentionSizes(n_heads * d_k, n_heads).in_total == count_parameters(theirs)


def test_the_number_of_heads_does_not_change_the_number_of_parameters():
    assert {AttentionSizes(512, n_heads).in_total for n_heads in (1, 2, 4, 8)} == {1_048_576}


def test_sizes_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AttentionSizes(512, 8).d_k = 1


@pytest.mark.bad_input
@given(d_model=sizes, n_heads=sizes)
def test_heads_that_do_not_divide_the_model_are_refused(d_model, n_heads):
    assume(d_model % n_heads)
    for given_sizes in ({}, {"d_k": 3}, {"d_v": 3}):
        with refused(ValueError, "n_heads", str(n_heads)):
            AttentionSizes(d_model, n_heads, **given_sizes)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["d_model", "n_heads", "d_k", "d_v"])
@pytest.mark.parametrize(
    "size, error",
    [(0, ValueError), (-4, ValueError), (2.0, TypeError), (True, TypeError), ("4", TypeError)],
)
def test_sizes_that_count_nothing_are_refused(name, size, error):
    sound = {"d_model": 8, "n_heads": 2, "d_k": 4, "d_v": 4}
    with refused(error, name, repr(size)):
        AttentionSizes(**{**sound, name: size})


# count_parameters


@given(d_in=sizes, d_out=sizes, bias=st.booleans())
def test_counts_every_number(d_in, d_out, bias):
    assert count_parameters(nn.Linear(d_in, d_out, bias=bias)) == d_in * d_out + bias * d_out


def test_counts_what_training_may_change_once():
    shared = nn.Linear(3, 4)
    frozen = nn.Linear(5, 5).requires_grad_(False)
    buffers = nn.BatchNorm1d(6, affine=False)
    assert count_parameters(nn.Sequential(shared, shared, frozen, buffers)) == 3 * 4 + 4
    assert count_parameters(nn.ReLU()) == 0


@pytest.mark.bad_input
@pytest.mark.parametrize("thing", [None, [nn.Linear(2, 2)], torch.zeros(3)])
def test_only_modules_are_counted(thing):
    with refused(TypeError, "module", type(thing).__name__):
        count_parameters(thing)


# small_example


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_the_small_example_is_the_plans(dtype):
    tokens, *matrices = small_example(dtype)
    assert tokens == ("the", "cat", "sat", "down")
    assert {matrix.dtype for matrix in matrices} == {dtype}
    embeddings, W_query, W_key, W_value = (matrix.tolist() for matrix in matrices)
    assert embeddings == [[0, 0, 1], [0, 2, 0], [2, 0, 1], [2, 0, 0]]
    assert W_query == [[0, -1, 0, 1], [-1, -1, 0, -1], [-1, 1, 0, 0]]
    assert W_key == [[0, 0, 0, -1], [-1, 1, 0, 0], [1, -1, -1, 1]]
    assert W_value == [[1, 1], [0, 1], [1, 1]]


def test_the_small_example_holds_floats_by_default():
    assert small_example().embeddings.dtype == torch.float32


def test_the_small_example_is_fresh_at_every_call():
    for matrix in small_example()[1:]:
        matrix.fill_(7)
    test_the_small_example_is_the_plans(torch.float32)


def test_the_small_example_names_its_parts():
    example = small_example()
    assert example._fields == ("tokens", "embeddings", "W_query", "W_key", "W_value")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.bool, torch.complex64, float, "float32", None]
)
def test_the_small_example_needs_a_float_type(dtype):
    with refused(TypeError, "dtype", str(dtype)):
        small_example(dtype)
