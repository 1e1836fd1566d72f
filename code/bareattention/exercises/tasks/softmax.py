"""Chapter 5: how do scores become shares?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.masked_softmax import MASKED
from bareattention.mistakes.slopes import SLOPES
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
    Exercise(
        "5.4",
        "masked_softmax",
        "Shares along the last axis at a temperature, where the mask says True for the keys that "
        "may be looked at; a row in which nobody may be looked at is all 0.",
        MASKED,
        (
            "Hide first, with −∞, then divide by the temperature, then exercise 5.2.",
            "The largest score is that of the keys that may be looked at.",
            "In a row without keys −∞ meets −∞, which gives nan: put 0 there at the end.",
        ),
    ),
    Exercise(
        "5.5",
        "slopes",
        "For one row of scores, the table that says by how much share i changes for each 1 that "
        "score j is nudged by, if the nudge is tiny.",
        SLOPES,
        (
            "Nudge one score by 0.00001, compare all shares before and after, and divide.",
            "Every column sums to 0, because what one share wins the others lose.",
        ),
    ),
)
