"""The contract: what a signature refuses and in which words, and what it leaves alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
import torch
from expectations import refused
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool, Float, Int, Integer, Shaped, jaxtyped
from torch import Tensor, nn

from bareattention import shapes
from bareattention.shapes import (
    Count,
    Finite,
    FloatType,
    NonNegative,
    Positive,
    Rule,
    Share,
    Size,
    checked,
    require,
)

Z = torch.zeros
NO = Z(2, 3).bool()
Even = Annotated[int, Rule("an even number", lambda number: number % 2 == 0)]


def of(hint: Any) -> Callable[[Any], None]:
    """A checked function with one argument, `x`."""

    def function(x):
        return None

    function.__annotations__["x"] = hint
    return checked(function)


# What one argument must be


@pytest.mark.parametrize(
    "hint, value, error, wanted, came",
    [
        (Float[Tensor, "..."], [1.0], TypeError, "a torch.Tensor", "list"),
        (Float[Tensor, "..."], None, TypeError, "a torch.Tensor", "None (NoneType)"),
        (Float[Tensor, "..."], Z(2).int(), TypeError, "floating-point numbers", "torch.int32"),
        (Bool[Tensor, "..."], Z(2), TypeError, "booleans (True = may look)", "torch.float32"),
        (Integer[Tensor, "..."], NO, TypeError, "whole numbers", "torch.bool"),
        (Int[Tensor, "..."], Z(2), TypeError, "whole numbers", "torch.float32"),
        (Float[Tensor, "a b"], Z(3), ValueError, "shape (a, b)", "(3,)"),
        (Float[Tensor, "a b"], Z(0, 3), ValueError, "shape (a, b), each at least 1", "(0, 3)"),
        (Float[Tensor, "a a"], Z(2, 3), ValueError, "shape (a, a)", "(2, 3)"),
        (Float[Tensor, "3 _"], Z(2, 3), ValueError, "shape (3, _)", "(2, 3)"),
        (Float[Tensor, "*batch a"], Z(()), ValueError, "shape (*batch, a)", "()"),
        (Float[Tensor, "a ... b"], Z(2), ValueError, "shape (a, ..., b)", "(2,)"),
        (Size, 0, ValueError, "a whole number of at least 1", "0"),
        (Size, 2.0, TypeError, "a whole number", "2.0 (float)"),
        (Size, True, TypeError, "a whole number", "True (bool)"),
        (Count, -1, ValueError, "a whole number of at least 0", "-1"),
        (Share, 1, ValueError, "a share from 0 to below 1", "1"),
        (Share, -0.1, ValueError, "a share from 0 to below 1", "-0.1"),
        (Share, float("nan"), ValueError, "a share from 0 to below 1", "nan"),
        (Positive, 0, ValueError, "a positive number", "0"),
        (Finite, -float("inf"), ValueError, "a finite number", "-inf"),
        (Finite, float("nan"), ValueError, "a finite number", "nan"),
        (FloatType, torch.int64, TypeError, "a float type", "torch.int64"),
        (FloatType, "float32", TypeError, "a dtype", "'float32' (str)"),
        (Even, 3, ValueError, "an even number", "3"),
        (float, "1", TypeError, "a number", "'1' (str)"),
        (float, False, TypeError, "a number", "False (bool)"),
        (bool, 1, TypeError, "True or False", "1 (int)"),
        (nn.Module, Z(1), TypeError, "a torch.nn.Module", "Tensor"),
        (Callable, 3, TypeError, "a Callable", "3 (int)"),
        (list[int], (1,), TypeError, "a list", "tuple"),
        (Literal["relu", "gelu"], "tanh", ValueError, "one of 'relu', 'gelu'", "'tanh'"),
        (tuple[Size, str], (1,), TypeError, "a tuple of 2", "tuple"),
        (Size | str, None, TypeError, "a str", "None (NoneType)"),
        (Size | None, 0, ValueError, "a whole number of at least 1", "0"),
        (Float[Tensor, "a"] | int, "3", TypeError, "a whole number", "'3' (str)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(hint, value, error, wanted, came):
    with pytest.raises(error) as caught:
        of(hint)(value)
    assert str(caught.value) == f"x: wanted {wanted}, got {came}"


@pytest.mark.parametrize(
    "hint, values",
    [
        (Float[Tensor, "a _ 3"], [Z(2, 0, 3), Z(1, 5, 3).bfloat16()]),
        (Float[Tensor, "*batch a"], [Z(2), Z(0, 4, 2)]),
        (Float[Tensor, "a ... a"], [Z(2, 2), Z(2, 0, 7, 2)]),
        (Shaped[Tensor, "a b"], [NO, Z(1, 1).int()]),
        (Integer[Tensor, "..."], [Z(()).to(torch.uint8), Z(2).long()]),
        (Size, [1]),
        (Count, [0]),
        (Share, [0, 0.99]),
        (Finite, [-3, 1e300]),
        (FloatType, [torch.float16]),
        (float, [2, 0.5, float("nan")]),
        (Literal["relu", 3], ["relu", 3]),
        (tuple[Size, str], [(1, "a"), [2, "b"]]),
        (tuple[int, ...], [(), (1, 2)]),
        (Size | str | None, [None, 3, "three"]),
        (Any, [None, object()]),
    ],
)
def test_what_fits_passes(hint, values):
    for value in values:
        of(hint)(value)


@pytest.mark.parametrize(
    "hint, value, name",
    [
        (tuple[str, Size], ("a", 0), "x[1]"),
        (tuple[Size, ...], (1, 0), "x[1]"),
        (Sequence[Size], [1, 2, 0], "x[2]"),
        (list[list[Size]], [[1], [1, 0]], "x[1][1]"),
        (Mapping[str, Size], {"a": 1, "b": 0}, "x['b']"),
    ],
)
def test_a_part_is_named_by_its_place(hint, value, name):
    with refused(ValueError, name, "0"):
        of(hint)(value)


def test_text_is_no_sequence():
    with refused(TypeError, "x", "'ab'"):
        of(Sequence[str])("ab")


# Several arguments: one size for a name, one float type


@checked
def attend(
    queries: Float[Tensor, "*#batch n d"],
    keys: Float[Tensor, "*#batch m d"],
    mask: Bool[Tensor, "*#batch #n #m"] | None = None,
) -> Float[Tensor, "*batch n m"]:
    scores = queries @ keys.mT
    return scores if mask is None else scores * mask


@pytest.mark.parametrize(
    "shapes, name, wanted",
    [
        ([(4, 3), (5, 2)], "keys", "shape (*#batch, m, d=3)"),
        ([(2, 4, 3), (3, 5, 3)], "keys", "shape (*#batch=(2,), m, d=3)"),
        ([(4, 3), (5, 3), (5, 4)], "mask", "shape (*#batch, #n=4, #m=5)"),
        ([(4, 3), (5, 3), (5,)], "mask", "shape (*#batch, #n=4, #m=5)"),
    ],
)
def test_a_name_has_one_size_in_a_call(shapes, name, wanted):
    given = [Z(shape) for shape in shapes]
    with refused(ValueError, name, str(shapes[-1]), wanted):
        attend(*given[:2], *(tensor.bool() for tensor in given[2:]))


def test_what_stretches_fits():
    assert attend(Z(2, 1, 4, 3), Z(6, 5, 3), Z(1, 5).bool()).shape == (2, 6, 4, 5)
    assert attend(Z(4, 3), Z(5, 3), Z(2, 4, 1).bool()).shape == (2, 4, 5)


def test_axes_once_exact_stretch_no_more():
    @checked
    def softmax(scores: Float[Tensor, "*batch n"], mask: Bool[Tensor, "*#batch #n"]): ...

    softmax(Z(2, 3), Z(1, 3).bool())
    with refused(ValueError, "mask", "(2, 1, 3)", "shape (*#batch=(2,), #n=3)"):
        softmax(Z(2, 3), Z(2, 1, 3).bool())


def test_the_floats_of_a_call_are_of_one_type_except_under_autocast():
    with refused(TypeError, "keys", "torch.float64", "torch.float32, as queries"):
        attend(Z(4, 3), Z(5, 3).double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        attend(Z(4, 3), Z(5, 3).bfloat16())


def test_a_size_may_be_an_argument_in_any_order_and_by_name():
    @checked
    def cut(
        n: Size, x: Float[Tensor, "n"], *more: Float[Tensor, "n"], k: Size = 1, **named: Size
    ): ...

    cut(2, Z(2), Z(2), Z(2), Z(2), other=1)
    cut(x=Z(2), n=2)
    for arguments, keywords, name, came in [
        ((2, Z(3)), {}, "x", "(3,)"),
        ((), {"x": Z(3), "n": 2}, "x", "(3,)"),
        ((2, Z(2), Z(2), Z(3)), {}, "more", "(3,)"),
        ((2, Z(2)), {"k": 0}, "k", "0"),
        ((2, Z(2)), {"other": 0}, "other", "0"),
    ]:
        with refused(ValueError, name, came):
            cut(*arguments, **keywords)


def test_only_a_whole_number_is_a_size():
    @checked
    def scaled(n: float, x: Float[Tensor, "n"]): ...

    scaled(0.5, Z(2))


@pytest.mark.parametrize("call", [lambda: attend(), lambda: attend(Z(1, 1), Z(1, 1), key=1)])
def test_what_is_missing_or_too_much_python_says_itself(call):
    with pytest.raises(TypeError, match=r"attend\(\) (missing|got an unexpected)"):
        call()


# Classes


@checked
class Scale(nn.Module):
    """One number for each channel, kept in a module of its own."""

    def __init__(self, d_model: Size):
        super().__init__()
        self.d_model, self.inner = d_model, nn.Sequential(nn.ReLU(), nn.Linear(d_model, 1))

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... 1"]:
        return self.inner(x)

    def twice(self, x: Float[Tensor, "d_model"]):
        return 2 * x


def test_of_a_class_init_and_forward_are_held():
    with refused(ValueError, "d_model", "0"):
        Scale(0)
    with refused(ValueError, "x", "(2, 4)", "shape (..., d_model=3)"):
        Scale(3)(Z(2, 4))
    with refused(TypeError, "x", "torch.float64", "torch.float32, as the parameters"):
        Scale(3)(Z(2, 3).double())
    assert Scale(3).double()(Z(2, 3).double()).shape == (2, 1)
    assert Scale(3).twice(Z(4)).shape == (4,)


# Results, guards by hand, and what is left alone


def test_results_are_held_where_tests_ask_for_it(monkeypatch):
    @checked
    def turned(x: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
        return x.mT

    with refused(ValueError, "result", "(3, 2)", "shape (n=2, m=3)"):
        turned(Z(2, 3))
    monkeypatch.setattr(shapes, "HOLD_RESULTS", False)
    assert turned(Z(2, 3)).shape == (3, 2)


def test_a_guard_by_hand_says_the_range_of_whole_numbers_and_else_the_shape():
    require(True, "n", "luck", 0)
    for came, said in [
        (7, "7"),
        (torch.tensor([3, -1]), "-1 to 3"),
        (Z(0).int(), "(0,)"),
        (NO, "(2, 3)"),
    ]:
        with refused(ValueError, "ids", said, "luck"):
            require(False, "ids", "luck", came)


def test_hints_are_read_at_the_first_call_and_names_are_kept():
    @checked
    def later(x: "Later"):
        """Says something."""

    assert (later.__name__, later.__doc__) == ("later", "Says something.")
    globals()["Later"] = Size
    with refused(ValueError, "x", "0"):
        later(0)


def test_while_compiling_the_bare_function_is_seen():
    wrong = Z(4, 3), Z(5, 3).double()
    bare = torch.compile(lambda q, k: attend(q, k.float()), fullgraph=True, backend="eager")
    assert bare(*wrong).shape == (4, 5)

    @checked
    def first(x: Float[Tensor, "3"]):
        return x[0]

    assert torch.compile(first, fullgraph=True, backend="eager")(Z(4)).shape == ()


# jaxtyping reads shapes alike, as far as it can

dims = st.sampled_from(["a", "b", "#a", "#b", "2", "_"])
starred = st.sampled_from([[], ["*rest"], ["*#rest"], ["..."]])


@st.composite
def patterns(draw):
    before, after = (draw(st.lists(dims, max_size=2)) for _ in range(2))
    return " ".join([*before, *draw(starred), *after])


@settings(max_examples=150)
@given(drawn=st.lists(st.tuples(patterns(), st.lists(st.integers(1, 3), max_size=4)), max_size=3))
def test_shapes_are_read_as_jaxtyping_reads_them(drawn):
    hints = {f"x{i}": Float[Tensor, pattern] for i, (pattern, _) in enumerate(drawn)}
    tensors = [Z(shape) for _, shape in drawn]
    namespace = {}
    exec(f"def function({', '.join(hints)}): ...", namespace)
    function = namespace["function"]
    function.__annotations__ = hints
    with jaxtyped("context"):
        theirs = all(isinstance(x, hint) for x, hint in zip(tensors, hints.values(), strict=True))
    try:
        checked(function)(*tensors)
        ours = True
    except ValueError:
        ours = False
    assert ours == theirs


def test_a_class_whose_cell_was_run_again_passes_and_another_class_does_not():
    net, again, other = (type(name, (), {"__module__": "__main__"}) for name in "AAB")
    of(net)(again())
    with refused(TypeError, "x", "B", "an A"):
        of(net)(other())


def test_a_number_below_0_and_a_tuple_that_is_too_long_are_refused():
    of(NonNegative)(0.0)
    with refused(ValueError, "x", "-0.5", "a number of at least 0"):
        of(NonNegative)(-0.5)
    of(tuple[int, int])((1, 2))
    with refused(TypeError, "x", "tuple", "a tuple of 2"):
        of(tuple[int, int])((1, 2, 3))
