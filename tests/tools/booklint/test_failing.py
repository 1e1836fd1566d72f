"""A function that is wrong on purpose is so in the way that its tag says."""

import pytest
from booklint import failing
from booklint.pages import Page
from planted import code, notebook

RIGHT = "def f(scores):\n    return scores.softmax(-1)\n"
DOWN = "def f(scores):\n    return scores.softmax(-2 if scores.ndim > 1 else 0)\n"
NAIVE = "def g(scores):\n    return scores.exp() / scores.exp().sum(-1, keepdim=True)\n"


def judged(source: str, *names: str) -> list[str]:
    page: Page = notebook(code(source, tags=tuple(f"fails-as:{name}" for name in names)))
    namespace: dict = {}
    exec(source, namespace)
    return [str(complaint) for complaint in failing.judged(page.cells[0], namespace)]


def test_what_is_wrong_as_it_says_passes():
    assert judged(DOWN, "down_columns") == []
    assert judged(DOWN + NAIVE, "down_columns", "overflow") == []
    assert judged(RIGHT) == []


@pytest.mark.parametrize(
    ("source", "names", "says"),
    [
        (RIGHT, ("down_columns",), "the checker does not find down_columns in it, but right"),
        (DOWN, ("overflow",), "the checker does not find overflow in it, but down_columns"),
        (DOWN, ("down_colums",), "no mistake of the name down_colums is known"),
        (DOWN + NAIVE, ("down_columns",), "1 tags fails-as:… for 2 functions"),
        (DOWN + NAIVE, ("down_columns", "argmax"), "line 3: the checker does not find argmax"),
    ],
)
def test_what_is_wrong_otherwise_is_told(source, names, says):
    assert says in "\n".join(judged(source, *names))
