"""What the tests of the chapters expect: equal numbers, untouched arguments, errors that help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager

import pytest
import torch
from hypothesis import Phase, given, settings
from torch import Tensor, nn

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
def refused(error: type[Exception], name: str, came: str, wanted: str = ""):
    """Expect an error of the book: it names the argument, what was wanted and what came."""
    with pytest.raises(error) as caught:
        yield
    text = str(caught.value)
    assert type(caught.value) is error
    assert f"{name}:" in text, f"the argument {name} is not named: {text}"
    assert f"wanted {wanted}" in text, f"it does not say what was wanted: {text}"
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


def copy_heads(ours: nn.Module, theirs: nn.MultiheadAttention) -> nn.MultiheadAttention:
    """PyTorch's multi-head attention with our parameters; it keeps three matrices as one."""
    three = [getattr(ours.projections, name) for name in ("query", "key", "value")]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([linear.weight for linear in three]))
        if theirs.in_proj_bias is not None:
            theirs.in_proj_bias.copy_(torch.cat([linear.bias for linear in three]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    return theirs


def assert_heads_learn_alike(ours: nn.Module, theirs: nn.MultiheadAttention, steps: float) -> None:
    """Equal gradients in all parameters of both, after `backward`."""
    for kind in ("weight", "bias") if ours.output.bias is not None else ("weight",):
        stacked = getattr(theirs, f"in_proj_{kind}").grad.chunk(3)
        for name, wanted in zip(("query", "key", "value"), stacked, strict=True):
            found = getattr(getattr(ours.projections, name), kind).grad
            assert_equal_numbers(found, wanted, f"gradient of {name}.{kind}", steps)
        found, wanted = getattr(ours.output, kind).grad, getattr(theirs.out_proj, kind).grad
        assert_equal_numbers(found, wanted, f"gradient of output.{kind}", steps)


@contextmanager
def full_disk(n_bytes: int):
    """No file grows beyond so many bytes meanwhile: writing more fails as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
