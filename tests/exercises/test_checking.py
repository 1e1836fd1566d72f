"""What `check` says: right, which mistake, where it stops, the next hint, the list."""

from collections import Counter

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from torch.nn import functional as F

from bareattention.exercises import EXERCISES, check, checking
from bareattention.exercises.checking import Verdict, judge
from bareattention.exercises.exercise import Exercise
from bareattention.mistakes import Case, Mistake, Reference

MINUS = Mistake("minus", "The second number is subtracted.")
TWICE = Mistake("twice", "The sum is doubled.")


def add(wrong, x, y):
    total = x - y if "minus" in wrong else x + y
    return 2 * total if "twice" in wrong else total


def cases():
    rows = [torch.tensor([float(i), 1.0]) for i in range(3)]
    return [Case((row, torch.ones(2))) for row in rows]


ADD = Exercise(
    "0.1",
    "add",
    "Add two rows.",
    Reference(add, ((MINUS,), (TWICE,)), cases, seconds=1.0),
    ("Plus.", "The sign is a cross."),
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(checking, "_solved", set())
    monkeypatch.setattr(checking, "_hints_given", Counter())
    monkeypatch.setitem(EXERCISES, "0.1", ADD)


def test_a_right_answer():
    verdict = check("0.1", lambda x, y: y + x)
    assert verdict.right
    assert repr(verdict) == "0.1 is right."


def test_one_mistake_with_the_smallest_example():
    verdict = check("0.1", lambda x, y: x - y)
    assert verdict.mistakes == ((MINUS,),)
    says = "0.1 is not right yet. The second number is subtracted."
    assert verdict.text == f"{says}\nWith x = [0, 1], y = [1, 1] yours gives [-1, 0]."


def test_two_mistakes():
    verdict = check("0.1", lambda x, y: 2 * (x - y))
    assert verdict.mistakes == ((MINUS, TWICE),)
    assert f"2 mistakes meet. {MINUS.says} {TWICE.says}" in verdict.text


def test_an_answer_without_arguments_is_asked_once():
    reference = Reference(lambda wrong: 2 - len(wrong), ((MINUS,),), lambda: [Case()])
    exercise = Exercise("0.2", "two", "", reference)
    assert judge(exercise, lambda: 2).text == "0.2 is right."
    assert judge(exercise, lambda: 1).text.endswith("\nYours gives 1.")
    assert "Your code stops.\n" in judge(exercise, float.fromhex).text


def test_what_nothing_explains():
    verdict = check("0.1", lambda x, y: x + y + x[0])
    assert not verdict.right
    assert verdict.mistakes == ()
    says = "No mistake known here explains it: the first difference is at [0], where yours is 3."
    assert f"{says}\nWith x = [1, 1], y = [1, 1] yours gives [3, 3]." in verdict.text


def test_mistakes_that_no_input_tells_apart():
    reference = Reference(
        lambda wrong, x: -x if wrong else x, ((MINUS,), (TWICE,)), lambda: [Case((torch.ones(1),))]
    )
    verdict = judge(Exercise("0.2", "f", "", reference), lambda x: -x)
    assert verdict.mistakes == ((MINUS,), (TWICE,))
    assert f"\n- {MINUS.says}\n- {TWICE.says}\n" in verdict.text


def test_a_starter_is_still_to_do():
    assert check("0.1", lambda x, y: None).text.startswith("0.1 is still to do: it returns None.")
    assert "to do" not in check("0.1", lambda x, y: None if x[0] else x + y).text


def test_a_change_of_an_argument_is_reported():
    verdict = check("0.1", lambda x, y: x.add_(y) + 0 * y.mul_(2) if x[0] else x + y)
    assert not verdict.right
    assert (
        "The result is right, but your answer changes what it is given (`x`, `y`)" in verdict.text
    )
    assert "It also changes what it is given (`x`)." in check("0.1", lambda x, y: x.sub_(y)).text


def test_an_error_is_explained_and_kept():
    def answer(x, y):
        return x + unknown

    verdict = check("0.1", answer)
    assert isinstance(verdict.error, NameError)
    assert "return x + unknown" in verdict.text
    assert "NameError: name 'unknown' is not defined" in verdict.text
    assert verdict.text.endswith("or look for a slip of the pen.")


def test_an_error_for_some_inputs():
    def right_at_first(x, y):
        assert x[0] < 2
        return x + y

    def wrong_at_first(x, y):
        assert x[0] < 2
        return x - y

    text = check("0.1", right_at_first).text
    assert "It was called with x = [2, 1], y = [1, 1]." in text
    assert text.endswith("Simpler inputs went well.")
    verdict = check("0.1", wrong_at_first)
    assert verdict.mistakes == ((MINUS,),)
    assert "And: Your code stops" in verdict.text


def test_with_an_error_only_small_arguments_are_shown():
    case = Case((torch.zeros(2, 4), (torch.zeros(9),)))
    exercise = Exercise("0.2", "f", "", Reference(lambda wrong, x, y: 1, (), lambda: [case]))
    text = judge(exercise, lambda x, y: unknown).text
    assert "x = [[0, 0, 0, 0], [0, 0, 0, 0]], y = (a tensor of shape (9,))." in text


def test_the_wrong_number_of_arguments():
    assert "takes 1 positional argument" in check("0.1", lambda x: x).text


def test_hints_come_one_by_one():
    said = [check("0.1").text.splitlines() for _ in range(4)]
    assert said[0][0] == "0.1: Add two rows."
    assert [sum(line.startswith("Hint") for line in each) for each in said] == [0, 1, 2, 2]
    assert said[2][1:3] == ["Hint 1: Plus.", "Hint 2: The sign is a cross."]
    more = ["For a hint" in said[0][-1], "For another hint" in said[1][-1], "For" in said[2][-1]]
    assert more == [True, True, False]


def test_where_no_loop_can_be_cut_off_it_is_said(monkeypatch):
    monkeypatch.setattr(checking, "can_cut", lambda: False)
    assert "cannot be cut off" in check("0.1").text


def test_the_list_knows_what_is_solved():
    assert check(0.1, lambda x, y: x + y).right
    assert check(" 0.1 ", lambda x, y: x + y).right
    check("5.2", lambda scores: scores)
    lines = check().text.splitlines()
    assert "done  0.1   add" in lines
    assert "      5.2   my_softmax" in lines
    assert lines[-2] == f"1 of {len(EXERCISES)} solved in this session."


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ((" 1.99", len), ValueError, "number: wanted one of 1.2, 1.3 ("),
        (("99.1", len), ValueError, "number: wanted a number that check() lists"),
        ((len, "5.2"), ValueError, "number: wanted a number that check() lists"),
        (("0.1", 3), TypeError, 'answer: wanted the function or class itself, as in check("0.1", '),
    ],
)
def test_bad_input_is_refused(given, error, says):
    with pytest.raises(error) as raised:
        check(*given)
    assert says in str(raised.value)


