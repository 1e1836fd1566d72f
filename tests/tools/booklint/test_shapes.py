"""The shape check finds every kind of lie, and every form of statement that can be checked passes.

Each snippet runs as the only chapter of a small book, whose notation page is the planted one.
"""

from pathlib import Path

import pytest
from booklint.pages import Page
from booklint.shapes.kernel import Watch
from IPython.core.interactiveshell import InteractiveShell
from planted import NOTATION, code, notebook

START = """
import torch

seq_len, d_k, n_heads = 4, 3, 2
x = torch.zeros(seq_len, d_k)
"""


def complaints(page: Page) -> list[str]:
    """Runs the cells of a page as a notebook does."""
    shell = InteractiveShell(history_load_length=0)
    shell.history_manager.enabled = False
    watch = Watch(shell, page)
    for cell in page.code_cells:
        shell.run_cell(cell.source, silent=True)
    return watch.complaints()


@pytest.fixture
def judge(tmp_path: Path):
    """Runs cells as a chapter and returns its complaints as text."""
    (tmp_path / "notation.md").write_text(NOTATION, "utf8")

    def run(*sources: str, tags: tuple[str, ...] = (), start: str = START) -> list[str]:
        cells = [code(start, id="start")]
        cells += [code(source, id=f"work-{i}", tags=tags) for i, source in enumerate(sources)]
        page = notebook(*cells, path=tmp_path / "05_softmax.ipynb")
        return complaints(page)

    return run


# Every form that can be checked.  {n} is where its shape comment must be true.
FORMS = [
    "y = x  {n}",
    "class Head:\n    def __init__(self, x):\n        self.x = x  {n}\n\nHead(x)",
    "several = {}\nseveral['x'] = x  {n}",
    "y = z = x  {n}",
    "y: torch.Tensor = x  {n}",
    "x += 1  {n}",
    "y = torch.add(\n    x,\n    1,\n)  {n}",
    "y = 1; z = x  {n}",
    "y = x;  {n}",
    "def f(x):\n    return x + 1  {n}\n\nf(x)",
    "x + 1  {n}",
    "print(x)  {n}",
    "def draw(values, title):\n    return object()\n\ndraw(x, 'of nothing')  {n}",
    "x  {n}",
    "y = torch.add(\n    x,  {n}\n    torch.ones(1),\n)",
    "y = torch.add(\n    torch.ones(1),\n    x  {n}\n)",
    "y = torch.add(\n    torch.ones(1),\n    other=x.T.T,  {n}\n)",
    "y = torch.relu(\n    x[:, :1] * 0\n    + torch.ones(3),  {n}\n)",
    "y = (\n    torch.ones(2, 1, 1)\n    + torch.add(\n        1,\n        x,\n    )  {n}\n)",
    "for y in [x, x]:  {n}\n\n    @torch.no_grad()\n    def f():\n        pass",
    "y = torch.relu(\n    torch.add(\n        1,\n        x,\n    ),  {n}\n)",
    "y = (\n    x  {n}\n    @ x.T\n)",
    "y = (\n    x.T\n    @ x  {n}\n)",
    "y = (\n    x +  {n}\n    torch.ones(1)\n)",
    "y = (\n    x.T\n    .transpose(0, 1)  {n}\n    .sum()\n)",
    "several = [\n    x,  {n}\n    1,\n]",
    "several = {\n    'x': x,  {n}\n}",
    "for y in [x, x]:  {n}\n    y.sum()",
    "for i, (y, z) in enumerate([(x, x)]):\n    y  {n}",
    "several = [\n    y.sum()\n    for y in [x, x]  {n}\n]",
    "several = [\n    y + 1  {n}\n    for y in [x, x]\n]",
    "def f(\n    y,  {n}\n    z=None,  {n}\n):\n    return y\n\nf(x)\nf(x, x)",
    "def f(\n    *,\n    y: torch.Tensor,  {n}\n) -> None:\n    '''What it does.'''\n\nf(y=x)",
    "def f(y):  {n}\n    return y\n\nf(x)",
    "class Head:\n    def forward(self, y):\n        return y + 1  {n}\n\nHead().forward(x)",
    "def f(y):\n    def g():\n        z = y  {n}\n        return z\n\n    return g()\n\nf(x)",
    "f = lambda y: torch.relu(\n    y,  {n}\n)\nf(x)",
    "def f():\n    yield x  {n}\n\nlist(f())",
    "if True:\n    try:\n        y = x  {n}\n    finally:\n        pass",
    "y, name = x, '√d_k ≈ 2'; z = x  {n}",
    "y = x.numpy()  {n}",
    "y = torch.nn.Parameter(x)  {n}",
    "display(x)  {n}",
    "match 1:\n    case 1:\n        y = x  {n}",
]


@pytest.mark.parametrize("form", FORMS)
def test_true_shape_passes_and_false_one_is_found(judge, form):
    assert judge(form.replace("{n}", "# (seq_len, d_k)")) == []
    lie = "# (d_k, seq_len)"
    source = form.replace("{n}", lie)
    faults = judge(source)
    assert len(faults) == source.count(lie)
    line = source[: source.index(lie)].count("\n") + 1
    assert faults[0].startswith(f"05_softmax.ipynb, cell work-0, line {line}: {lie}: ")
    assert "is (4, 3): correct the comment or the code" in faults[0]


