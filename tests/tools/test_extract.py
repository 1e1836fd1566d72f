"""Modules are written from notebooks: what is written, what is refused, and what is left alone."""

import ast
import shutil
import subprocess
import sys

import extract
import pytest
from nbformat import v4, writes
from setup_cell import ROOT

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
IMPORT = "from bareattention import halve"


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
def book(tmp_path, monkeypatch):
    """A book of two chapters, the second built on the first, and a ground floor of two modules."""
    package = tmp_path / "code" / "bareattention"
    (package / "chapters").mkdir(parents=True)
    (tmp_path / "book").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "code" / "bareattention" / "__init__.py", package)
    (package / "chapters" / "__init__.py").touch()
    (package / "data.py").write_text('__all__ = ["TEN"]\n\nTEN, ELEVEN = 10, 11\n', "utf8")
    (package / "sizes.py").write_text("def check_size(name, value):\n    pass\n", "utf8")
    monkeypatch.setattr(extract, "HANDED_ON", ("data",))
    monkeypatch.setattr(extract, "GROUND", ("data", "sizes"))
    imports = (
        "import math\n\nfrom bareattention import TEN\nfrom bareattention.sizes import check_size"
    )
    cells = (imports, "FOUR = 4", "import math\n\n_SIX = TEN - FOUR", FIRST)
    write_chapter(tmp_path, "01_first", *cells, other=["halve(7)", "%time 1"])
    write_chapter(tmp_path, "02_second", IMPORT, SECOND)
    write_chapter(tmp_path, "03_third", other=["x = 1"])
    write_chapter(tmp_path, "index", "x = 1")
    return tmp_path


@pytest.fixture
def written(book, capsys):
    """The same, with its modules."""
    assert extract.main([], book) == 0
    said = capsys.readouterr().out.split()
    assert said[::2] == ["wrote"] * 3
    assert said[1::2] == [
        f"code/bareattention/{name}"
        for name in ("__init__.pyi", "chapters/first.py", "chapters/second.py")
    ]
    return book


