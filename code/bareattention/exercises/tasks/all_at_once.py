"""Chapter 13: why is nobody looping?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.batches import ATTEND, GRADIENTS
from bareattention.mistakes.counting import MEGABYTES

EXERCISES = (
    Exercise(
        "13.1",
        "attend_batch",
        "One head for each digit of a batch x of shape (batch_size, seq_len, d_model), with "
        "`torch.einsum` in place of `transpose`: the mixed values, of the shape of x.",
        ATTEND,
        (
            "Name the axes: b for digits, q for queries, k for keys, d for channels.",
            "A letter that is missing behind the arrow is summed over: that should be d in the "
            "scores, and k at the end.",
        ),
    ),
    Exercise(
        "13.3",
        "step_in_pieces",
        "Fill the gradients of the model with those of the mean cross-entropy of the whole batch, "
        "with `size` digits at a time, each piece forward and backward.",
        GRADIENTS,
        (
            "`backward` adds to the gradients that are there.",
            "What share of the mean over the batch comes from a piece?  The last one may be "
            "smaller.",
        ),
    ),
    Exercise(
        "13.4",
        "table_megabytes",
        "How many megabytes, of 2²⁰ bytes, do the tables of weights of a batch take?",
        MEGABYTES,
        ("Each digit has a table of its own, with a row for each token.", "A byte has eight bits."),
    ),
)
