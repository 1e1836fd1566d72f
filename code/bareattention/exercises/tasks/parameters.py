"""Chapter 1: how big is one attention head?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.parameters import HEAD, STACK

EXERCISES = (
    Exercise(
        "1.2",
        "head_parameters",
        "Count the parameters of one head from d_model, d_k and d_v, without the output "
        "projection, with biases or without.",
        HEAD,
        (
            "Three matrices of d_model rows: how many columns has each?",
            "A bias belongs to each column of a matrix, because it is added to what comes out.",
        ),
    ),
    Exercise(
        "1.3",
        "stacked_parameters",
        "Count the parameters of the attention of all layers from d_model, n_heads and n_layers, "
        "with output projections, and with biases everywhere.",
        STACK,
        (
            "All heads together are as wide as the model, so how many heads there are drops out.",
            "Each layer has four square matrices and their biases.",
        ),
    ),
)
