"""Write the page `api` from the package: signatures as they stand in the source, and docstrings.

Nothing is imported and nothing is stored: the page's own text stands in `book/api.md`, and the
names follow it when the page is read.  A name of a chapter leads to the section that defines it,
a name of another module to the first chapter that uses it.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from myst_parser.mdit_to_docutils.base import default_slugify

PAGE = "book/api"
BOOK = Path(__file__).parents[2]
CODE = BOOK.parent / "code"
# Modules outside of the chapters whose names are listed.
GROUND = ("exercises", "touch", "data", "plotting", "diagrams")
HEADING = re.compile(r"^#{1,3} (.*)$", re.MULTILINE)
# In a docstring: a few spaces, names that are explained, what they are.
ITEM = re.compile(r" *([*\w]+(?:, [*\w]+)*): (.*)")
HEADERS = ("Args:", "Fields:")
LABELS = ("Raises", "Returns", "Source")
ADDRESS = re.compile(r"https?://[^\s)]*[^\s).,;]")
SHOWN = ("__init__", "__call__")  # of the methods with underscores
KINDS = ("property", "classmethod", "staticmethod")  # of methods


@dataclass(frozen=True)
class Chapter:
    """A notebook of the book, as far as this page needs it."""

    path: Path
    title: str
    places: dict[str, str]  # name -> heading of the section that defines it
    code: str


def read_chapter(path: Path) -> Chapter:
    """A chapter's title, where it defines its names, and what its code says."""
    headings, places, code = [], {}, []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            headings += HEADING.findall(cell.source)
            continue
        code.append(cell.source)
        if "export" in cell.metadata.get("tags", []):
            places |= dict.fromkeys(defined(ast.parse(cell.source)), headings[-1])
    return Chapter(path, headings[0], places, "\n".join(code))


def defined(tree: ast.Module) -> dict[str, ast.stmt]:
    """Name -> the statement that defines it, of a module's own level."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


def public(path: Path) -> list[str]:
    """The names in a module's `__all__`, in the order of their definition."""
    found = defined(ast.parse(path.read_text("utf8")))
    names = ast.literal_eval(found["__all__"].value) if "__all__" in found else []
    return sorted(names, key=lambda name: [*found, name].index(name))


def find(name: str, path: Path) -> tuple[ast.stmt, list[str]]:
    """The statement that defines a name, and the lines of its file; imports are followed."""
    text = path.read_text("utf8")
    tree = ast.parse(text)
    if name in (nodes := defined(tree)):
        return nodes[name], text.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            there = CODE.joinpath(*node.module.split("."))
            module = there.with_suffix(".py")
            return find(name, module if module.exists() else there / "__init__.py")
    raise LookupError(f"{path}: its __all__ has {name}, which it does not define")


def methods(node: ast.stmt) -> list[ast.FunctionDef]:
    """The methods of a class that its users call."""
    own = node.body if isinstance(node, ast.ClassDef) else []
    functions = [each for each in own if isinstance(each, ast.FunctionDef)]
    return [each for each in functions if each.name in SHOWN or not each.name.startswith("_")]


def signature(node: ast.stmt, lines: list[str]) -> str:
    """The head of a definition as it stands in the source; of a class, its fields and methods."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return "\n".join(lines[node.lineno - 1 : node.end_lineno])
    head = "\n".join(lines[node.lineno - 1 : node.body[0].lineno - 1]).rstrip()
    if isinstance(node, ast.FunctionDef):
        kind = [each for each in node.decorator_list if ast.unparse(each) in KINDS]
        return "\n".join([*(lines[each.lineno - 1].rstrip() for each in kind), f"{head} ..."])
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    parts = [signature(part, lines) for part in (*fields, *methods(node))]
    return "\n".join([head, *(parts or ["    ..."])])


def prose(node: ast.stmt, shown: str) -> str:
    """A docstring as Markdown: what explains names of the signature, errors and so on is a list."""
    known = {*LABELS, *re.findall(r"\w+", shown)}
    documented = isinstance(node, ast.FunctionDef | ast.ClassDef)
    written, open_at = [], None  # how deep the item stands that is being read
    for line in ((ast.get_docstring(node) or "") if documented else "").splitlines():
        deep = len(line) - len(line.lstrip())
        if (item := ITEM.fullmatch(line)) and known.issuperset(re.findall(r"\w+", item[1])):
            names = ", ".join(f"`{name}`" for name in item[1].split(", "))
            label = item[1] if item[1] in LABELS else names
            written += [*([] if open_at is not None else [""]), f"- {label}: {item[2]}"]
            open_at = deep
        elif line and open_at is not None and deep > open_at:
            written.append(f"  {line.strip()}")
        elif line.strip() not in HEADERS:
            open_at = None
            written.append(line)
    return ADDRESS.sub(r"<\g<0>>", re.sub(r"\n{3,}", "\n\n", "\n".join(written)))


def entry(name: str, node: ast.stmt, lines: list[str], link: str) -> str:
    """One name: where it is taught, its signature, its meaning."""
    shown = signature(node, lines)
    texts = [f"### `{name}`", link, f"```python\n{shown}\n```", prose(node, shown)]
    for method in methods(node):
        if method.name != "__init__" and ast.get_docstring(method):
            texts.append(f"**`{method.name}`**: {prose(method, shown)}")
    return "\n\n".join(text for text in texts if text)


def link(chapter: Chapter, heading: str = "") -> str:
    there = f"#{default_slugify(re.sub('[*`$]', '', heading))}" if heading else ""
    return f"[Chapter {int(chapter.path.name[:2])}]({chapter.path.name}{there})"


def section(title: str, path: Path, links: dict[str, str]) -> str:
    """All public names of one module under its title."""
    entries = [entry(name, *find(name, path), links.get(name, "")) for name in public(path)]
    return "\n\n".join([f"## {title}", *entries]) if entries else ""


def first_use(room: str, names: list[str], chapters: list[Chapter]) -> str:
    """The first chapter whose code takes one of these names from the package."""
    one = rf"\b(?:{'|'.join(names)})\b"
    used = re.compile(
        rf"\b{room}\.{one}|^from bareattention[\w.]* import (?:\([^)]*|.*){one}", re.MULTILINE
    )
    return next((f"First used in {link(each)}." for each in chapters if used.search(each.code)), "")


def reference() -> str:
    """Every name, as Markdown."""
    package, sections = CODE / "bareattention", []
    chapters = [read_chapter(path) for path in sorted(BOOK.glob("[0-9]*_*.ipynb"))]
    for chapter in chapters:
        module = package / "chapters" / f"{chapter.path.stem[3:]}.py"
        if module.exists():
            links = {name: link(chapter, heading) for name, heading in chapter.places.items()}
            title = f"{int(chapter.path.name[:2])} · {chapter.title}"
            sections.append(section(title, module, links))
    for room in GROUND:
        module = package / f"{room}.py"
        module = module if module.exists() else package / room / "__init__.py"
        names = public(module)
        links = {
            name: first_use(room, [name], chapters) or first_use(room, names, chapters)
            for name in names
        }
        sections.append(section(f"`bareattention.{room}`", module, links))
    return "\n\n".join(text for text in sections if text)


def fill(app, docname: str, source: list[str]) -> None:
    """Let the names follow the page's own text."""
    if docname == PAGE:
        source[0] = f"{source[0]}\n{reference()}\n"


def setup(app) -> None:
    app.connect("source-read", fill)
