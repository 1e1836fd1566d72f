"""An answer gets copies and a fixed chance, and is cut off where it does not end."""

import contextlib
import signal
import statistics
import threading
import time
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bareattention.exercises.outcomes import Raised
from bareattention.exercises.running import (
    OutOfTimeError,
    at_most,
    beyond,
    call,
    can_cut,
    line_of,
)
from bareattention.mistakes import Case, Reference

CUT = pytest.mark.skipif(not can_cut(), reason="no timer of this kind here")


def reference(**settings: object) -> Reference:
    return Reference(lambda wrong, x: x, (), list, **settings)


def called(answer, *args, names=("x",), **settings):
    return call(answer, Case(args), reference(**settings), list(names))


def test_arguments_are_copies_and_changes_are_noted():
    x = torch.ones(2)
    outcome = called(lambda x: x.mul_(2), x)
    assert outcome.changed == ("x",)
    assert torch.equal(x, torch.ones(2))
    assert called(lambda x: x * 2, x).changed == ()
    assert called(lambda x: x.mul_(2), x, may_change=("x",)).changed == ()


@pytest.mark.parametrize(
    ("handed", "change"),
    [
        ([1, 2], lambda x: x.append(3)),
        ([1] * 300, lambda x: x.pop()),
        ([1, 2], lambda x: x.insert(0, x.pop() - 1)),
        ({"a": 1}, lambda x: x.update(a=2)),
        ({"a": 1}, lambda x: x.update(b=2)),
        ({"a": 1}, lambda x: x.pop("a")),
        (nn.Linear(1, 1), lambda x: x.weight.data.zero_()),
        ((torch.ones(1),), lambda x: x[0].zero_()),
        (nn.Linear(1, 1), lambda x: x.register_buffer("more", torch.ones(1))),
        ([torch.ones(2), 1], lambda x: x.reverse()),
        (torch.ones(1, 2), lambda x: x.squeeze_()),
        (torch.tensor([1, torch.nan]), lambda x: x.mul_(2)),
        (torch.ones(2), lambda x: setattr(x, "data", x.double())),
    ],
)
def test_changes_of_all_kinds_of_arguments_are_noted(handed, change):
    assert called(change, handed).changed == ("x",)
    assert called(lambda x: 1, handed).changed == ()


def test_what_is_equal_is_no_change():
    assert called(lambda x: 1, partial(len)).changed == ()
    assert called(lambda x: x.append(float(str(x.pop()))), [2.5]).changed == ()


def test_each_call_has_the_same_chance_and_leaves_the_callers_alone():
    one = called(torch.rand, 3).value
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    other = called(torch.rand, 3).value
    further = beyond(reference(beyond=lambda answer: answer(3)), torch.rand)
    assert torch.equal(one, other) and torch.equal(one, further)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_observed_counts():
    outcome = called(list, (1, 2), observe=lambda answer, x: answer(x)[1])
    assert outcome.value == 2


@pytest.mark.parametrize("error", [ValueError, SystemExit, RecursionError])
def test_errors_are_kept(error):
    def answer(x):
        helper()

    def helper():
        raise error("why")

    value = called(answer, 1).value
    assert isinstance(value, Raised)
    assert isinstance(value.error, error)
    assert line_of(value.error).endswith(': raise error("why")')


def test_an_interrupt_by_the_reader_passes():
    def answer(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        called(answer, 1)


def endless(x):
    while True:
        pass


def endless_in_spite_of_errors(x):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.01)


def endless_in_spite_of_one_cut(x):
    try:
        endless(x)
    except BaseException:
        endless(x)


@CUT
@pytest.mark.parametrize(
    "answer", [endless, endless_in_spite_of_errors, endless_in_spite_of_one_cut]
)
def test_an_endless_loop_is_cut(answer):
    outcome = called(answer, 1, seconds=0.2)
    assert isinstance(outcome.value.error, OutOfTimeError)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@CUT
def test_the_timer_rings_again_soon_and_is_given_back():
    before = signal.getsignal(signal.SIGALRM)
    with at_most(5):
        left, again = signal.getitimer(signal.ITIMER_REAL)
    assert signal.getsignal(signal.SIGALRM) == before
    assert 4 < left <= 5 and 0 < again < 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: 1 / x, "stops. ZeroDivisionError: division by zero"),
        pytest.param(endless, "it was still running after 0.2 seconds", marks=CUT),
    ],
)
def test_what_goes_wrong_beyond_the_cases_is_told(answer, says):
    assert beyond(reference(beyond=lambda answer: answer(0), seconds=0.2), answer).endswith(says)


def test_where_there_is_no_timer_nothing_is_cut():
    found = []

    def work():
        with at_most(1e-6):
            found.append(can_cut())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: statistics.mean([]),
        lambda x: F.softmax(x, dim=7),
        lambda x: reference().answer({"unknown"}),
        lambda x: exec(compile("fails", "/usr/lib/python3/dist-packages/a.py", "exec")),
    ],
)
def test_the_line_of_an_error_in_a_library_is_the_answers_own(answer):
    assert "lambda x:" in line_of(called(answer, torch.ones(1)).value.error)


def test_the_number_of_a_line_whose_text_is_lost():
    fails = compile("\n1 / x", "<a cell>", "exec")
    assert line_of(called(lambda x: exec(fails, {"x": x}), 0).value.error) == "line 2"


def test_an_error_of_ours_has_no_line():
    assert line_of(called(lambda: 1, 1).value.error) == ""
