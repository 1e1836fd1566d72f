"""What an exercise knows of its answer."""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes import Reference


def test_arguments_are_those_of_what_is_observed():
    reference = Reference(lambda wrong, x, y: x, (), list)
    assert Exercise("0.1", "f", "", reference).arguments == ["x", "y"]
    reference = Reference(lambda wrong, x, y: x, (), list, observe=lambda answer, z: z)
    assert Exercise("0.1", "f", "", reference).arguments == ["z"]
