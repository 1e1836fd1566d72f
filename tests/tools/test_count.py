"""`make count`: which line is of which kind, and which limits are exceeded."""

import count
import pytest
from booklint.kinds import kinds

MODULE = '''\
"""What it is.

Of two lines.
"""

import math
from bareattention.shapes import (
    require,
)

__all__ = ["Head"]


@dataclass
class Head:
    """One head."""

    size: int

    @checked
    def forward(
        self, x: Tensor
    ) -> Tensor:
        """Look around."""
        # Only worked out for the check.
        limit, allowed = self.size, math.inf
        require(x < limit, "x", "less", x)
        for name in ("a", "b"):
            if name in x:
                raise ValueError(
                    f"{name}: {allowed}"
                )
        largest = max(x)
        if largest > limit:
            raise ValueError("x")
        if self.size:
            require(x, "x", "numbers", x)
            x = x + 1
        return x - largest
'''


def test_lines_of_a_module_are_told_apart():
    assert kinds(MODULE) == {
        "docstring": 5,
        "imports": 5,
        "signature": 7,
        "guard": 10,
        "idea": 4,
    }


@pytest.fixture
def house(tmp_path):
    """A house of one bare chapter, one room above it, and a test."""
    for name, text in {
        "book/05_softmax.ipynb": "",
        "book/20_language.ipynb": "",
        "code/bareattention/train.py": "# a comment\n\na = 1\n",
        "code/bareattention/chapters/softmax.py": "def f(x):\n    require(x)\n    return x\n",
        "code/bareattention/chapters/language.py": "a = 1\n",
        "code/bareattention/touch/heat.py": "a = 1\n",
        "tests/test_a.py": "a = 1\n",
        "tests/chapters/test_language.py": "a = 1\n",
        "tests/browser/test_touch_dial.py": "a = 1\n",
        "tests/exercises/answers/softmax.py": "a = 1\n",
        "tests/tools/booklint/test_b.py": "a = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_rooms_are_counted_and_what_is_new_apart(house):
    assert count.rooms(house) == {"top": 1, "chapters": 3, "chapters, new": 1, "touch, new": 1}
    assert count.around(house) == {"tests": 1, "tests, new": 3, "tests (linter)": 1}


@pytest.mark.parametrize(
    ("guarded", "limits", "code"),
    [
        (False, {}, 0),
        (True, {}, 1),
        (False, {"MOST_IN_TESTS": 0}, 1),
        (False, {"MOST_IN_PACKAGE": 3}, 1),
    ],
)
def test_check_fails_where_a_limit_is_exceeded(house, monkeypatch, guarded, limits, code, capsys):
    module = house / "code/bareattention/chapters/softmax.py"
    if not guarded:
        module.write_text(module.read_text().replace("require(x)", "x = x + 1"))
    for name, value in limits.items():
        monkeypatch.setattr(count, name, value)
    assert count.main([], house) == 0
    assert count.main(["--check"], house) == code
    assert ("EXCEEDED" in capsys.readouterr().out) == bool(code)
