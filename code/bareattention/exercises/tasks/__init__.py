"""The exercises, chapter by chapter: number -> exercise."""

from bareattention.exercises.exercise import Exercise
from bareattention.exercises.tasks import digits, one_sample_at_a_time, softmax, weighted_values

EXERCISES: dict[str, Exercise] = {
    exercise.number: exercise
    for chapter in (softmax, weighted_values, digits, one_sample_at_a_time)
    for exercise in chapter.EXERCISES
}
