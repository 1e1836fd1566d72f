"""Each rule finds the faults planted for it, and leaves what is right alone.

Under each rule: how to make a page of what stands in a row, then the rows: a fault, and its clean
counterpart.
"""

import json
from pathlib import Path

import pytest
from booklint import (
    assets,
    cells,
    definitions,
    identity,
    links,
    notation,
    numbers,
    pictures,
    sentences,
    setup,
    symbols,
    template,
)
from booklint import exercises as exercise_rules
from booklint import stored as runs
from booklint.pages import Page, parse
from booklint.rules import RULES
from booklint.shapes import comments
from chapter import REQUIRED
from nbformat.v4 import new_output
from planted import NOTATION, code, markdown, notebook, prints, raises, shows, stored, text
from setup_cell import SETUP_CELL

LONG = "\n".join(f"x{i} = {i}" for i in range(11))
DEFINITION = 'def softmax(scores):\n    """Shares."""\n    return scores'
ONE = "\n    x = 1  # one"
DOCUMENTED = '\n    """A' + "\n    And so on." * 30 + '"""\n'
TWO_METHODS = "class A:\n" + "".join(f"  def {name}(self):{ONE * 12}\n" for name in "fg")
PNG, HTML = "image/png", "text/html"
TRAINING = code("train()", id="train", tags=("nbval-ignore-output",))
CHECK = code("if True:\n    assert 1", id="check", tags=("remove-cell",))
CITED = "[us](https://arxiv.org/abs/1)"
TARGET = """
(explicit)=
# Sizes & `d_k`, all

## Twice

## Twice

### Deep enough

#### Too deep

<p id="by-hand"></p>
"""


def prose(source: str) -> Page:
    return notebook(text(source))


def cell(source: str, *tags: str) -> Page:
    return notebook(code(source, tags=tags))


def exported(source: str) -> Page:
    return cell(source, "export")


def chapter(*sources: str | int) -> Page:
    """A chapter that exports these definitions; its number may stand before them."""
    number = sources[0] if isinstance(sources[0], int) else 5
    cells = [
        code(source, id=f"def-{i}", tags=("export",))
        for i, source in enumerate(sources)
        if isinstance(source, str)
    ]
    return notebook(*cells, path=Path(f"{number:02}_softmax.ipynb"))


def counted(count: int | None) -> Page:
    page = notebook(code(id="one"), code(id="two"))
    page.cells[1].count = count
    return page


def edited(change: dict, *ids: str) -> Page:
    """A notebook with these ids, changed in its file as other tools may have left it."""
    raw = json.loads(stored(*(text("Yes.", id=f"words-{i}") for i, _ in enumerate(ids)))) | change
    for stored_cell, name in zip(raw["cells"], ids, strict=True):
        stored_cell["id"] = name
    return parse(Path("05_softmax.ipynb"), json.dumps(raw))


def with_ids(*ids: str) -> Page:
    return edited({}, *ids)


def said(prose: str, output: str = "", source: str = "1", tags: tuple[str, ...] = ()) -> Page:
    """A page whose prose says one thing, and whose only cell prints another."""
    return notebook(text(prose, tags=tags), code(source, prints(output)))


def pictured(alt: str, caption: str, *shown: str) -> Page:
    settings = {"image": {"alt": alt}, "figure": {"caption": caption}}
    return notebook(code("1", *map(shows, shown or (PNG,)), mystnb=settings))


def touched(alt: str, caption: str) -> Page:
    """An element with its picture: the alt text stands in the HTML, the caption below it."""
    html = f'<p class="touch"><img src="data:," alt="{alt}"></p>'
    output = new_output("display_data", data={HTML: html, PNG: ""})
    return notebook(code("1", output, mystnb={"figure": {"caption": caption}}))


def showing(kind: str, value: str) -> Page:
    return notebook(code("1", shows(kind, value)))


def beginning(source: str = SETUP_CELL, *others: dict, **settings: object) -> Page:
    given = {"id": "setup", "tags": ("setup", "remove-cell")} | settings
    return notebook(code(source, **given), *others)


FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def sections(*names: str, title: str = "# Why?", tags: tuple = ("solution", "hide-cell")) -> Page:
    parts = [text(f"## {name}", id=f"part-{i}") for i, name in enumerate(names or REQUIRED)]
    solution = code(id="solution", tags=tags, **FOLDED)
    return notebook(text(title), code(id="first"), *parts, solution)


def exercises(starter: str = 'check("5.1", mine)', solved: str = 'check("5.1", other)') -> Page:
    """Two starters, the second beyond reproach, and their solutions."""
    starters = [starter, 'check("5.2", yours)']
    cells = [code(s, id=f"ask-{i}", tags=("exercise",)) for i, s in enumerate(starters)]
    given = 'def theirs(): ...\n\n\ncheck("5.2", theirs)\n'
    return notebook(*cells, code(given + solved, id="solution", tags=("solution",), **FOLDED))


def predicting(ask: str = "What?", **wrong: object) -> Page:
    given = {"tags": ("predict", "hide-output"), "collapsed": True}
    given |= {"jupyter": {"outputs_hidden": True}} | wrong
    before = [text(ask)] if ask else []
    return notebook(
        *before, code(id="a", **given), text("And now?", id="more"), code(id="b", **given)
    )


def table(value: str = "1", *kinds: str) -> dict:
    """What pandas shows of a table: HTML for the page, and text for others."""
    html = f"<table class='dataframe'><tr><th>a</th><td>{value}</td></tr></table>"
    data = {"text/plain": f"a  {value}", HTML: html}
    return new_output("display_data", {kind: data[kind] for kind in kinds or data})


def linking(source: str, book: Path) -> Page:
    return notebook(text(source), path=book / "05_softmax.ipynb")


def noting(before: str, book: Path) -> Page:
    """The notation page; of a pair "what stands there -> what is put there", changed."""
    before, _, after = before.partition(" -> ")
    assert before in NOTATION
    return markdown(NOTATION.replace(before, after or before), path=book / "notation.md")


