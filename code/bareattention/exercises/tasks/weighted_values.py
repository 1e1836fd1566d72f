"""Chapter 6: what does each token take away?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.attention import PLAIN
from bareattention.mistakes.smoothing import SMOOTHED
from bareattention.mistakes.suspects import SUSPECT

EXERCISES = (
    Exercise(
        "6.2",
        "my_attention",
        "Mix the values, for each query by how well the keys fit it, with `@`, `transpose`, `exp`, "
        "`amax`, `sum` and arithmetic alone, for any leading axes. Return the output.",
        PLAIN,
        (
            "Scores first, (..., n_queries, n_keys), divided by the root of the width of a key.",
            "Then the softmax of exercise 5.2 along the last axis, and at last one more `@`.",
        ),
    ),
    Exercise(
        "6.3",
        "suspect",
        "The attention `mystery` contains one mistake. Find it from its outputs alone, and write "
        "a function that makes the same one.",
        SUSPECT,
        (
            "With the identity as values, the output shows the weights themselves.",
            "Differences of the logarithms of weights are differences of scores. By what were the "
            "dot products multiplied?",
            "Ask with another number of keys than channels.",
        ),
    ),
    Exercise(
        "6.4",
        "smoothed",
        "Guess heights at the places asked: the heights of all points, near ones counting most by "
        "Gauss's bell of the given width.",
        SMOOTHED,
        (
            "The exponents are a table: one row for each place asked, one column for each point.",
            "Far from all points every power is 0; softmax subtracts the largest exponent first.",
        ),
    ),
)
