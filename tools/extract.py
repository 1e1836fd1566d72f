"""Write `code/bareattention/chapters/*.py` and `__init__.pyi` from the cells tagged `export`.

    python tools/extract.py            # write
    python tools/extract.py --check    # change nothing, fail on any difference

`book/05_softmax.ipynb` feeds `chapters/softmax.py`.  Imports go to the top; a
`from bareattention import name` becomes an import from the module that defines the name, so that
the floors of the house can be checked.  `__init__.pyi` says what the package hands on: what the
chapters export, and the `__all__` of the modules HANDED_ON.  The result is formatted by ruff.
"""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from notebooks import ROOT, NotebookError, read_notebook, write_whole

PACKAGE = "bareattention"
# The hand-written modules that an exported cell may import from, as `from bareattention.data import
# N_CLASSES`: the ground floor, see [tool.importlinter] in pyproject.toml.
GROUND = ("data", "diagrams", "plotting", "shapes")
# The hand-written modules whose `__all__` the package hands on, beside what the chapters export.
HANDED_ON = ("data", "diagrams", "plotting", "experiments.recipes", "experiments.runs")
COLUMNS = 80  # of the pages' code, and so of the modules that are made of it
CHAPTER = re.compile(r"(\d\d)_(\w+)")
HEADER = '''"""{title}

Written from book/{source} by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""
'''
STUB = """# Written by tools/extract.py from what the chapters export.
# Edit the notebooks, then run `make chapters`.

{imports}
"""


class ExtractionError(Exception):
    """A chapter that cannot become a module; the message names the cell and says why."""


@dataclass
class Chapter:
    """The exported part of one notebook."""

    path: Path
    number: int
    module: str
    title: str
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def public(self) -> list[str]:
        """The names that the module hands on."""
        return [name for name in self.names if not name.startswith("_")]


def defined_names(node: ast.stmt) -> list[str]:
    """The names that one top-level statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def check_imports(where: str, tree: ast.Module) -> None:
    """Refuse imports whose names could not be taken from where they are defined."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + (node.module or "")]
        else:
            continue
        allowed = {PACKAGE, *(f"{PACKAGE}.{name}" for name in GROUND)}
        sound = isinstance(node, ast.ImportFrom) and modules[0] in allowed and node in tree.body
        if not sound and any(module.split(".")[0] in ("", PACKAGE) for module in modules):
            raise ExtractionError(
                f"{where}, line {node.lineno}: names of the book are imported outside of "
                f"functions, as `from {PACKAGE} import name`, or from a module of the ground "
                f"floor ({', '.join(GROUND)})"
            )


def add_cell(chapter: Chapter, cell: nbformat.NotebookNode) -> None:
    """Take one exported cell apart: imports to the top, the rest in the order of the book."""
    where = f"{chapter.path.name}, cell {cell.id}"
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        raise ExtractionError(f"{where}: not plain Python (a magic?): {error}") from None
    check_imports(where, tree)
    lines, hoisted, kept = cell.source.splitlines(), set(), set()
    for node in tree.body:
        own = set(range(node.lineno - 1, node.end_lineno))
        if isinstance(node, ast.Import | ast.ImportFrom):
            chapter.imports.append(node)
            hoisted |= own
            continue
        kept |= own
        if not defined_names(node):
            raise ExtractionError(
                f"{where}, line {node.lineno}: an exported cell holds imports, constants or one "
                f"definition, and nothing that acts"
            )
        for name in defined_names(node):
            if name in chapter.names:
                raise ExtractionError(f"{where}: {name} is defined twice")
            chapter.names.append(name)
    if hoisted & kept:
        raise ExtractionError(f"{where}, line {min(hoisted & kept) + 1}: an import is not alone")
    block = "\n".join(line for i, line in enumerate(lines) if i not in hoisted).strip("\n")
    if block:
        chapter.blocks.append(block)


def read_chapter(path: Path) -> Chapter | None:
    """Read one notebook; None where it exports nothing."""
    number, module = CHAPTER.fullmatch(path.stem).groups()
    notebook = read_notebook(path)
    titles = [
        line.removeprefix("# ").strip()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("# ")
    ]
    if not titles:
        raise ExtractionError(f"{path.name}: no line `# title`, which becomes the docstring")
    chapter = Chapter(path, int(number), module, titles[0])
    for cell in notebook.cells:
        if cell.cell_type == "code" and "export" in cell.metadata.get("tags", []):
            add_cell(chapter, cell)
    return chapter if chapter.names else None


def read_chapters(book: Path) -> list[Chapter]:
    """All chapters in reading order."""
    paths = sorted(path for path in book.glob("*.ipynb") if CHAPTER.fullmatch(path.stem))
    return [chapter for path in paths if (chapter := read_chapter(path))]


def public_names(package: Path, module: str) -> list[str]:
    """The `__all__` of a hand-written module."""
    path = package.joinpath(*module.split(".")).with_suffix(".py")
    for node in ast.parse(path.read_text("utf8")).body if path.is_file() else ():
        if isinstance(node, ast.Assign) and defined_names(node) == ["__all__"]:
            return ast.literal_eval(node.value)
    raise ExtractionError(f"{PACKAGE}.{module}: wanted a module with a list `__all__`")


