"""Modules are written from notebooks: what is written, what is refused, and what is left alone."""

import ast
import shutil
import subprocess
import sys

import extract
import pytest
from nbformat import v4, writes
from setup_cell import ROOT

INIT = '''"""A small book."""

from bareattention.chapters.first import halve
from bareattention.checks import check_size

__all__ = ["check_size", "halve"]
'''
FIRST = '''\
def halve(x):
    """Half of it."""
    check_size("x", x)
    return x / math.sqrt(FOUR)
'''
SECOND = '''\
def quarter(x):
    """A quarter of it."""
    return halve(halve(x))
'''


def write_chapter(root, name, *exported, title="What is half?", other=()):
    """A notebook with a title, exported cells, and cells that are nobody's business."""
    cells = [v4.new_markdown_cell(f"# {title}\n\nProse.")] if title else []
    cells += [v4.new_code_cell(source, id=f"other-{i}") for i, source in enumerate(other)]
    for i, source in enumerate(exported):
        cell = v4.new_code_cell(source, id=f"def-{i}")
        cell.metadata["tags"] = ["export"]
        cells.append(cell)
    path = root / "book" / f"{name}.ipynb"
    path.write_text(writes(v4.new_notebook(cells=cells)) + "\n", "utf8")


@pytest.fixture
def book(tmp_path):
    """A book of two chapters, the second built on the first, and one ground floor."""
    package = tmp_path / "code" / "bareattention"
    (package / "chapters").mkdir(parents=True)
    (tmp_path / "book").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (package / "__init__.py").write_text(INIT, "utf8")
    (package / "chapters" / "__init__.py").write_text("", "utf8")
    (package / "checks.py").write_text("def check_size(name, value):\n    pass\n", "utf8")
    imports = "import math\n\nfrom bareattention import check_size"
    write_chapter(tmp_path, "01_first", imports, "FOUR = 4", FIRST, other=["halve(7)", "%time 1"])
    write_chapter(tmp_path, "02_second", "from bareattention import halve", SECOND)
    return tmp_path


