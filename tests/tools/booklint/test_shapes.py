"""The shape check finds every kind of lie, and every form of statement that can be checked passes.

Each snippet runs as the only chapter of a small book, whose notation page is the planted one.
"""

from pathlib import Path
from textwrap import dedent

import pytest
from planted import NOTATION, code, notebook
from booklint.shapes.run import complaints

START = """
import torch

seq_len, d_k, n_heads = 4, 3, 2
x = torch.zeros(seq_len, d_k)
"""


@pytest.fixture
def judge(tmp_path: Path):
    """Runs cells as a chapter and returns its complaints as text."""
    (tmp_path / "notation.md").write_text(NOTATION, "utf8")

    def run(*sources: str, tags: tuple[str, ...] = (), start: str = START) -> list[str]:
        cells = [code(start, id="start")]
        cells += [code(source, id=f"work-{i}", tags=tags) for i, source in enumerate(sources)]
        page = notebook(*cells, path=tmp_path / "05_softmax.ipynb")
        return [str(complaint) for complaint in complaints(page)]

    return run


# Every form that can be checked.  {n} is where its shape comment must be true.
FORMS = {
    "assignment": "y = x  {n}",
    "attribute": """
        class Head:
            def __init__(self, x):
                self.x = x  {n}


        Head(x)
        """,
    "item": """
        several = {}
        several["x"] = x  {n}
        """,
    "chained assignment": "y = z = x  {n}",
    "annotated assignment": "y: torch.Tensor = x  {n}",
    "augmented assignment": "x += 1  {n}",
    "several lines": """
        y = torch.add(
            x,
            1,
        )  {n}
        """,
    "second statement": "y = 1; z = x  {n}",
    "semicolon": "y = x;  {n}",
    "return": """
        def f(x):
            return x + 1  {n}


        f(x)
        """,
    "expression": "x + 1  {n}",
    "printed": "print(x)  {n}",
    "drawn": """
        def draw(values, title):
            return object()


        draw(x, "of nothing")  {n}
        """,
    "bare name": "x  {n}",
    "argument": """
        y = torch.add(
            x,  {n}
            torch.ones(1),
        )
        """,
    "last argument": """
        y = torch.add(
            torch.ones(1),
            x  {n}
        )
        """,
    "keyword argument": """
        y = torch.add(
            torch.ones(1),
            other=x.T.T,  {n}
        )
        """,
    "argument in two lines": """
        y = torch.relu(
            x[:, :1] * 0
            + torch.ones(3),  {n}
        )
        """,
    "operand that is a call": """
        y = (
            torch.ones(2, 1, 1)
            + torch.add(
                1,
                x,
            )  {n}
        )
        """,
    "loop over a decorated function": """
        for y in [x, x]:  {n}

            @torch.no_grad()
            def f():
                pass
        """,
    "argument that is a call": """
        y = torch.relu(
            torch.add(
                1,
                x,
            ),  {n}
        )
        """,
    "first operand": """
        y = (
            x  {n}
            @ x.T
        )
        """,
    "second operand": """
        y = (
            x.T
            @ x  {n}
        )
        """,
    "operator behind": """
        y = (
            x +  {n}
            torch.ones(1)
        )
        """,
    "method chain": """
        y = (
            x.T
            .transpose(0, 1)  {n}
            .sum()
        )
        """,
    "element of a list": """
        several = [
            x,  {n}
            1,
        ]
        """,
    "value of a dictionary": """
        several = {
            "x": x,  {n}
        }
        """,
    "loop": """
        for y in [x, x]:  {n}
            y.sum()
        """,
    "loop over pairs": """
        for i, (y, z) in enumerate([(x, x)]):
            y  {n}
        """,
    "comprehension": """
        several = [
            y.sum()
            for y in [x, x]  {n}
        ]
        """,
    "inside a comprehension": """
        several = [
            y + 1  {n}
            for y in [x, x]
        ]
        """,
    "parameter": """
        def f(
            y,  {n}
            z=None,  {n}
        ):
            return y


        f(x)
        f(x, x)
        """,
    "annotated parameter": """
        def f(
            *,
            y: torch.Tensor,  {n}
        ) -> None:
            '''What it does.'''


        f(y=x)
        """,
    "the only parameter": """
        def f(y):  {n}
            return y


        f(x)
        """,
    "method": """
        class Head(torch.nn.Module):
            def forward(self, y):
                return y + 1  {n}


        Head()(x)
        """,
    "nested function": """
        def f(y):
            def g():
                z = y  {n}
                return z

            return g()


        f(x)
        """,
    "lambda's argument": """
        f = lambda y: torch.relu(
            y,  {n}
        )
        f(x)
        """,
    "generator": """
        def f():
            yield x  {n}


        list(f())
        """,
    "inside blocks": """
        with torch.no_grad():
            if True:
                try:
                    y = x  {n}
                finally:
                    pass
        """,
    "after letters beyond ASCII": 'y, name = x, "√d_k ≈ 2"; z = x  {n}',
    "array": "y = x.numpy()  {n}",
    "parameter of a module": "y = torch.nn.Parameter(x)  {n}",
    "display": "display(x)  {n}",
    "match": """
        match 1:
            case 1:
                y = x  {n}
        """,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("comment", ["# (seq_len, d_k)", "# (4, 3), rows are tokens"])
def test_shape_that_is_true_passes(judge, form: str, comment: str) -> None:
    assert judge(dedent(FORMS[form]).replace("{n}", comment)) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("comment", ["# (d_k, seq_len)", "# (seq_len,)", "# (4, 3, 1)"])
def test_shape_that_lies_is_found(judge, form: str, comment: str) -> None:
    source = dedent(FORMS[form]).strip("\n").replace("{n}", comment)
    faults = judge(source)
    assert len(faults) == source.count(comment)
    line = source[: source.index(comment)].count("\n") + 1
    assert faults[0].startswith(f"05_softmax.ipynb, cell work-0, line {line}: {comment}: ")
    assert "is (4, 3): correct the comment or the code" in faults[0]


@pytest.mark.parametrize(
    "source",
    [
        "y, z = x, x.T  # (seq_len, d_k), (d_k, seq_len)",
        "(y, (z, _)) = x, (x.T, x)  # (seq_len, d_k), (d_k, seq_len), (4, 3)",
        "y = x.sum()  # ()",
        "y = x[None, None]  # (..., seq_len, d_k)",
        "y = x  # (..., seq_len, d_k)",
        "y = x  # (..., d_k)",
        "y = x  # (…, d_k)",
        "y = x.repeat(1, n_heads)  # (seq_len, n_heads * d_k)",
        "y = x[1:].flatten()  # ((seq_len - 1) * d_k,)",
        "y = x[::2]  # (seq_len // 2, d_k)",
        "for y, z in [(x, x.T)]:  # (seq_len, d_k), (d_k, seq_len)\n    pass",
        "def f():\n    return x, x.T  # (seq_len, d_k), (d_k, seq_len)\n\n\nf()",
        "x, x.T  # (seq_len, d_k), (d_k, seq_len)",
        "x.sum(0), x.sum()  # (d_k,), ()",
        "print(x, x.sum())  # (seq_len, d_k), ()",
        "def f(\n    y, z,  # (seq_len, d_k), ()\n):\n    pass\n\n\nf(x, x.sum())",
        # Where sizes are found
        "def f(y, rows):\n    return y  # (rows, d_k)\n\n\nf(x, 4)",
        "def f(rows):\n    def g():\n        return x  # (rows, d_k)\n\n    return g()\n\n\nf(4)",
        "count = torch.tensor(4)\ny = x  # (count, d_k)",
        "[x[:i] for i in range(3)]\nfor i in range(1, 3):\n    y = x[:i]  # (i, d_k)",
        "several = [\n    x[:i]  # (i, d_k)\n    for i in range(3)\n]",
        # A function is not judged by the sizes of the chapter around it.
        "def f(queries):\n    y = queries + 1  # (seq_len, d_k)\n\n\nf(torch.zeros(7, 5))",
        "def f(\n    queries,  # (seq_len, d_k)\n):\n    pass\n\n\nf(torch.zeros(7, 5))",
        "class sizes:\n    n_heads = 5\n\n\ndel n_heads\ny = torch.ones(5)  # (n_heads,)",
        "del d_k\nqueries = x\nscores = queries.T  # (d_k, seq_len)",
        # No shapes at all
        "y = x  # see (a, b) in the paper, or (4, 3)",
        "y = x  # (see below)",
        "y = x  # (b) text",
        "y = x  # (optional) text, as [1, 2]",
        "y = x  # why: because",
        "# (of no code)\ny = x",
        "text = '# (seq_len, seq_len)'",
        # The rest of a notebook
        "import inspect\n\n\ndef f():\n    return x  # (4, 3)\n\n\n"
        "assert '# (4, 3)' in inspect.getsource(f)\nf()",
        "import pickle\n\n\nclass A:\n    pass\n\n\npickle.loads(pickle.dumps(A()))",
        "assert __name__ == '__main__'",
        "class A(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n\n\nA()",
    ],
)
def test_shape_comment_of_this_kind_passes(judge, source: str) -> None:
    assert judge(source) == []


LYING = {
    # lie, words of the complaint
    "y, z = x, x.T  # (seq_len, d_k), (seq_len, d_k)": "is (4, 3) here, but the tensor is (3, 4)",
    "y, z = x, x  # (seq_len, d_k)": "2 values and 1 shape",
    "y = x  # (seq_len, d_k), (seq_len, d_k)": "1 value and 2 shapes",
    "y, *z = x  # (d_k,), (3, d_k)": "starred",
    "y = x.sum()  # (1,)": "the tensor is ()",
    "y = x  # ()": "() is () here",
    "y = x[0]  # (..., seq_len, d_k)": "(..., 4, 3)",
    "y = x  # (seq_len // 0, d_k)": "divides",
    # Of another kind
    "y = x.shape  # (seq_len, d_k)": "another kind, torch.Size",
    "y = (4, 3)  # (seq_len, d_k)": "another kind, tuple",
    "y = 1.0  # ()": "another kind, float",
    "y = [x]  # (1, seq_len, d_k)": "another kind, list",
    "print('x')  # (seq_len, d_k)": "another kind, None",
    "len(x)  # (seq_len, d_k)": "another kind, int",
    "def f():\n    return None  # ()\n\n\nf()": "another kind, None",
    # Cannot be resolved
    "y = x  # (seq_len, d_unknown)": "d_unknown cannot be resolved",
    "y = x  # (seq_len, torch)": "torch cannot be resolved",
    "ok = True\ny = x[:1]  # (ok, d_k)": "ok cannot be resolved",
    "del n_heads\ny = x  # (seq_len, n_heads)": "n_heads cannot be resolved",
    "size = 4.0\ny = x  # (size, d_k)": "size cannot be resolved",
    # Never run
    "if False:\n    y = x  # (seq_len, d_k)": "never run",
    "def f():\n    return x  # (seq_len, d_k)": "never run",
    "for y in []:  # (seq_len, d_k)\n    pass": "never run",
    "def f(\n    y=None,  # (seq_len, d_k)\n):\n    pass\n\n\nf()": "never run",
    # No tuple
    "y = x[0]  # (d_k)": "write (d_k,)",
    "y = x[0]  # (n_heads * d_k)": "write (n_heads * d_k,)",
    "y = x[0]  # (3)": "write (3,)",
    "y = x[0]  # (d_k), one per channel": "write (d_k,)",
    "y = x[0]  # (d_k) per channel": "write (d_k,)",
    # Not where a value is
    "with torch.no_grad():  # (seq_len, d_k)\n    pass": "`with` has no value",
    "if True:  # (seq_len, d_k)\n    pass": "`if` has no value",
    "import math  # (seq_len, d_k)": "`import` has no value",
    "assert True  # (seq_len, d_k)": "`assert` has no value",
    "class A:  # (seq_len, d_k)\n    pass": "`classdef` has no value",
    "y: int  # (seq_len, d_k)": "without a value",
    "def f():\n    return  # (seq_len, d_k)\n\n\nf()": "without a value",
    "y = torch.relu(  # (seq_len, d_k)\n    x\n)": "no expression ends",
    "def f(y, z):  # (seq_len, d_k)\n    pass\n\n\nf(x, x)": "2 parameters",
    "def f(\n    y,\n) -> int:  # (seq_len, d_k)\n    pass\n\n\nf(x)": "no expression ends",
    "if 1:\n    pass\nelse:  # (seq_len, d_k)\n    pass": "no expression ends",
    # Where nothing would check it
    "# (seq_len, d_k)\ny = x": "a line of its own",
    "y = x.T @ x  # (d_k, d_k) from (d_k, seq_len)": "nothing checks (d_k, seq_len)",
    "y = x  # scores: (seq_len, d_k)": "nothing checks (seq_len, d_k)",
    "y = x  # [seq_len, d_k]": "nothing checks [seq_len, d_k]",
    # In some calls only
    "for i in (3, 2):\n    y = x[:, :i]  # (seq_len, d_k)": "is (4, 2)",
    "def f(queries):\n    return queries.T  # (seq_len, d_k)\n\n\nf(x)": "is (3, 4)",
}


@pytest.mark.parametrize("source", LYING)
def test_shape_comment_of_this_kind_is_found(judge, source: str) -> None:
    (fault,) = judge(source)
    assert LYING[source] in fault
    assert "cell work-0" in fault


def test_shape_is_checked_across_cells(judge) -> None:
    """A function of one cell is judged by what another cell does with it."""
    definition = "def f(y):\n    z = y + 1  # (seq_len, d_k)\n    return z"
    assert judge(definition, "f(x)") == []
    (fault,) = judge(definition, "f(x)", "f(x.T)")
    assert "cell work-0, line 2" in fault


def test_shape_check_stops_where_the_chapter_breaks(judge) -> None:
    (fault,) = judge("y = x\n1 / 0", "y = x  # (3, 4)")
    assert fault.endswith("cell work-0, line 2: stops with ZeroDivisionError: division by zero")
    assert len(judge("y = = x")) == 1
    assert len(judge("import sys\nsys.exit()")) == 1


def test_shape_check_lets_errors_be_shown(judge) -> None:
    assert judge("y = x  # (4, 3)\n1 / 0", tags=("raises-exception",)) == []
    assert judge("y = = x", tags=("raises-exception",)) == []
    (fault,) = judge("1 / 0\ny = x  # (4, 3)", tags=("raises-exception",))
    assert "never run" in fault


def test_shape_check_needs_no_notation_page(tmp_path: Path) -> None:
    page = notebook(code(START + "y = x  # (seq_len, d_k)"), path=tmp_path / "05_softmax.ipynb")
    assert complaints(page) == []


def test_shape_names_of_the_page_do_not_prove_themselves(judge) -> None:
    """`d_k` is read from another tensor where there is one, not from the tensor that is judged."""
    start = "import torch\n\nW_query = torch.zeros(5, 3)\nseq_len = 4"
    assert judge("queries = torch.zeros(4, 3)  # (seq_len, d_k)", start=start) == []
    (fault,) = judge("queries = torch.zeros(4, 5)  # (seq_len, d_k)", start=start)
    assert "is (4, 3) here" in fault
    # Where it is the only one, it still says which axis is which.
    assert judge("queries = torch.zeros(4, 3)  # (seq_len, d_k)", start="import torch") == []
    (fault,) = judge("queries = torch.zeros(4, 3)  # (d_k, seq_len)", start="import torch")
    assert "is (3, 4) here" in fault


def test_shape_check_leaves_python_as_it_was(judge) -> None:
    import sys

    before = sys.modules["__main__"]
    judge("y = x  # (4, 3)")
    assert sys.modules["__main__"] is before
