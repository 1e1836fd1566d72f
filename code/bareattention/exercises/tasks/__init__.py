"""The exercises, chapter by chapter: number -> exercise."""

from bareattention.exercises.exercise import Exercise
from bareattention.exercises.tasks import (
    block,
    many_heads,
    masks,
    positions,
    softmax,
    weighted_values,
)

EXERCISES: dict[str, Exercise] = {
    exercise.number: exercise
    for chapter in (softmax, weighted_values, masks, positions, many_heads, block)
    for exercise in chapter.EXERCISES
}
# Everything that mistakes can be looked for in.
REFERENCES = tuple(dict.fromkeys(e.reference for e in EXERCISES.values()))
