"""Chapter 7: how do we hide the future, and the padding?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.attention import ATTENTION
from bareattention.mistakes.masks import PREFIX, REPLACED, WINDOW

EXERCISES = (
    Exercise(
        "7.1",
        "window_mask",
        "A mask of yes and no: each token may look at itself and the `width - 1` tokens before it.",
        WINDOW,
        (
            "Subtract a row of places from a column of places: how far back is each key?",
            "Two conditions are joined with `&`, each of them in brackets.",
        ),
    ),
    Exercise(
        "7.3",
        "prefix_mask",
        "A mask of yes and no: all tokens may look at the first `n`; for the rest it is causal.",
        PREFIX,
        ("A row of `seq_len` booleans stretches over all queries.",),
    ),
    Exercise(
        "7.4",
        "replaced",
        "Put the row `other` in place of token j, for each j, and say which outputs change: True "
        "in row i, column j if output i does.",
        REPLACED,
        (
            "Keep the outputs for `x` as it is, and change a copy of `x`, a fresh one for each j.",
            "An output has changed if `any` of its channels has.",
            "Each j makes one column: `torch.stack(…, dim=1)`.",
        ),
    ),
    Exercise(
        "7.5",
        "my_masked_attention",
        "Your attention of exercise 6.2, with a mask that may be left out: True means may look, "
        "and a query that may look at nobody takes away zeros. Return the output.",
        ATTENTION,
        (
            "Hidden scores become −∞ with `masked_fill(~mask, -torch.inf)`.",
            "Softmax makes NaN of a row of −∞, and `nan_to_num` makes zeros of NaN.",
        ),
    ),
)
