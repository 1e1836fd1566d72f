"""Checks of arguments: what passes, what does not, and what the message says."""

import math

import pytest
import torch
from expectations import NO_BATCHES, refused
from hypothesis import given
from hypothesis import strategies as st
from strategies import FLOATS, HALVES, leading_shapes, stretchable

from bareattention import checks

pytestmark = pytest.mark.bad_input

WHOLE = (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64)
OTHERS = (torch.bool, torch.complex64)
Z = torch.zeros
shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@given(shape=shapes)
def test_a_shape_reads_as_the_book_writes_it(shape):
    assert checks.shape_of(Z(shape)) == str(shape)


@given(value=st.integers(1))
def test_whole_numbers_from_1_pass(value):
    assert checks.check_positive_integer("size", value) is None


@given(value=st.integers(max_value=0))
def test_whole_numbers_below_1_do_not(value):
    with refused(ValueError, "size", str(value)):
        checks.check_positive_integer("size", value)


@pytest.mark.parametrize("value", [1.0, True, False, "3", None, torch.tensor(3), [1]])
def test_what_is_no_whole_number_does_not(value):
    with refused(TypeError, "size", type(value).__name__):
        checks.check_positive_integer("size", value)


@given(shape=shapes, least=st.integers(0, 5))
def test_a_tensor_has_at_least_so_many_dimensions(shape, least):
    for check in (checks.check_tensor, checks.check_float_tensor):
        if len(shape) >= least:
            assert check("x", Z(shape), least) is None
        else:
            with refused(ValueError, "x", str(shape)):
                check("x", Z(shape), least)


@pytest.mark.parametrize("value", [None, 1.0, [[1.0]], Z(2).numpy(), torch.float32])
def test_what_is_no_tensor_is_refused(value):
    for check in (checks.check_tensor, checks.check_float_tensor):
        with refused(TypeError, "x", type(value).__name__):
            check("x", value)
    with refused(TypeError, "ids", type(value).__name__):
        checks.check_ids("ids", value, 3)
    with refused(TypeError, "mask", type(value).__name__):
        checks.check_mask("mask", value, (3,))


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES, *WHOLE, *OTHERS])
def test_float_tensors_are_told_from_others(dtype):
    value = Z(2, dtype=dtype)
    assert checks.check_tensor("x", value) is None
    if dtype in (*FLOATS, *HALVES):
        assert checks.check_float_tensor("x", value) is None
    else:
        with refused(TypeError, "x", str(dtype)):
            checks.check_float_tensor("x", value)


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES, *WHOLE, *OTHERS])
def test_ids_are_whole_numbers(dtype):
    value = Z(2, dtype=dtype)
    if dtype in WHOLE:
        assert checks.check_ids("ids", value, 1) is None
    else:
        with refused(TypeError, "ids", str(dtype)):
            checks.check_ids("ids", value, 1)


@given(ids=st.lists(st.integers(-3, 9), max_size=5), n=st.integers(1, 7))
def test_ids_number_the_rows_of_a_table(ids, n):
    value = torch.tensor(ids, dtype=torch.int64)
    if all(0 <= i < n for i in ids):
        assert checks.check_ids("ids", value, n) is None
    else:
        with refused(
            ValueError, "ids", f"from {min(ids)} to {max(ids)}", f"numbers from 0 to {n - 1}"
        ):
            checks.check_ids("ids", value, n)


