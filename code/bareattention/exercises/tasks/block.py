"""Chapter 10: what surrounds attention in a transformer block?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.block import BLOCK, DROPOUT, RMS_NORM

EXERCISES = (
    Exercise(
        "10.1",
        "RMSNorm",
        "A module `RMSNorm(d_model)`, for any leading axes: divide each token by the root of its "
        "mean square plus 1e-5, then multiply each channel by a learned number that starts at 1.",
        RMS_NORM,
        (
            "`nn.Parameter(torch.ones(d_model))` is learned.",
            "The mean runs over the channels: `mean(dim=-1, keepdim=True)`.",
        ),
    ),
    Exercise(
        "10.5",
        "my_block",
        "A block with the norm before each step, out of parts that are handed over: "
        "`norm_1`, `attention`, `norm_2`, `feed_forward`. Return the stream.",
        BLOCK,
        (
            "Two lines do, one for each step.",
            "What goes into a step is normalised; what it is added to is not.",
        ),
    ),
    Exercise(
        "10.6",
        "my_dropout",
        "Set each number of `x` to 0 where its number in `draws` is below `p`, and divide the "
        "others by 1 − p; when the model is not training, return `x` as it is.",
        DROPOUT,
        ("`draws >= p` is a table of yes and no; times a number, yes is 1 and no is 0.",),
    ),
)
