"""Chapter 15: did attention earn the accuracy?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.comparing import COIN, PAIRS, TWIN
from bareattention.mistakes.without_attention import UNIFORM

EXERCISES = (
    Exercise(
        "15.2",
        "twin",
        "Return a model of its own that starts exactly like the one given: whatever is trained or "
        "changed in one must leave the other as it is.",
        TWIN,
        ("Python's module `copy` copies in two depths.",),
    ),
    Exercise(
        "15.4",
        "coin",
        "How often a fair coin, tossed one + other times, is as lopsided as one to other, or more, "
        "to either side.",
        COIN,
        (
            "Of the 2ⁿ ways in which n tosses fall, `math.comb(n, k)` show k heads.",
            "With 1 to 3, count the ways that show 0, 1, 3 or 4 heads.",
            "Where both sides are equal, no result is less lopsided.",
        ),
    ),
    Exercise(
        "15.5",
        "only_one_right",
        "Given the answers of two models and the labels, count the digits that only the first "
        "reads right, and those that only the second does.",
        PAIRS,
        ("Two tables of yes and no; `&` is and, `~` is not.",),
    ),
    Exercise(
        "15.6",
        "uniform",
        "What `attention` would do if every key counted alike: each query gets the mean of the "
        "values that its mask lets it see, and zeros if it sees none. Return output and weights, "
        "or output and None.",
        UNIFORM,
        (
            "A mask of ones and zeros, divided by the sums of its rows, is a table of weights.",
            "Without a mask, every query sees every key; and there may be more of one than of the "
            "other.",
        ),
    ),
)
