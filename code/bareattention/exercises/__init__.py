"""Exercises that know the wrong answers: `check("5.2", my_softmax)`."""

from bareattention.exercises.checking import check
from bareattention.exercises.tasks import EXERCISES, Exercise

__all__ = ["EXERCISES", "Exercise", "check"]