@pytest.mark.parametrize(
    "source",
    [
        "y, z = x, x.T  # (seq_len, d_k), (d_k, seq_len)",
        "(y, (z, _)) = x, (x.T, x)  # (seq_len, d_k), (d_k, seq_len), (4, 3)",
        "y = x  # (4, 3), rows are tokens",
        "y = x.sum()  # ()",
        "y = x[None, None]  # (..., seq_len, d_k)",
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
def test_shape_comment_of_this_kind_passes(judge, source):
    assert judge(source) == []


LYING = {
    # lie, words of the complaint
    "y, z = x, x.T  # (seq_len, d_k), (seq_len, d_k)": "is (4, 3) here, but the tensor is (3, 4)",
    "y, z = x, x  # (seq_len, d_k)": "2 values and 1 shape",
    "y = x  # (seq_len, d_k), (seq_len, d_k)": "1 value and 2 shapes",
    "y, *z = x  # (d_k,), (3, d_k)": "starred",
    "y = x  # ()": "() is () here",
    "y = x[0]  # (..., seq_len, d_k)": "(..., 4, 3)",
    "y = x  # (seq_len // 0, d_k)": "divides",
    # Of another kind
    "y = x.shape  # (seq_len, d_k)": "another kind, torch.Size",
    "y = 1.0  # ()": "another kind, float",
    "y = [x]  # (1, seq_len, d_k)": "another kind, list",
    "print('x')  # (seq_len, d_k)": "another kind, None",
    "len(x)  # (seq_len, d_k)": "another kind, int",
    # Cannot be resolved
    "y = x  # (seq_len, d_unknown)": "d_unknown cannot be resolved",
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
    "y = x[0]  # (d_k), one per channel": "write (d_k,)",
    "y = x[0]  # (d_k) per channel": "write (d_k,)",
    # Not where a value is
    "with torch.no_grad():  # (seq_len, d_k)\n    pass": "`with` has no value",
    "import math  # (seq_len, d_k)": "`import` has no value",
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
def test_shape_comment_of_this_kind_is_found(judge, source):
    (fault,) = judge(source)
    assert LYING[source] in fault
    assert "cell work-0" in fault


def test_shape_is_checked_across_cells(judge):
    """A function of one cell is judged by what another cell does with it."""
    definition = "def f(y):\n    z = y + 1  # (seq_len, d_k)\n    return z"
    assert judge(definition, "f(x)") == []
    (fault,) = judge(definition, "f(x)", "f(x.T)")
    assert "cell work-0, line 2" in fault


def test_shape_check_lets_errors_be_shown(judge):
    assert judge("y = x  # (4, 3)\n1 / 0", tags=("raises-exception",)) == []
    assert judge("y = = x", tags=("raises-exception",)) == []
    (fault,) = judge("1 / 0\ny = x  # (4, 3)", tags=("raises-exception",))
    assert "never run" in fault


def test_shape_check_needs_no_notation_page(tmp_path):
    page = notebook(code(START + "y = x  # (seq_len, d_k)"), path=tmp_path / "05_softmax.ipynb")
    assert complaints(page) == []


def test_shape_names_of_the_page_do_not_prove_themselves(judge):
    """`d_k` is read from another tensor where there is one, not from the tensor that is judged."""
    start = "import torch\n\nW_query = torch.zeros(5, 3)\nseq_len = 4"
    assert judge("queries = torch.zeros(4, 3)  # (seq_len, d_k)", start=start) == []
    (fault,) = judge("queries = torch.zeros(4, 5)  # (seq_len, d_k)", start=start)
    assert "is (4, 3) here" in fault
    # Where it is the only one, it still says which axis is which.
    assert judge("queries = torch.zeros(4, 3)  # (seq_len, d_k)", start="import torch") == []
    (fault,) = judge("queries = torch.zeros(4, 3)  # (d_k, seq_len)", start="import torch")
    assert "is (3, 4) here" in fault


SIGNED = """
from jaxtyping import Float
def f(
    q: Float[torch.Tensor, "*batch n_queries width"],
    k: Float[torch.Tensor, "*batch n_keys width"] | None = None,
):
    {line}
    return 0
"""
ONE, OTHER = "f(torch.zeros(2, 5, 6), torch.zeros(2, 7, 6))", "f(torch.zeros(5, 6))"


@pytest.mark.parametrize(
    ("line", "call", "true"),
    [
        ("y = q @ k.mT  # (..., n_queries, n_keys)", ONE, True),
        ("y = q @ k.mT  # (..., n_keys, n_queries)", ONE, False),
        ("y = q + 1  # (..., n_keys, width)", ONE, False),
        ("y = q @ q.mT  # (..., n_queries, n_keys)", OTHER, True),  # k, which would tell, is none
        ("y = q @ q.mT  # (..., width, n_keys)", OTHER, False),
        ("y, z = q + 1, None  # (..., n_queries, width), ...", ONE, True),
        ("y, z = q + 1, None  # (..., width, n_queries), ...", ONE, False),
    ],
)
def test_shape_check_reads_sizes_from_an_exported_signature(line, call, true, judge):
    assert (judge(SIGNED.format(line=line), call, tags=("export",)) == []) == true


def test_shape_check_reads_sizes_from_a_modules_attributes(judge):
    module = "class Head:\n    width = 5\n    def forward(self, y):\n        return y  # (4, width)"
    assert judge(module, "Head().forward(torch.zeros(4, 5))", tags=("export",)) == []
    assert judge(module, "Head().forward(torch.zeros(4, 6))", tags=("export",)) != []
