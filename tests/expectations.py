"""What the tests of the chapters expect: equal numbers, untouched arguments, errors that help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager

import pytest
import torch
from hypothesis import Phase, given, settings
from torch import Tensor

# Half precision: one step between neighbouring numbers.
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.float16: torch.finfo(torch.float16).eps,
    torch.bfloat16: torch.finfo(torch.bfloat16).eps,
}


def assert_equal_numbers(ours: Tensor, theirs: Tensor, what: str, steps: float = 1.0) -> None:
    """Same shape, same type, no NaN, and a difference small against the largest number."""
    tolerance = steps * TOLERANCE[theirs.dtype]
    largest = theirs.abs().max().item() if theirs.numel() else 0.0
    torch.testing.assert_close(
        ours,
        theirs,
        rtol=tolerance,
        atol=tolerance * max(1.0, largest),
        msg=lambda text: f"{what}: {text}",
    )


def gradients(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], nudge: Tensor
) -> tuple[Tensor, ...]:
    """What each input feels when the output of the function is nudged."""
    fresh = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    return torch.autograd.grad(function(*fresh), fresh, nudge)


@contextmanager
def untouched(*tensors: Tensor):
    """Fail if what runs inside changes one of the tensors."""
    before = [tensor.detach().clone() for tensor in tensors]
    yield
    for old, new in zip(before, tensors, strict=True):
        assert old.dtype == new.dtype and old.shape == new.shape
        assert torch.equal(old, new.detach()), "an argument was changed"


@contextmanager
def refused(error: type[Exception], name: str, came: str):
    """Expect an error of the book: it names the argument, what was wanted and what came."""
    with pytest.raises(error) as caught:
        yield
    text = str(caught.value)
    assert type(caught.value) is error
    assert f"{name}:" in text, f"the argument {name} is not named: {text}"
    assert "wanted" in text, f"it does not say what was wanted: {text}"
    assert came in text.partition("got")[2], f"it does not say that {came} came: {text}"


def holds_for_all(compare: Callable, examples: int = 60, **drawn) -> None:
    """Run a comparison on what hypothesis draws."""
    settings(max_examples=examples)(given(**drawn)(compare))()


def rejects(compare: Callable, **drawn) -> None:
    """Fail unless the comparison, run on what hypothesis draws, ends in a failed assertion."""
    look = settings(max_examples=60, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        look(given(**drawn)(compare))()


def names(things: Iterable[Callable]) -> list[str]:
    """The names of functions, for the list of a test's cases."""
    return [thing.__name__ for thing in things]