def test_lines_are_as_wide_as_a_page():
    assert [len(line) for line in repr(Verdict("a" * 100)).splitlines()] == [80, 22]


def test_an_endless_loop_is_cut_in_jupyter():
    source = """
import dataclasses
from bareattention.exercises import EXERCISES, check
exercise = EXERCISES["5.2"]
short = dataclasses.replace(exercise.reference, seconds=0.5)
EXERCISES["5.2"] = dataclasses.replace(exercise, reference=short)


def my_softmax(scores):
    while True:
        pass


check("5.2", my_softmax)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=60).execute()
    said = notebook.cells[0].outputs[-1]["data"]["text/plain"]
    assert "It was cut off, since it was still running after 0.5 seconds." in said
    assert "while True:" in said or "pass" in said


def test_a_function_that_is_handed_over_shows_what_it_does():
    verdict = judge(EXERCISES["7.4"], lambda module, x, other: x)
    assert "With module = <sums of all tokens so far>, x = [[1, 2]" in verdict.text


def test_a_class_in_place_of_a_function_and_the_reverse():
    class Softmax:
        pass

    assert "this is a class" in check("5.2", Softmax).text
    assert "A class is asked for" in check("10.1", torch.nn.LayerNorm(4)).text


def test_what_results_do_not_show_is_said():
    def whole(queries, keys, values, size):
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)

    verdict = check("19.2", whole)
    assert not verdict.right
    assert "The result is right, but tiles" in verdict.text