def homes(chapters: list[Chapter], package: Path) -> dict[str, str]:
    """Public name -> the module that defines it, as `chapters.softmax`; every name once."""
    exported = {f"chapters.{chapter.module}": chapter.public for chapter in chapters}
    written = {module: public_names(package, module) for module in HANDED_ON}
    home: dict[str, str] = {}
    for module, names in (exported | written).items():
        for name in names:
            if name in home:
                raise ExtractionError(f"{name} is defined twice: in {home[name]} and {module}")
            home[name] = module
    return home


def resolved_imports(chapter: Chapter, chapters: list[Chapter], home: dict[str, str]) -> str:
    """The import lines of a module, each name taken from where it is defined."""
    later = {f"chapters.{c.module}": c.path.name for c in chapters if c.number >= chapter.number}
    lines = []
    for node in chapter.imports:
        if not (isinstance(node, ast.ImportFrom) and node.module == PACKAGE):
            lines.append(ast.unparse(node))
            continue
        for alias in node.names:
            where = f"{chapter.path.name} imports {alias.name}"
            module = home.get(alias.name)
            if module is None:
                raise ExtractionError(f"{where}, which {PACKAGE} does not hand on")
            if module in later:
                raise ExtractionError(f"{where}, which only {later[module]} defines")
            lines.append(f"from {PACKAGE}.{module} import {ast.unparse(alias)}")
    return "\n".join(dict.fromkeys(lines))


def stub(home: dict[str, str]) -> str:
    """The text of the package's `__init__.pyi`."""
    imports = [f"from .{module} import {name} as {name}" for name, module in home.items()]
    return STUB.format(imports="\n".join(imports))


def formatted(texts: dict[str, str], root: Path) -> dict[str, str]:
    """Sort the imports and lay the modules out, as ruff does everywhere else in the project."""
    # Absolute, since ruff runs in another folder.
    ruff = [Path(sys.executable).absolute(), "-m", "ruff"]
    config = ["--no-cache", "--quiet", "--config", str(root / "pyproject.toml")]
    narrow = ["--line-length", str(COLUMNS), "chapters"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "chapters").mkdir()
        for module, text in texts.items():
            (folder / module).write_text(text, "utf8")
        steps = ["check", "--select", "I,RUF022", "--fix"], ["format"]
        for step, where in itertools.product(steps, (narrow, ["__init__.pyi"])):
            run = subprocess.run(
                [*ruff, *step, *config, *where], capture_output=True, text=True, cwd=folder
            )
            if run.returncode:
                said = run.stdout + run.stderr
                raise ExtractionError(f"ruff could not lay the modules out:\n{said}")
        return {module: (folder / module).read_text("utf8") for module in texts}


def modules(root: Path) -> dict[Path, str]:
    """Path -> text of every module that the notebooks ask for."""
    package = root / "code" / PACKAGE
    chapters = read_chapters(root / "book")
    home = homes(chapters, package)
    texts = {"__init__.pyi": stub(home)}
    for chapter in chapters:
        parts = [
            HEADER.format(title=chapter.title, source=chapter.path.name),
            resolved_imports(chapter, chapters, home),
            f"__all__ = {chapter.public!r}",
            *chapter.blocks,
        ]
        text = "\n\n\n".join(part for part in parts if part) + "\n"
        texts[f"chapters/{chapter.module}.py"] = text
    return {package / name: text for name, text in formatted(texts, root).items()}


def differences(root: Path) -> dict[Path, str | None]:
    """What has to change on disk: path -> wanted text, None for a module without a chapter."""
    wanted = modules(root)
    package = root / "code" / PACKAGE
    found = {path: path.read_text("utf8") for path in package.glob("chapters/*.py")}
    found.pop(package / "chapters" / "__init__.py", None)
    if (package / "__init__.pyi").is_file():
        found[package / "__init__.pyi"] = (package / "__init__.pyi").read_text("utf8")
    every = sorted(wanted.keys() | found.keys())
    return {path: wanted.get(path) for path in every if wanted.get(path) != found.get(path)}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the modules, or with --check say what differs; 0 if all is well."""
    if unknown := set(arguments) - {"--check"}:
        print(f"extract: unknown argument {sorted(unknown)}; there is only --check")
        return 2
    try:
        changes = differences(root)
        for path, text in changes.items():
            name = path.relative_to(root)
            if "--check" in arguments:
                reason = "no chapter feeds it" if text is None else "differs from the notebooks"
                print(f"extract: {name}: {reason}; run `make chapters`")
            elif text is None:
                path.unlink()
                print(f"removed {name}")
            else:
                write_whole(path, text)
                print(f"wrote {name}")
    except (ExtractionError, NotebookError, OSError) as error:
        print(f"extract: {error}")
        return 1
    return 1 if changes and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
