"""The exercises, chapter by chapter: number -> exercise."""

from bareattention.exercises.exercise import Exercise
from bareattention.exercises.tasks import (
    embeddings,
    parameters,
    queries_keys_values,
    scores,
    softmax,
    weighted_values,
)
from bareattention.mistakes.attention import ATTENTION

EXERCISES: dict[str, Exercise] = {
    exercise.number: exercise
    for chapter in (
        parameters,
        embeddings,
        queries_keys_values,
        scores,
        softmax,
        weighted_values,
    )
    for exercise in chapter.EXERCISES
}
# Everything that mistakes can be looked for in.
REFERENCES = tuple(dict.fromkeys([*(e.reference for e in EXERCISES.values()), ATTENTION]))
