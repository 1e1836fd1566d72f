"""Chapter 5: how do scores become shares?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.softmax import ENTROPY, SOFTMAX

EXERCISES = (
    Exercise(
        "5.2",
        "my_softmax",
        "Turn scores into shares along the last axis, with `exp`, `sum`, `max` and arithmetic "
        "alone, for any number of leading axes, and for scores of ±10,000.",
        SOFTMAX,
        (
            "Subtract the largest score of each row: the shares stay, and no power overflows.",
            "`keepdim=True` keeps an axis of size 1, so that rows meet their own sums.",
        ),
    ),
    Exercise(
        "5.3",
        "entropy",
        "The entropy of each row of shares: minus the sum of share times its natural logarithm, "
        "with 0 · log 0 counted as 0.",
        ENTROPY,
        ("A sum that leaves out NaN is `nansum`.",),
    ),
)
