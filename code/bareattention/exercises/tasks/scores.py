"""Chapter 4: who is relevant to whom?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.scores import COSINES, LOOPED, VARIANCE, WRONG_ROWS

EXERCISES = (
    Exercise(
        "4.1",
        "scores_with_loops",
        "The scaled scores of queries (n_queries, d_k) and keys (n_keys, d_k), with loops.",
        LOOPED,
        (
            "Three loops: over who asks, over who is asked, over the channels of both.",
            "There may be more keys than queries, so each loop asks its own tensor for its length.",
        ),
    ),
    Exercise(
        "4.2",
        "expected_variance",
        "The variance of dot products of independent queries and keys of mean 0, after a division "
        "by `divisor`.",
        VARIANCE,
        (
            "Variances of independent numbers are multiplied in a product and added in a sum.",
            "Half as large a number has a quarter of the variance.",
        ),
    ),
    Exercise(
        "4.3",
        "cosine_scores",
        "The cosine of every query with every key, times what brings the variance of random ones "
        "to 1.",
        COSINES,
        (
            "Divide each row by its own length first (`keepdim=True`), then take one product.",
            "The lengths of a random row of variance 1 is about √d_k.",
        ),
    ),
    Exercise(
        "4.4",
        "wrong_rows",
        "The rows of bank as Ada, Ben and Cleo compute them, in this order.",
        WRONG_ROWS,
        (
            "Ada: 8 is half of 16, and 16 is a sum of squares or nearly.",
            "Ben: look for his numbers in the right table; they are there.",
            "Cleo: by how much does each of her numbers differ from the right one?",
        ),
    ),
)
