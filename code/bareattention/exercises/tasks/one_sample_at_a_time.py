"""Chapter 12: what is the smallest attention model that runs?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.brightness import BY_COUNTS
from bareattention.mistakes.counting import PARAMETERS
from bareattention.mistakes.mixing import MIXES

EXERCISES = (
    Exercise(
        "12.2",
        "mixes_digits",
        "Say, True or False, whether the result for one digit of the batch x depends on others: "
        "for any digit, and any function that keeps the batch axis first.",
        MIXES,
        (
            "Change some digits, and look at the results of those that you did not change.",
            "A result may depend on the digits before it alone, or after it, or on its neighbour: "
            "try every digit by itself.",
            "Rounding is no mixing: compare with a tolerance.",
        ),
    ),
    Exercise(
        "12.4",
        "model_size",
        "How many parameters has the model of this chapter, for seq_len tokens of d_model "
        "channels and n_classes classes?",
        PARAMETERS,
        (
            "Three matrices, and a linear layer that reads all channels of all tokens.",
            "The linear layer adds a bias to each of its results.",
        ),
    ),
    Exercise(
        "12.5",
        "attend_by_counts",
        "scores has a row for each brightness that asks and a column for each that is asked, "
        "counts says how often each occurs in each image, values what each carries. Return what "
        "each brightness takes away in each image, (n_images, n_levels), for scores of any size.",
        BY_COUNTS,
        (
            "A brightness that occurs three times brings its power of e three times: above, and in "
            "the sum below.",
            "Three times eˢ is e to the power of s + log 3.",
        ),
    ),
)
