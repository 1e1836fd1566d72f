"""Chapter 14: how do we teach it?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.loss import CROSS_ENTROPY
from bareattention.mistakes.retraining import RETRAIN
from bareattention.mistakes.stopping import CHECKPOINT, KEEPER
from bareattention.mistakes.training import ACCURACY, TEACH

EXERCISES = (
    Exercise(
        "14.1",
        "my_cross_entropy",
        "The mean surprise, in nats, of logits (n, n_classes) with labels (n,), for logits of "
        "±1,000, too.",
        CROSS_ENTROPY,
        (
            "The logarithm of a share is its logit minus the logarithm of the sum of powers.",
            "`gather(-1, labels[:, None])` takes from each row the number at its label.",
        ),
    ),
    Exercise(
        "14.2",
        "mended_run",
        "`broken_run` was meant to give the model a new last layer, and then to train it. Write it "
        "as it should be, and return the model.",
        RETRAIN,
        (
            "Compare the parameters before and after: which of them move?",
            "Which parameters does the optimizer hold, and when did it get them?",
        ),
    ),
    Exercise(
        "14.3",
        "Keeper",
        "A class: called with the model and a loss, it says whether to stop, and `restore(model)` "
        "brings back the parameters of the best epoch.",
        KEEPER,
        (
            "What has to be remembered from call to call? Three things, beside the two settings.",
            "`copy.deepcopy` makes a copy that nobody changes.",
            "Progress sets the count of epochs without progress back to 0.",
        ),
    ),
    Exercise(
        "14.4",
        "Checkpoint",
        "A class: made with model, optimizer and generator, it copies all that a run needs to go "
        "on, and `put_back(model, optimizer, generator)` gives it to others.",
        CHECKPOINT,
        (
            "Model and optimizer have a `state_dict()`, which is not a copy.",
            "There are two sources of random numbers: the generator, and PyTorch's own.",
        ),
    ),
    Exercise(
        "14.5",
        "accuracy_of",
        "The share of right answers among all digits of the batches, in percent. The model answers "
        "in evaluation mode, and is left in the mode in which it came.",
        ACCURACY,
        (
            "Count right answers and digits, and divide at the end.",
            "`model.training` says in which mode a model is, and `model.train(mode)` sets it.",
        ),
    ),
    Exercise(
        "14.6",
        "teach",
        "One epoch in training mode: a step for each batch, with the mean cross-entropy of the "
        "batch as the loss. Return the mean loss of all digits, in nats, each batch judged before "
        "its step.",
        TEACH,
        (
            "Predict, measure, forget, `backward`, `step`: in this order.",
            "A batch of five digits counts five times as much as a single digit.",
        ),
    ),
)