def state(root):
    """Path -> bytes and time of every file."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file() and "_cache" not in str(path)
    }


def module(root, name):
    return root / "code" / "bareattention" / f"{name}.py"


def found(root, capsys):
    """What --check says, which changes nothing."""
    before = state(root)
    assert extract.main(["--check"], root) == 1
    assert state(root) == before
    return capsys.readouterr().out


# What is written


def test_a_module_holds_the_exported_cells_in_order(written):
    tree = ast.parse(module(written, "chapters/first").read_text("utf8"))
    assert ast.get_docstring(tree).startswith("What is half?\n\nWritten from book/01_first.ipynb")
    assert [ast.unparse(node).splitlines()[0] for node in tree.body[1:]] == [
        "import math",
        "from bareattention.data import TEN",
        "from bareattention.sizes import check_size",
        "__all__ = ['FOUR', 'halve']",
        "FOUR = 4",
        "_SIX = TEN - FOUR",
        "def halve(x):",
    ]
    assert "from bareattention.chapters.first import halve\n" in module(
        written, "chapters/second"
    ).read_text("utf8")


def test_the_package_hands_on_what_chapters_export_and_rooms_name(written):
    program = "from bareattention import *; print(sorted(dir()), quarter(8))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=written / "code", capture_output=True, text=True
    )
    public = [name for name in ast.literal_eval(ran.stdout.rpartition(" ")[0]) if name[0] != "_"]
    assert public == ["FOUR", "TEN", "halve", "quarter"], ran.stderr
    assert ran.stdout.endswith(" 2.0\n")


def test_what_is_written_passes_the_projects_checks(written):
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "code"], cwd=written, capture_output=True
        )
        assert ran.returncode == 0, ran.stdout


def test_writing_again_changes_nothing(written, capsys):
    before = state(written)
    assert extract.main([], written) == 0 == extract.main(["--check"], written)
    assert capsys.readouterr().out == ""
    assert state(written) == before


# --check


@pytest.mark.parametrize("name", ["__init__.pyi", "chapters/first.py"])
@pytest.mark.parametrize("edit", [lambda text: text + "\n", lambda text: "<<<<<<< HEAD\n" + text])
def test_a_module_edited_by_hand_is_found_and_mended(written, capsys, name, edit):
    edited = written / "code" / "bareattention" / name
    before = edited.read_text("utf8")
    edited.write_text(edit(before), "utf8")
    says = f"extract: code/bareattention/{name}: differs from the notebooks; run `make chapters`"
    assert found(written, capsys) == says + "\n"
    assert extract.main([], written) == 0
    assert edited.read_text("utf8") == before


def test_a_notebook_that_moved_on_is_found(written, capsys):
    write_chapter(written, "02_second", IMPORT, SECOND, "TWO = 2")
    said = found(written, capsys)
    assert "chapters/second.py: differs" in said and "__init__.pyi: differs" in said


def test_a_module_without_a_chapter_is_found_and_removed(written, capsys):
    module(written, "chapters/old").write_text("x = 1\n", "utf8")
    assert "chapters/old.py: no chapter feeds it" in found(written, capsys)
    assert extract.main([], written) == 0
    assert not module(written, "chapters/old").exists()
    assert module(written, "chapters/__init__").exists()


def test_there_is_no_other_argument(book, capsys):
    before = state(book)
    assert extract.main(["--chek"], book) == 2
    assert "--chek" in capsys.readouterr().out
    assert state(book) == before


# What is refused: planted faults in the second chapter

ODD_IMPORT = "names of the book are imported outside of functions"
CELLS = {
    "magic": ("%matplotlib inline", "not plain Python"),
    "print": ("print('loaded')", "line 1", "nothing that acts"),
    "call": ("import math\n\nmath.factorial(3)", "line 3", "nothing that acts"),
    "loop": ("for i in range(3):\n    pass", "nothing that acts"),
    "change in place": ("TABLE = {}\nTABLE['a'] = 1", "line 2", "nothing that acts"),
    "two on a line": ("import math; TWO = math.sqrt(4)", "line 1", "not alone"),
    "the package": ("import bareattention", ODD_IMPORT),
    "a module of it": ("import bareattention.data as d", ODD_IMPORT),
    "around the order": ("from bareattention.chapters.third import last", ODD_IMPORT),
    "a room above": ("from bareattention.train import main", ODD_IMPORT, "data, sizes"),
    "relative": ("from . import third", ODD_IMPORT),
    "in a function": ("def late():\n    from bareattention import last", "line 2", ODD_IMPORT),
    "twice": ("quarter = None", "quarter is defined twice"),
}
CHAPTERS = {
    "an exported name twice": (
        ("import math", FIRST),
        "halve",
        "chapters.first and chapters.second",
    ),
    "a room's name": (("TEN = 9",), "TEN is defined twice: in chapters.second and data"),
    "its own name": (("from bareattention import quarter", SECOND), "only 02_second.ipynb defines"),
    "an unknown name": (("from bareattention import other", SECOND), "imports other, which"),
    "a name kept back": (("from bareattention import ELEVEN", SECOND), "imports ELEVEN, which"),
    "everything": (("from bareattention import *", SECOND), "imports *, which"),
}


def refuses(root, capsys, *says):
    """Extraction stops, says all of this, and changes nothing."""
    before = state(root)
    assert extract.main([], root) == 1
    message = capsys.readouterr().out
    for text in ("extract: ", *says):
        assert text in message
    assert state(root) == before


@pytest.mark.parametrize("planted", CELLS)
def test_an_exported_cell_that_acts_or_imports_oddly_is_refused(book, capsys, planted):
    source, *says = CELLS[planted]
    write_chapter(book, "02_second", IMPORT, SECOND, source)
    refuses(book, capsys, "02_second.ipynb, cell def-2", *says)


@pytest.mark.parametrize("planted", CHAPTERS)
def test_a_chapter_that_does_not_fit_the_others_is_refused(book, capsys, planted):
    cells, *says = CHAPTERS[planted]
    write_chapter(book, "02_second", *cells)
    refuses(book, capsys, *says)


def test_an_import_from_a_later_chapter_is_refused(book, capsys):
    write_chapter(book, "01_first", "from bareattention import quarter", "HALF = quarter")
    write_chapter(book, "02_second", SECOND)
    refuses(book, capsys, "01_first.ipynb imports quarter, which only 02_second.ipynb defines")


def test_a_chapter_without_a_title_is_refused(book, capsys):
    write_chapter(book, "02_second", IMPORT, SECOND, title=None)
    refuses(book, capsys, "02_second.ipynb: no line `# title`")


def test_a_room_without_a_list_of_its_names_is_refused(book, capsys, monkeypatch):
    for room in ("sizes", "attic.none"):
        monkeypatch.setattr(extract, "HANDED_ON", (room,))
        refuses(book, capsys, f"bareattention.{room}: wanted a module with a list `__all__`")
