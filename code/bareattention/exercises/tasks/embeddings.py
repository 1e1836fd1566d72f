"""Chapter 2: what does a token look like to the model?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.embeddings import COSINE, GRADIENT, ROWS, TURNED

EXERCISES = (
    Exercise(
        "2.1",
        "cosine",
        "The cosine of x and y, both (..., d), along the last axis, without PyTorch's own; with a "
        "row of zeros it is 0.",
        COSINE,
        (
            "The dot product along the last axis, divided by the product of the two norms.",
            "Give each norm a tiny floor with `clamp_min`, so that 0 / 0 becomes 0.",
        ),
    ),
    Exercise(
        "2.2",
        "two_rows",
        "Return two rows of three channels: one for river, with the cosine 1 and the dot product 6 "
        "with boat, and one at a right angle to bank that is not all zeros.",
        ROWS,
        (
            "The cosine is 1 only for a row that points exactly as boat does: which channels "
            "are 0 there?",
            "A right angle is a dot product of 0: two channels of bank are enough to cancel.",
        ),
    ),
    Exercise(
        "2.3",
        "look_up_gradient",
        "The gradient that the table (n_vocabulary, d) receives if the loss is the sum of all "
        "embeddings that are looked up for `ids`.",
        GRADIENT,
        (
            "A number that enters a sum once has the gradient 1; what if it enters twice?",
            "`table[ids] += 1` counts a repeated id once; `torch.bincount` counts each.",
        ),
    ),
    Exercise(
        "2.4",
        "turned",
        "Swap rows and columns of each picture of a batch (batch_size, rows, columns).",
        TURNED,
        ("Which two axes change places, and which one stays the first?",),
    ),
)
