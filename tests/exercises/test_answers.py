"""Answers as people write them: right ones pass, wrong ones are named, none falsely."""

import pytest
from answers import RIGHT, WRONG

from bareattention.exercises import EXERCISES
from bareattention.exercises.checking import judge

FEWEST_RIGHT, FEWEST_WRONG = 3, 4


def pairs(answers: dict) -> list:
    return [
        pytest.param(number, answer, id=f"{number}-{position}")
        for number, given in answers.items()
        for position, answer in enumerate(given)
    ]


@pytest.mark.parametrize(("number", "answer"), pairs(RIGHT))
def test_right_answers_in_other_styles_pass(number, answer):
    verdict = judge(EXERCISES[number], answer)
    assert verdict.right, verdict


@pytest.mark.parametrize(("number", "answer"), pairs(WRONG))
def test_wrong_answers_are_rejected_and_named(number, answer):
    function, mistake = answer
    verdict = judge(EXERCISES[number], function)
    assert not verdict.right
    found = [{each.name for each in together} for together in verdict.mistakes]
    if mistake is None:
        assert found == [], "something is blamed that is not there"
    else:
        assert (mistake if isinstance(mistake, set) else {mistake}) in found, verdict


@pytest.mark.parametrize("number", EXERCISES)
def test_every_exercise_has_answers_of_both_kinds(number):
    assert len(RIGHT.get(number, ())) >= FEWEST_RIGHT
    assert len(WRONG.get(number, ())) >= FEWEST_WRONG