PLANTED = {
    runs.counts_run: (counted, [(None, 2), (3, 2)]),
    runs.is_valid: (
        edited,
        [
            ({"metadata": {"kernelspec": {"name": "mine", "display_name": "Mine"}}}, {}),
            ({"nbformat_minor": 4}, {}),
            ({"surplus": 1}, {}),
        ],
    ),
    runs.errors_are_meant: (
        lambda cell: notebook(cell),
        [
            (code("1 / 0", raises()), code("1 / 0", raises(), tags=("raises-exception",))),
            (code(tags=("raises-exception",)), code()),
        ],
    ),
    runs.nothing_volatile: (
        lambda metadata: notebook(code(**metadata)),
        [({"execution": {"iopub.execute_input": "2026-01-01"}}, {"mystnb": {}})],
    ),
    runs.what_prints_has_printed: (
        notebook,
        [
            (code("for x in 1, 2:\n    print(x)"), code("for x in 1, 2:\n    x + 1")),
            (code("print(1)"), code("print(1)", prints("1\n"))),
        ],
    ),
    runs.no_script: (
        lambda script: showing(HTML, script),
        [("<p><script>1</script>", '<p><script type="application/json">1</script>')],
    ),
    pictures.have_alt_and_caption: (
        lambda page: page,
        [
            (touched("", "It rises."), touched("A curve.", "It rises.")),
            (touched("A curve.", ""), touched("A curve.", "It rises.")),
            (pictured(" ", "It rises."), pictured("A curve.", "It rises.")),
            (pictured("A.", "", "image/jpeg"), pictured("A.", "It rises.", "image/jpeg")),
            (pictured("A.", "B.", PNG, PNG), pictured("A.", "B.", PNG, "text/plain")),
            (showing(HTML, '<img src="a.png">'), showing(HTML, '<img src="a.png" alt="A.">')),
            (prose("![](a.png)"), prose("![A curve](a.png)")),
            (prose('An <img src="a.png">'), prose('An <img src="a.png" alt="A">')),
            (
                markdown("```{figure} a.png\n:name: curve\n\nIt rises.\n```"),
                markdown("```{image} a.png\n:alt: A curve\n```\n\n:::{tip}\nLook.\n:::"),
            ),
        ],
    ),
    numbers.are_found: (
        lambda words: said(*words),
        [
            # Where it is shown: printed or coded, and not in a comment or string
            (("It is 0.95.",), ("It is 0.95.", "tensor([0.1, 0.95])")),
            (("It is 0.95.", "", "x = 1  # 0.95"), ("It is 28 × 28.",)),
            (("It is 0.95.", "", "x = '0.95'"), ("It is 0.95.", "", "x = 0.95")),
            # Percentages
            (("It is 92.4%.", "93.4"), ("It is 92.4%.", "92.4")),
            (("It is 92.4 percent.", "0.92"), ("It is 92.4 percent.", "0.924")),
            (("It is 8 %.", "8 heads"), ("It is 8 %.", "8 %")),
            (("51 %.", "", "x = 0.5"), ("50 %.", "", "x = 0.5")),
            # Rounding
            (("It is 0.8.", "0.8132"), ("It is 0.8.", "0.813")),
            (("It is 0.82.", "0.813"), ("It is 0.81.", "0.813")),
            (("It is 0.920.", "0.92"), ("It is 0.92.", "0.92")),
            # A 5 is rounded up, to even, or down for want of exact binary digits.
            (("It is 0.83.", "0.845"), ("It is 0.84.", "0.845")),
            (("It is 0.86.", "0.845"), ("It is 0.85.", "0.845")),
            # Signs, digits before, powers of ten
            (("It is −0.35.", "0.35"), ("It is −0.35.", "-0.35")),
            (("It is 2.5.", "12.5"), ("It is 2.5.", "[2.5]")),
            (
                ("It is $1.2 \\times 10^{-7}$.", "1.2e-06"),
                ("It is $1.2 \\times 10^{-7}$ or 1.2 × 10⁻⁷ or 1.2e-7.", "1.19e-07"),
            ),
            # Where prose is: formulas, boxes, tables, HTML, captions, alt texts
            (("$$\ny = 0.5 x\n$$",), ("$$\ny = 0.5 x\n$$", "", "y = 0.5 * x")),
            ((":::{admonition} Only 0.95\nHere.\n:::",), (":::{admonition} Only\nHere.\n:::",)),
            ((":::{tip}\nIt is 0.95.\n:::",), (":::{tip}\nIt is 0.95.\n:::", "0.95")),
            (("| a |\n|---|\n| 0.95 |",), (f"| a |\n|---|\n| 0.95 {CITED} |",)),
            (
                ('<p>It is 0.95 <a href="a.html">here</a></p>',),
                ('<p>It is <b>0.95</b> <a href="https://arxiv.org/abs/1">there</a></p>',),
            ),
            (("```{figure} a.png\n\nIt is 0.95.\n```",), ("```{figure} 0.95.png\n\nYes.\n```",)),
            (("```{math} y = 0.5\n```",), ("{abbr}`0.95 (a)` and {math}`x`",)),
            (("In {math}`0.95`.",), ("In `0.95`.",)),
            (("```{raw} html\n<p>0.95</p>\n```",), ("```{code} python\n0.95\n```",)),
            (("An ![of 0.95](a.png)",), ("An ![of 0.95](a.png)", "0.95")),
            # What needs no cell: cited in the same sentence, a name, a definition
            ((f"It is 0.95.\nSee {CITED}.",), (f"It is 0.95 by {CITED}.",)),
            (
                ("It is 0.95 ([chapter 4](04_scores.ipynb)).",),
                ("`0.95`, Python 3.11, section 3.2, arXiv:1706.03762, GPL-3.0, 1.0.4.",),
            ),
            (("It is 0.95.",), ("It is 0.95.", "", "1", ("definition",))),
        ],
    ),
    sentences.one_per_line: (
        prose,
        [
            ("> **Predict, then run.** One? Two.", "> **Predict, then run.** One?\n> Two."),
            ("One thing. Another thing.", "One thing.\nAnother thing."),
            ("Why? Because.", "The question “Why?” comes up, etc. and so on…"),
            ("It is 3.5. `softmax` is not.", "It is 3.5, `a.b. C` and $x. Y$ alike."),
            ("It is `x`. So is $y$.", "Heads (e.g. eight, i.e. many) vs. one, cf. Fig. 2."),
            ("It ends. but goes on.", "Vaswani et al. wrote it, w.r.t. J. Doe."),
            ("“Why?” She knew.", "Why?\nBecause."),
            ("It is **bold.** It is not.", "It is **bold.**\nIt is not."),
            ("1. One. Two.", "1. One.\n2. Two."),
            ("**1.** Write it. Run it.", "**1.** Write it.\nRun it."),
            ("It goes on\nin a second line.", "It goes on in a line."),
            ("- a list\n  that goes on", "- a list\n- of things"),
            ("We see, e.g.\nthis.", "We see this:\n- one\n- two"),
            (":::{tip}\nOne. Two.\n:::", ":::{tip}\n:class: a\nOne.\nTwo.\n:::"),
            (
                "<details>\n<summary>A</summary>\n\nOne. Two.\n\n</details>",
                "<p>One. Two.</p>\n\n```\nOne. Two.\n```\n\n$$\na. B\n$$\n\n| a. B |\n|---|",
            ),
        ],
    ),
    cells.are_short: (
        lambda source_and_tags: cell(*source_and_tags),
        [
            ((LONG,), (LONG, "long:one-table")),
            ((LONG, "long:"), (LONG, "setup")),
            ((LONG,), (LONG, "export")),
            (("1", "long:no-need"), (LONG[:-9].replace("\n", "\n\n"),)),
        ],
    ),
    cells.exports_hold_one_thing: (
        exported,
        [
            (f"{DEFINITION}\n\n\n{DEFINITION}", DEFINITION),
            (f"import math\n\n\n{DEFINITION}", "import math\n\nSIZE: int = 3\nOTHER = 4"),
            ("# nothing", "@decorated\nclass Head:\n    pass"),
        ],
    ),
    definitions.are_brief: (
        lambda sources: chapter(*sources),
        [
            # At most 12 lines without signature, docstring and comments
            (("def f():" + ONE * 13,), (f"def f(\n    x\n):{DOCUMENTED}{ONE * 12}",)),
            (("class A:\n  def f(self):" + ONE * 13,), (TWO_METHODS,)),
            # Helpers count where they are called, also by a helper
            ((f"def f():{ONE * 6}\n    _g()", f"def _g():{ONE * 6}"), ("def _g():" + ONE * 13,)),
            (
                ("def f():\n    _g()", "def _g():\n    _h()", f"def _h():{ONE * 11}"),
                ("def f():\n    g()", f"def g():{ONE * 12}"),
            ),
            # From chapter 11, 25 lines
            ((11, "def f():" + ONE * 26), (11, f"def f():{DOCUMENTED}{ONE * 25}")),
        ],
    ),
    cells.are_narrow: (
        lambda page: page,
        [
            (chapter("#" * 81), chapter("#" * 80)),
            (cell("x = 1\n" + "#" * 81, "remove-cell"), cell("#" * 80, "remove-cell")),
            (notebook(code("1", prints(f"a\n{'b' * 81}"))), notebook(code("1", prints("b" * 80)))),
            (showing("text/plain", "b" * 81), notebook(code("1", table("b" * 81)))),
        ],
    ),
    cells.trainings_are_checked: (
        lambda cells: notebook(*cells),
        [
            ((TRAINING,), (TRAINING, CHECK)),
            ((CHECK, TRAINING), (TRAINING, code(id="more"), CHECK)),
            ((TRAINING, code("print(1)")), (TRAINING, code("print(x > 1)"))),
            ((TRAINING,), (code(tags=("nbval-ignore-output", "solution")),)),
        ],
    ),
    definitions.say_shapes: (
        lambda body: chapter(f"class Head:\n    def forward(self, x):\n        {body}"),
        [
            ("scores = x @ x.T", "scores = x @ x.T  # (seq_len, seq_len)"),
            ("return softmax(scores)", "return x, scores"),
            ("weights = f(x)  # of x", "x = g(x)"),
            ("n = x.shape[0]; weights = x[n]", "n = x.shape[0]; weights = x"),
            ("return self.attention(x)", "if x:\n            raise ValueError(f'{weights}')"),
            (
                "for x in scores:  # (n,)\n            a = f(x)",
                "for x in scores:  # (n,)\n            pass",
            ),
        ],
    ),
    cells.end_visibly: (cell, [("x = 1;", "x = 1; x"), ("plt.plot(x);  # dots\n", "x  # ;")]),
    cells.hold_no_magic: (
        cell,
        [("%timeit x", "x = 5 %y"), ("!ls", "z != x"), ("x?", "'x?'"), ("get_ipython()", "1")],
    ),
    cells.show_no_svg: (lambda kind: showing(kind, ""), [("image/svg+xml", PNG)]),
    assets.none_remote: (
        lambda page: prose(page) if isinstance(page, str) else showing(*page),
        [
            ("![a](https://a.org/b.png)", "[a](https://a.org/b.png)"),
            ("![a](//a.org/b.png)", "![a](_static/b.png)"),
            ("<script src='http://a.org/b.js'></script>", "<a href='https://a.org'>a</a>"),
            ('An <img src="https://a.org/b.png" alt="b">', 'An <img src="b.png" alt="b">'),
            ("<link href='https://a.org/b.css'>", "<link href='_static/b.css'>"),
            ("<p style='background: url(//a.org/b.png)'>", "<p style='color: red'>"),
            ('<iframe srcdoc="<img src=//a.org/b>"></iframe>', '<p title="<img src=//a.org/b>">'),
            ("<style>@import 'https://a.org/b.css';</style>", "<style>p {}</style>"),
            ("```{image} https://a.org/b.png\n```", "```{image} b.png\n```"),
            (":::{tip}\n![a](https://a.org/b.png)\n:::", ":::{tip}\n![a](b.png)\n:::"),
            ("<script>import('https://a.org/b.js')</script>", "<script>// //a.org</script>"),
            ('<img srcset="a.png 1x, //a.org/b.png 2x" alt="b">', '<img srcset="a.png" alt="b">'),
            ((HTML, "<script src='//a.org/b'></script>"), (HTML, '<svg xmlns="http://w3.org/">')),
            (("image/svg+xml", "<image href='//a.org/b'/>"), (HTML, '<img src="data:image/png">')),
            (("text/markdown", "![a](https://a.org/b.png)"), ("text/markdown", "![a](b.png)")),
            (("text/javascript", "fetch('https://a.org')"), ("text/javascript", "f('http:')")),
        ],
    ),
    links.resolve: (
        linking,
        [
            ("[a](missing.md)", "[a](target.md)"),
            ("[a](target.md#nowhere)", "[a](target.md#sizes--d_k-all)"),
            ("[a](target.md#twice-2)", "[a](target.md#twice-1)"),
            ("[a](target.md#too-deep)", "[a](target.md#deep-enough)"),
            ("[a](target.md#explicit)", "(mine)=\n# Title\n\n[a](#mine)"),
            ("[a](#nowhere)", "# A heading\n\n[a](#a-heading)"),
            ("```{include} gone.md\n```", "```{math}\n:label: sum\nx\n```\n\n[a](#sum)"),
            ("[a](../secret.md)", "[a](https://a.org/missing.md#nowhere)"),
            ("![a](_static/missing.png)", "![a](_static/there.png)"),
            ("```{figure} missing.png\nA.\n```", "```{figure} _static/there.png\nA.\n```"),
            ('<a href="missing.md">a</a>', '<a href="target.md#by-hand">a</a>'),
            ('Or <img src="missing.png" alt="a">', 'Or <a id="x" href="#x">a</a>'),
            ("[a](05_softmax.html)", "[a](mailto:a@b.org)"),
        ],
    ),
    notation.names_exist: (
        noting,
        [
            (fault, "# Notation")
            for fault in [
                "`softmax` -> `no_such_name`",
                "`softmax` -> softmax",
                "| 3 |\n -> | 4 |\n",
                "| 3 |\n -> | somewhere |\n",
                "[3](03_three.ipynb) -> [4](04_four.ipynb)",
                "`queries` | what -> `questions` | what",
                "`(seq_len, d_k)` -> `(seq_len, d_model)`",
                "| `n_heads` -> | `heads`",
                "| `d_k` | -> | `seq_len` |",
                "`sizes.n_heads` -> `how many`",
                "| What it counts | -> | What |",
                "| Python name | What it does | Chapter | -> | a | b | c |",
            ]
        ],
    ),
    symbols.are_listed: (
        linking,
        [
            ("It is $Z$.", "It is $Q$, and $Q_i \\cdot Q_{ij}$."),
            ("$$\nQ = d_v\n$$", "$$\nQ = \\frac{T}{\\sqrt{d_k}}\n$$"),
            ("$\\text{loss} = \\tau$", "$\\text{loss of Z} = 2 \\times 3$"),
            ("- a list of {math}`Q_{query}`", "`Z`, Z and {math}`T`"),
            ("$Q^{Z}$", "$Q^{T}$"),
        ],
    ),
    setup.comes_first: (
        lambda page: page,
        [
            (
                notebook(code()),
                notebook(
                    text("Words."), code(SETUP_CELL, id="setup", tags=("setup", "remove-cell"))
                ),
            ),
            (notebook(text("Words.")), markdown("Words.")),
            (beginning("1"), beginning(SETUP_CELL + "\n")),
            (beginning(id="begin"), beginning()),
            (beginning(tags=("setup",)), beginning()),
            (beginning(SETUP_CELL, code(tags=("setup",))), beginning(SETUP_CELL, code())),
        ],
    ),
    identity.ids_are_names: (
        lambda ids: with_ids(*ids),
        [
            (("a", "a"), ("a", "b")),
            (("a", ""), ("a", "b-2")),
            (("a_b",), ("a-b",)),
            (("a" * 65,), ("a" * 64,)),
            (("3fa94c1d",), ("softmax1",)),
            (("3fa94c1d-0b1e-4c2a-9d3f-5e6a7b8c9d0e",), ("3-heads",)),
        ],
    ),
    identity.tags_are_known: (lambda tag: cell("1", tag), [("exports", "export")]),
    template.asks_and_answers: (
        lambda page: page,
        [
            (sections(title="# Softmax"), sections()),
            (sections(title="# One?\n\n# Two?"), notebook(text("# A"), path=Path("index.ipynb"))),
            (sections(*REQUIRED[1:]), sections(REQUIRED[0], "One", *REQUIRED[1:])),
            (sections(*REQUIRED[:3], *reversed(REQUIRED[3:])), sections()),
            (sections("One", *REQUIRED), sections()),
            (sections(*REQUIRED, "Afterword"), sections()),
            (sections(*REQUIRED, "Recap"), sections()),
        ],
    ),
    template.solutions_are_folded: (
        lambda page: page,
        [
            (sections(tags=("solution",)), sections()),
            (sections(*REQUIRED[:-1]), sections()),
            (sections("Solutions", "More"), sections()),
            (notebook(code()), markdown("Words.")),
            (
                notebook(text("## Solutions"), code(tags=("solution", "hide-cell"))),
                notebook(text("## Solutions"), code(tags=("solution", "hide-cell"), **FOLDED)),
            ),
        ],
    ),
    exercise_rules.can_be_checked: (
        lambda starter: exercises(starter),
        [
            ('check("4.1", mine)', 'check("5.1", mine)'),
            ("def mine(): ...", 'check("5.1", mine)'),
            ('check("5.3", mine)', 'check("5.1", mine)'),
        ],
    ),
    exercise_rules.are_left_to_the_reader: (
        lambda solved: exercises(solved=solved),
        [("def mine(): ...", "def other(): ...")],
    ),
    template.predictions_come_first: (
        lambda page: page,
        [
            (predicting(tags=("predict",)), predicting()),
            (predicting(collapsed=False), predicting()),
            (predicting(jupyter={}), predicting()),
            (predicting(ask=""), predicting()),
            (notebook(code()), notebook(code(), path=Path("index.ipynb"))),
        ],
    ),
    template.predictions_read_well_everywhere: (
        prose,
        [
            (":::{admonition} Predict, then run\nWhy?\n:::", "> **Predict, then run.** Why?"),
            ("**Predict, then run.** Why?", "We predict, then run on."),
            ("> **Predict then run** Why?", "> Predict it."),
            ("> **Predict, then run.**", ":::{admonition} Or\nPredict, if you like.\n:::"),
        ],
    ),
    comments.are_there: (cell, [("x = 1  # (see)", "x = y  # (seq_len, d_k)")]),
}
NEED_A_BOOK = {linking, noting}
ROWS = [
    pytest.param(rule, make, *row, id=f"{rule.__module__}.{rule.__name__}-{i}")
    for rule, (make, rows) in PLANTED.items()
    for i, row in enumerate(rows)
]


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A book of one chapter, which uses the names of the notation page, and of a page to link."""
    book = tmp_path_factory.mktemp("house") / "book"
    (book / "_static").mkdir(parents=True)
    (book.parent / "secret.md").write_text("# Not the book's\n", "utf8")
    (book / "target.md").write_text(TARGET, "utf8")
    (book / "notation.md").write_text(NOTATION + "$\\cdot$\n", "utf8")
    (book / "_static/there.png").write_bytes(b"")
    source = "seq_len, d_k = 4, 3\nqueries = 1\n\n\ndef f(n_heads):\n    return n_heads"
    (book / "03_three.ipynb").write_text(stored(code(source)), "utf8")
    return book


@pytest.mark.parametrize(("rule", "make", "fault", "clean"), ROWS)
def test_rule_finds_the_fault_and_leaves_the_clean_page_alone(rule, make, fault, clean, book):
    there = [book] if make in NEED_A_BOOK else []
    page = make(fault, *there)
    complaints = rule(page)
    assert complaints
    for complaint in complaints:
        assert complaint.page == page.path.name
        assert complaint.cell in {"", *(cell.id for cell in page.cells)}
        assert complaint.line >= 1
    assert [str(complaint) for complaint in rule(make(clean, *there))] == []


def test_every_rule_has_a_planted_fault():
    assert set(PLANTED) == set(RULES)


def test_complaint_says_where():
    (complaint,) = sentences.one_per_line(notebook(text("One.\nTwo. Three.", id="two-three")))
    assert str(complaint).startswith("05_softmax.ipynb, cell two-three, line 2: ")


@pytest.mark.parametrize(("keep", "line"), [(9, 4), (2, 3)])
def test_complaint_names_the_line_of_the_set_up_cell_that_differs(keep, line):
    lines = SETUP_CELL.split("\n")[:keep]
    lines[3:4] = [name + " " for name in lines[3:4]]
    (complaint,) = setup.comes_first(beginning("\n".join(lines)))
    assert complaint.line == line


@pytest.mark.parametrize("kind", [HTML, "text/plain"])
def test_numbers_are_found_in_tables(kind):
    shown = table("0.25", kind)
    page = notebook(text("It is 0.25."), code("frame", shown))
    assert numbers.are_found(page) == []
    assert numbers.are_found(notebook(text("It is 0.35."), code("frame", shown)))


@pytest.mark.parametrize("texts", [("Up to 0.95.", "It rises."), ("A curve.", "0.95 at most.")])
def test_numbers_are_found_in_texts_of_pictures(texts):
    assert numbers.are_found(pictured(*texts))


def test_links_are_followed_in_outputs_and_to_named_figures(book):
    path = book / "05_softmax.ipynb"
    broken = notebook(code("1", shows(HTML, '<a href="gone.md">a</a>')), path=path)
    assert links.resolve(broken)
    figure = code(mystnb={"figure": {"name": "fig-shares"}})
    assert not links.resolve(notebook(figure, text("[a](#fig-shares)"), path=path))
