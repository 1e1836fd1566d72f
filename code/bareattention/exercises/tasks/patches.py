"""Chapter 16: what does attention need to shine?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.moving import SHIFT
from bareattention.mistakes.transformer import PARAMETERS

EXERCISES = (
    Exercise(
        "16.1",
        "parameters_of",
        "Count the parameters of a `DigitTransformer` with an embedding, positions, norms and the "
        "mean of its tokens, which tells ten digits apart.",
        PARAMETERS,
        (
            "Embedding, positions, blocks, last norm, last layer: five terms.",
            "A linear layer from a to b channels has a · b weights and b biases.",
            "A block has four projections, two layers and two norms.",
        ),
    ),
    Exercise(
        "16.3",
        "shift_by",
        "Move images by `right` and `down` pixels, which may be negative or parts of a pixel; the "
        "check compares the inner pixels, and takes pictures that are not square as well.",
        SHIFT,
        (
            "The matrix says where to look: a picture that moves to the right looks to the left.",
            "From −1 to 1 are two units, and `width` pixels.",
            "`F.grid_sample` wants an axis of channels; take it off again at the end.",
        ),
    ),
)
