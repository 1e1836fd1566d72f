"""Chapter 11: how does an image become a sequence?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.images import NEAREST, TOGETHER
from bareattention.mistakes.parts import PREPARED, SPLIT

EXERCISES = (
    Exercise(
        "11.1",
        "from_patches",
        "Put patches that lie side by side, (..., n_patches, size * size), together to square "
        "images, for any leading axes.",
        TOGETHER,
        (
            "As many patches lie side by side as one above the other: the root of n_patches.",
            "Name four axes: patch row, patch column, row within, column within.  In the image "
            "the row within comes right after the patch row.",
        ),
    ),
    Exercise(
        "11.2",
        "by_nearest_average",
        "Average the images of each class, and give each unseen image the class of the average "
        "with the smallest sum of squared differences.",
        NEAREST,
        (
            "`images[labels == c]` holds the images of class c.",
            "A table of distances has a row for each unseen image and a column for each class.",
        ),
    ),
    Exercise(
        "11.4",
        "prepare",
        "Bring the images of three parts to scale, and return the three, without using what only "
        "validation or test digits can tell.",
        PREPARED,
        (
            "One mean and one standard deviation serve all pixels of all parts.",
            "`std` wants floats.",
        ),
    ),
    Exercise(
        "11.5",
        "split",
        "Draw `each` digits of each class for validation, by the seed, and return the numbers of "
        "the training digits and of the validation digits.",
        SPLIT,
        (
            "`(labels == c).nonzero()` finds the digits of class c.",
            "`torch.randperm` with a generator shuffles them the same way each time.",
        ),
    ),
)