def state(root):
    """Path -> bytes and time of every file."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".ruff_cache" not in path.parts
    }


def module(root, name):
    return root / "code" / "bareattention" / "chapters" / f"{name}.py"


def refuses(root, capsys, *says):
    """Extraction stops, says all of this, and changes nothing."""
    before = state(root)
    for arguments in ([], ["--check"]):
        assert extract.main(arguments, root) == 1
        message = capsys.readouterr().out
        assert message.startswith("extract: "), message
        for text in says:
            assert text in message, message
    assert state(root) == before


# What is written


def test_a_module_holds_the_exported_cells_in_order(book):
    assert extract.main([], book) == 0
    text = module(book, "first").read_text("utf8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree).splitlines()[0] == "What is half?"
    assert "book/01_first.ipynb" in ast.get_docstring(tree)
    body = [ast.unparse(node).splitlines()[0] for node in tree.body[1:]]
    assert body == [
        "import math",
        "from bareattention.checks import check_size",
        "__all__ = ['FOUR', 'halve']",
        "FOUR = 4",
        "def halve(x):",
    ]
    assert "halve(7)" not in text and "%time" not in text


def test_names_of_the_book_come_from_the_module_that_defines_them(book):
    extract.main([], book)
    text = module(book, "second").read_text("utf8")
    assert "from bareattention.chapters.first import halve\n" in text
    assert "from bareattention import" not in text


def test_the_written_modules_run(book):
    extract.main([], book)
    program = "from bareattention.chapters.second import quarter; print(quarter(8))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=book / "code", capture_output=True, text=True
    )
    assert ran.stdout == "2.0\n", ran.stderr


def test_the_written_modules_pass_the_projects_checks(book):
    extract.main([], book)
    files = [str(module(book, name)) for name in ("first", "second")]
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *files], cwd=book, capture_output=True
        )
        assert ran.returncode == 0, ran.stdout


def test_private_names_are_not_handed_on_and_imports_stand_once(book):
    cells = ("import math", "import math\n\n\ndef _double(x):\n    return 2 * x", "THREE = math.pi")
    write_chapter(book, "03_third", *cells)
    assert extract.main([], book) == 0
    text = module(book, "third").read_text("utf8")
    assert '__all__ = ["THREE"]' in text
    assert text.count("import math") == 1
    assert "def _double" in text


def test_a_chapter_that_exports_nothing_has_no_module(book):
    write_chapter(book, "03_third", other=["x = 1"])
    write_chapter(book, "index", "x = 1")
    assert extract.main([], book) == 0
    found = {path.stem for path in (book / "code" / "bareattention" / "chapters").glob("*.py")}
    assert found == {"__init__", "first", "second"}


def test_writing_again_changes_nothing(book, capsys):
    assert extract.main([], book) == 0
    said = capsys.readouterr().out
    assert "wrote code/bareattention/chapters/first.py" in said
    assert "wrote code/bareattention/chapters/second.py" in said
    before = state(book)
    assert extract.main([], book) == 0
    assert capsys.readouterr().out == ""
    assert state(book) == before
    assert extract.main(["--check"], book) == 0


# --check


def test_check_reports_missing_modules_and_writes_none(book, capsys):
    before = state(book)
    assert extract.main(["--check"], book) == 1
    said = capsys.readouterr().out
    assert "chapters/first.py: differs from its notebook" in said
    assert "chapters/second.py: differs from its notebook" in said
    assert state(book) == before


@pytest.mark.parametrize("edit", [lambda text: text + "\n", lambda text: text.replace("4", "5")])
def test_check_finds_a_module_edited_by_hand(book, capsys, edit):
    extract.main([], book)
    written = module(book, "first").read_text("utf8")
    module(book, "first").write_text(edit(written), "utf8")
    capsys.readouterr()
    before = state(book)
    assert extract.main(["--check"], book) == 1
    said = capsys.readouterr().out
    assert "chapters/first.py: differs from its notebook" in said and "second.py" not in said
    assert "make chapters" in said
    assert state(book) == before
    assert extract.main([], book) == 0
    assert module(book, "first").read_text("utf8") == written


def test_check_finds_a_notebook_that_moved_on(book, capsys):
    extract.main([], book)
    write_chapter(book, "02_second", "from bareattention import halve", SECOND + "\n\nTWO = 2")
    capsys.readouterr()
    assert extract.main(["--check"], book) == 1
    assert "chapters/second.py: differs from its notebook" in capsys.readouterr().out


def test_a_module_without_a_chapter_is_found_and_removed(book, capsys):
    extract.main([], book)
    module(book, "old").write_text("x = 1\n", "utf8")
    capsys.readouterr()
    before = state(book)
    assert extract.main(["--check"], book) == 1
    assert "chapters/old.py: no chapter feeds it" in capsys.readouterr().out
    assert state(book) == before
    assert extract.main([], book) == 0
    assert "removed code/bareattention/chapters/old.py" in capsys.readouterr().out
    assert not module(book, "old").exists()
    assert (book / "code" / "bareattention" / "chapters" / "__init__.py").exists()


def test_there_is_no_other_argument(book, capsys):
    before = state(book)
    assert extract.main(["--chek"], book) == 2
    assert "--chek" in capsys.readouterr().out
    assert state(book) == before


# What is refused: planted faults

IMPORT = "from bareattention import halve"
PLANTED = {
    "magic": ("%matplotlib inline", "not plain Python"),
    "shell": ("!ls", "not plain Python"),
    "print": ("print('loaded')", "line 1", "nothing that acts"),
    "seed": ("import math\n\nmath.factorial(3)", "line 3", "nothing that acts"),
    "loop": ("for i in range(3):\n    pass", "nothing that acts"),
    "condition": ("if True:\n    x = 1", "nothing that acts"),
    "change in place": ("TABLE = {}\nTABLE['a'] = 1", "line 2", "nothing that acts"),
    "two on a line": ("import math; TWO = math.sqrt(4)", "line 1", "not alone"),
    "the package": ("import bareattention", "from bareattention import name"),
    "a module of it": ("import bareattention.checks as c", "from bareattention import name"),
    "around the order": (
        "from bareattention.chapters.third import last",
        "from bareattention import name",
    ),
    "relative": ("from . import third", "from bareattention import name"),
    "inside a function": (
        "def late():\n    from bareattention import last\n    return last",
        "line 2",
        "from bareattention import name",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_an_exported_cell_that_acts_or_imports_oddly_is_refused(book, capsys, planted):
    source, *says = PLANTED[planted]
    write_chapter(book, "02_second", IMPORT, SECOND, source)
    refuses(book, capsys, "02_second.ipynb, cell def-2", *says)


def test_a_name_defined_twice_in_one_chapter_is_refused(book, capsys):
    write_chapter(book, "02_second", IMPORT, SECOND, "quarter = None")
    refuses(book, capsys, "02_second.ipynb, cell def-2", "quarter is defined twice")


def test_a_name_defined_in_two_chapters_is_refused(book, capsys):
    write_chapter(book, "02_second", "import math", FIRST)
    refuses(book, capsys, "halve is defined twice", "01_first.ipynb and 02_second.ipynb")


def test_an_import_from_a_later_chapter_is_refused(book, capsys):
    write_chapter(book, "01_first", "from bareattention import quarter", "HALF = quarter")
    write_chapter(book, "02_second", SECOND)
    refuses(book, capsys, "01_first.ipynb imports quarter", "02_second.ipynb")


def test_an_import_from_the_chapter_itself_is_refused(book, capsys):
    write_chapter(book, "02_second", "from bareattention import quarter", SECOND)
    refuses(book, capsys, "02_second.ipynb imports quarter", "only 02_second.ipynb defines")


@pytest.mark.parametrize("name", ["unheard_of", "*", "chapters"])
def test_an_unknown_name_is_refused(book, capsys, name):
    write_chapter(book, "02_second", f"from bareattention import {name}", SECOND)
    refuses(book, capsys, f"02_second.ipynb imports {name}", "no chapter exports")


def test_a_chapter_without_a_title_is_refused(book, capsys):
    write_chapter(book, "02_second", IMPORT, SECOND, title=None)
    refuses(book, capsys, "02_second.ipynb", "no line `# title`")


# The real book


def test_every_module_of_the_book_is_written_from_its_notebook():
    folder = ROOT / "code" / "bareattention" / "chapters"
    written = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    found = [extract.CHAPTER.fullmatch(path.stem) for path in (ROOT / "book").glob("*.ipynb")]
    notebooks = {match[2] for match in found if match}
    assert written and written <= notebooks