@given(shape=st.lists(st.integers(0, 3), min_size=1, max_size=4), data=st.data())
def test_an_axis_that_counts_something_is_not_empty(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    if shape[axis]:
        assert checks.check_not_empty("keys", Z(shape), axis, "key") is None
    else:
        with refused(ValueError, "keys", str(tuple(shape)), "at least one key"):
            checks.check_not_empty("keys", Z(shape), axis, "key")


@given(shape=st.lists(st.integers(0, 3), min_size=1, max_size=4), size=st.integers(0, 3))
def test_an_axis_is_as_long_as_something_else(shape, size):
    for axis in (0, -1):
        if shape[axis] == size:
            assert checks.check_axis("x", Z(shape), axis, size, "the rows of y") is None
        else:
            wanted = f"{size} along axis {axis} (the rows of y)"
            with refused(ValueError, "x", str(tuple(shape)), wanted):
                checks.check_axis("x", Z(shape), axis, size, "the rows of y")


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_nan_is_refused_and_infinity_is_not(dtype):
    numbers = torch.tensor([0.0, torch.inf, -torch.inf], dtype=dtype)
    assert checks.check_no_nan("scores", numbers) is None
    assert checks.check_no_nan("scores", numbers[:0]) is None
    numbers[1] = torch.nan
    with refused(ValueError, "scores", "NaN in a tensor of shape (3,)"):
        checks.check_no_nan("scores", numbers)


def test_tensors_are_of_one_float_type():
    one, other = Z(2), Z(3).double()
    assert checks.check_same_kind(("a", "b"), (one, Z(4, 4))) is None
    for name, came in (("a", "torch.float32"), ("b", "torch.float64")):
        with refused(TypeError, name, came):
            checks.check_same_kind(("a", "b"), (one, other))


@given(wanted=leading_shapes, data=st.data())
def test_what_pytorch_stretches_passes(wanted, data):
    shape = data.draw(stretchable(wanted))
    assert checks.check_broadcastable("x", Z(shape), wanted, "y") is None
    assert checks.check_mask("mask", Z(shape).bool(), wanted) is None


@given(shape=shapes, wanted=shapes)
def test_what_pytorch_does_not_stretch_does_not(shape, wanted):
    try:
        Z(shape).expand(wanted)
    except RuntimeError:
        target = f"a shape that can be stretched to {wanted} (the shape of"
        with refused(ValueError, "x", str(shape), f"{target} y)"):
            checks.check_broadcastable("x", Z(shape), wanted, "y")
        with refused(ValueError, "mask", str(shape), f"{target} the scores)"):
            checks.check_mask("mask", Z(shape).bool(), wanted)
    else:
        assert checks.check_broadcastable("x", Z(shape), wanted, "y") is None


@pytest.mark.parametrize("dtype", [*FLOATS, *WHOLE])
def test_a_mask_is_boolean(dtype):
    with refused(TypeError, "mask", str(dtype)):
        checks.check_mask("mask", Z(2, 3, dtype=dtype), (2, 3))


def test_a_choice_is_on_the_list():
    assert checks.check_choice("kind", "b", ("a", "b")) is None
    with refused(ValueError, "kind", "'c'", "one of 'a', 'b'"):
        checks.check_choice("kind", "c", ("a", "b"))


@pytest.mark.parametrize("value", [0, -3, 2.5, 1e-30])
def test_numbers_between_their_bounds_pass(value):
    assert checks.check_number("scale", value) is None
    assert checks.check_number("scale", value, -3, 2.5) is None


@pytest.mark.parametrize("value", [-0.1, 2.1, math.inf, -math.inf, math.nan])
def test_numbers_beyond_their_bounds_do_not(value):
    with refused(ValueError, "temperature", str(value), "a number from 0 to 2"):
        checks.check_number("temperature", value, 0, 2)
    if not math.isfinite(value):
        with refused(ValueError, "scale", str(value), "a number that is finite"):
            checks.check_number("scale", value)


@pytest.mark.parametrize("value", [True, None, "1", [1.0], torch.tensor(1.0), 1j])
def test_what_is_no_number_does_not(value):
    with refused(TypeError, "scale", type(value).__name__):
        checks.check_number("scale", value)


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES, *WHOLE, *OTHERS, float, "float32", None])
def test_float_types_are_told_from_others(dtype):
    if dtype in (*FLOATS, *HALVES):
        assert checks.check_float_type("dtype", dtype) is None
    else:
        with refused(TypeError, "dtype", str(dtype)):
            checks.check_float_type("dtype", dtype)


@given(shape=shapes)
def test_a_matrix_has_exactly_two_dimensions(shape):
    if len(shape) == 2:
        assert checks.check_matrix("W", Z(shape)) is None
    else:
        with refused(ValueError, "W", str(shape)):
            checks.check_matrix("W", Z(shape))
    with refused(TypeError, "W", "torch.int64"):
        checks.check_matrix("W", Z(shape).long())


@given(shape=leading_shapes, other=leading_shapes)
def test_leading_axes_fit_together(shape, other):
    tensors = Z(*shape, 4, 3), Z(*other, 5, 2)
    try:
        torch.broadcast_shapes(shape, other)
    except RuntimeError:
        for name, tensor in zip(("queries", "keys"), tensors, strict=True):
            with refused(ValueError, name, checks.shape_of(tensor), "leading axes"):
                checks.check_leading_axes(("queries", "keys"), tensors)
    else:
        assert checks.check_leading_axes(("queries", "keys"), tensors) is None


@pytest.mark.bad_input
@pytest.mark.parametrize(("x", "error", "came"), NO_BATCHES)
def test_what_is_no_batch_is_refused(x, error, came):
    with refused(error, "x", came):
        checks.check_batch("x", x, seq_len=3, d_model=2)
    checks.check_batch("x", torch.zeros(2, 3, 2), seq_len=3, d_model=2)


@given(shape=shapes, side=st.none() | st.integers(1, 4))
def test_images_have_three_axes_and_there_is_at_least_one(shape, side):
    fits = len(shape) == 3 and shape[0] > 0 and side in (None, shape[1])
    if fits and side in (None, shape[2]):
        assert checks.check_images("images", Z(shape), side) is None
    else:
        with refused(ValueError, "images", str(shape)):
            checks.check_images("images", Z(shape), side)


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES, *WHOLE, *OTHERS])
def test_images_are_floats(dtype):
    value = Z(2, 3, 3, dtype=dtype)
    if dtype in (*FLOATS, *HALVES):
        assert checks.check_images("images", value, 3) is None
    else:
        with refused(TypeError, "images", str(dtype), "floating-point numbers"):
            checks.check_images("images", value, 3)


@pytest.mark.parametrize("value", [None, 1.0, [[[1.0]]], Z(2, 3, 3).numpy()])
def test_what_is_no_tensor_is_no_image(value):
    with refused(TypeError, "images", type(value).__name__, "a torch.Tensor"):
        checks.check_images("images", value)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((5, 5), "at least 3 dimensions"),
        ((2, 1, 5, 5), "three axes"),
        ((0, 5, 5), "at least one image"),
        ((2, 4, 5), "5 along axis -2 (image_size of this model)"),
        ((2, 5, 4), "5 along axis -1 (image_size of this model)"),
    ],
)
def test_images_that_do_not_fit_are_told_what_was_wanted(shape, wanted):
    with refused(ValueError, "photos", str(shape), wanted):
        checks.check_images("photos", Z(shape), 5)


def test_images_of_any_size_pass_where_no_side_is_asked_for():
    for shape in ((1, 5, 5), (2, 4, 7), (3, 1, 1)):
        assert checks.check_images("images", Z(shape)) is None
