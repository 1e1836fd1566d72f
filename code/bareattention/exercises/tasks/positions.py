"""Chapter 8: how does attention know the order?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.positions import EQUIVARIANT, SINUSOIDS, TURNED

EXERCISES = (
    Exercise(
        "8.1",
        "is_equivariant",
        "Whether shuffling the tokens before the function and shuffling its outputs give the same, "
        "for each of the orders: True or False.",
        EQUIVARIANT,
        (
            "`x[order]` are the tokens in that order.",
            "Rounding is no difference: compare with `torch.allclose` and `atol=1e-5`.",
        ),
    ),
    Exercise(
        "8.4",
        "turned",
        "Multiply row p of (seq_len, d) by R_p, for each p from 0: `row @ rotation(p, d)`.",
        TURNED,
        ("`rotation` of this chapter makes R_k, and `enumerate` counts rows from 0.",),
    ),
    Exercise(
        "8.5",
        "my_positions",
        "The table of sinusoidal positions, (seq_len, d_model): sine in even channels, cosine in "
        "odd ones.",
        SINUSOIDS,
        (
            "`torch.arange(0, d_model, 2)` is already 2i.",
            "A column of places times a row of speeds is a table of angles.",
            "`table[:, 0::2] = …` fills the even channels.",
        ),
    ),
)
