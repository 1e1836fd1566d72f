"""An answer gets copies and a fixed chance, and is cut off where it does not end."""

import contextlib
import threading
import time

import pytest
import torch
from torch import nn

from bareattention.exercises.outcomes import Raised
from bareattention.exercises.running import OutOfTimeError, at_most, call, can_cut, line_of
from bareattention.mistakes import Case, Reference


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
        ({"a": 1}, lambda x: x.update(a=2)),
        ({"a": 1}, lambda x: x.update(b=2)),
        (nn.Linear(1, 1), lambda x: x.weight.data.zero_()),
        ((torch.ones(1),), lambda x: x[0].zero_()),
        (torch.ones(1, 2), lambda x: x.squeeze_()),
    ],
)
def test_changes_of_all_kinds_of_arguments_are_noted(handed, change):
    assert called(change, handed).changed == ("x",)
    assert called(lambda x: 1, handed).changed == ()


def test_each_call_has_the_same_chance_and_leaves_the_callers_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, other = (called(lambda: torch.rand(3)).value for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_observed_counts():
    outcome = called(list, (1, 2), observe=lambda answer, x: answer(x)[1])
    assert outcome.value == 2


@pytest.mark.parametrize("error", [ValueError, SystemExit, RecursionError])
def test_errors_are_kept(error):
    def answer(x):
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


@pytest.mark.skipif(not can_cut(), reason="no timer of this kind here")
@pytest.mark.parametrize(
    "answer", [endless, endless_in_spite_of_errors, endless_in_spite_of_one_cut]
)
def test_an_endless_loop_is_cut(answer):
    outcome = called(answer, 1, seconds=0.2)
    assert isinstance(outcome.value.error, OutOfTimeError)
    time.sleep(0.3)  # a timer left running would end this test


def test_where_there_is_no_timer_nothing_is_cut():
    found = []

    def work():
        with at_most(1e-6):
            found.append(can_cut())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def test_an_error_of_ours_has_no_line():
    assert line_of(called(lambda: 1, 1).value.error) == ""
