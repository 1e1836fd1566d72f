"""What an exercise is."""

import inspect
from dataclasses import dataclass

from bareattention.mistakes import Reference


@dataclass(frozen=True)
class Exercise:
    """A task whose answer can be checked.

    Args:
        number: the chapter and the exercise in it: "5.2".
        name: what the starter calls the answer: "my_softmax".
        task: one or two sentences; the chapter says more.
        hints: one after the other, none of them the answer.
    """

    number: str
    name: str
    task: str
    reference: Reference
    hints: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """The names of what an answer is called with."""
        function = self.reference.observe or self.reference.function
        return list(inspect.signature(function).parameters)[1:]
