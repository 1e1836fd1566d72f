"""Write `code/bareattention/chapters/*.py` from the notebook cells tagged `export`.

    python tools/extract.py            # write
    python tools/extract.py --check    # change nothing, fail on any difference

`book/05_softmax.ipynb` feeds `chapters/softmax.py`.  Imports go to the top; a
`from bareattention import name` becomes an import from the module that defines the name, so that
the floors of the house can be checked.  The result is formatted by ruff.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "bareattention"
CHAPTER = re.compile(r"(\d\d)_(\w+)")
HEADER = '''"""{title}

Written from book/{source} by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""
'''


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
        sound = isinstance(node, ast.ImportFrom) and node in tree.body
        sound = sound and modules[0] in (PACKAGE, f"{PACKAGE}.shapes")
        if not sound and any(module.split(".")[0] in ("", PACKAGE) for module in modules):
            raise ExtractionError(
                f"{where}, line {node.lineno}: names of the book are imported outside of "
                f"functions, as `from {PACKAGE} import name`"
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
    notebook = nbformat.read(path, as_version=4)
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
    """All chapters in reading order, with every name defined once."""
    paths = sorted(path for path in book.glob("*.ipynb") if CHAPTER.fullmatch(path.stem))
    chapters = [chapter for path in paths if (chapter := read_chapter(path))]
    home: dict[str, Chapter] = {}
    for chapter in chapters:
        for name in chapter.names:
            if name in home:
                first = home[name].path.name
                raise ExtractionError(f"{name} is defined twice: {first} and {chapter.path.name}")
            home[name] = chapter
    return chapters


def names_of_the_ground_floor(package: Path) -> dict[str, str]:
    """Name -> module, for the names that `__init__.py` hands on from hand-written modules."""
    tree = ast.parse((package / "__init__.py").read_text("utf8"))
    return {
        (alias.asname or alias.name): node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.module.startswith(f"{PACKAGE}.chapters")
        for alias in node.names
    }


def resolved_imports(chapter: Chapter, chapters: list[Chapter], ground: dict[str, str]) -> str:
    """The import lines of a module, each name taken from where it is defined."""
    home = {name: other for other in chapters for name in other.names}
    lines = []
    for node in chapter.imports:
        if not (isinstance(node, ast.ImportFrom) and node.module == PACKAGE):
            lines.append(ast.unparse(node))
            continue
        for alias in node.names:
            other = home.get(alias.name)
            if other and other.number >= chapter.number:
                raise ExtractionError(
                    f"{chapter.path.name} imports {alias.name}, "
                    f"which only {other.path.name} defines"
                )
            if not other and alias.name not in ground:
                raise ExtractionError(
                    f"{chapter.path.name} imports {alias.name}, which no chapter exports and "
                    f"{PACKAGE}/__init__.py does not hand on"
                )
            module = f"{PACKAGE}.chapters.{other.module}" if other else ground[alias.name]
            lines.append(f"from {module} import {ast.unparse(alias)}")
    return "\n".join(dict.fromkeys(lines))


def formatted(text: str, root: Path) -> str:
    """Sort the imports and lay the module out, as ruff does everywhere else in the project."""
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(root / "pyproject.toml")]
    stdin = ["--quiet", "--stdin-filename", "chapter.py", "-"]
    sort = ["check", "--select", "I,RUF022", "--fix", *stdin]
    layout = ["format", "--line-length", "80", *stdin]
    for step in (sort, layout):
        run = subprocess.run(
            [*ruff, *step, *config], input=text, capture_output=True, text=True, cwd=root
        )
        if run.returncode:
            raise ExtractionError(f"ruff could not lay the module out:\n{run.stderr}")
        text = run.stdout
    return text


def modules(root: Path) -> dict[Path, str]:
    """Path -> text of every module that the notebooks ask for."""
    package = root / "code" / PACKAGE
    chapters = read_chapters(root / "book")
    ground = names_of_the_ground_floor(package)
    wanted = {}
    for chapter in chapters:
        public = [name for name in chapter.names if not name.startswith("_")]
        parts = [
            HEADER.format(title=chapter.title, source=chapter.path.name),
            resolved_imports(chapter, chapters, ground),
            f"__all__ = {public!r}",
            *chapter.blocks,
        ]
        text = formatted("\n\n\n".join(part for part in parts if part) + "\n", root)
        wanted[package / "chapters" / f"{chapter.module}.py"] = text
    return wanted


def differences(root: Path) -> dict[Path, str | None]:
    """What has to change on disk: path -> wanted text, None for a module without a chapter."""
    wanted = modules(root)
    folder = root / "code" / PACKAGE / "chapters"
    found = {path: path.read_text("utf8") for path in folder.glob("*.py")}
    found.pop(folder / "__init__.py", None)
    every = sorted(wanted.keys() | found.keys())
    return {path: wanted.get(path) for path in every if wanted.get(path) != found.get(path)}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the modules, or with --check say what differs; 0 if all is well."""
    if unknown := set(arguments) - {"--check"}:
        print(f"extract: unknown argument {sorted(unknown)}; there is only --check")
        return 2
    try:
        changes = differences(root)
    except ExtractionError as error:
        print(f"extract: {error}")
        return 1
    for path, text in changes.items():
        name = path.relative_to(root)
        if "--check" in arguments:
            reason = "no chapter feeds it" if text is None else "differs from its notebook"
            print(f"extract: {name}: {reason}; run `make chapters`")
        elif text is None:
            path.unlink()
            print(f"removed {name}")
        else:
            path.write_text(text, "utf8")
            print(f"wrote {name}")
    return 1 if changes and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
