"""Count the lines of the house, without blanks and comments, beside the limits that they have.

python tools/count.py            # print
python tools/count.py --check    # print, and end with 1 where a limit is exceeded
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from booklint import python
from booklint.kinds import KINDS, kinds
from extract import CHAPTER, PACKAGE, ROOT

MOST_IN_PACKAGE, MOST_IN_TESTS, IDEA_PER_GUARD = 4000, 11000, 4
BARE = 10  # the last chapter that the ratio holds for
TOP = ("__init__", "measure", "train")
# What came after the limits were set, with its tests: rooms and chapters, checks of pages, tools.
NEW = ["exercises", "mistakes", "touch"]
NEW += ["cards.py", "diagrams.py", "features.py", "language.py", "only_attention.py"]
NEW += ["api.py", "axe.py", "formulas.py", "front.py", "hosting.py", "offline.py", "paper.py"]
NEW += ["search.py", "speed.py", "teaching.py", "weight.py"]
NEW += ["downloads.py", "elsewhere.py", "full.py", "notebook_text.py", "student.py", "workflows.py"]


def lines(path: Path) -> int:
    return len(python.code_lines(path.read_text("utf8")))


def chapters(root: Path) -> dict[int, Path]:
    """Number -> module of every chapter that feeds one."""
    found = [CHAPTER.fullmatch(path.stem) for path in sorted((root / "book").glob("*.ipynb"))]
    folder = root / "code" / PACKAGE / "chapters"
    modules = {int(match[1]): folder / f"{match[2]}.py" for match in found if match}
    return {number: path for number, path in modules.items() if path.exists()}


def rooms(root: Path) -> Counter[str]:
    """Lines of each room of the package; those that came after its limit are called new."""
    found: Counter[str] = Counter()
    package = root / "code" / PACKAGE
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0]
        if path.parent == package:
            room = "top" if path.stem in TOP else "ground"
        found[f"{room}, new" if is_new(path, room) else room] += lines(path)
    return found


def is_new(path: Path, room: str) -> bool:
    """Whether a module or a test came after the limits were set."""
    name = path.name.removeprefix("test_")
    return room in NEW or name in NEW or name.startswith("touch_")


def around(root: Path) -> Counter[str]:
    """Lines of the tests and the tools; apart the linter, and the tests of what is new."""
    found: Counter[str] = Counter()
    for room in ("tests", "tools"):
        for path in (root / room).rglob("*.py"):
            name = f"{room} (linter)" if "booklint" in path.parts else room
            if name == "tests" and is_new(path, path.relative_to(root / room).parts[0]):
                name = "tests, new"
            found[name] += lines(path)
    return found


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print the counts; 1 if --check is asked for and a limit is exceeded."""
    total, rows = Counter(), [("chapter", dict(zip(KINDS, KINDS, strict=True)))]
    for number, path in chapters(root).items():
        counts = kinds(path.read_text("utf8"))
        rows.append((f"{number:02} {path.stem}", counts))
        total += counts if number <= BARE else Counter()
    for name, counts in [*rows, (f"01 to {BARE}", total)]:
        print(f"{name:32}" + "".join(f"{counts[kind]:>10}" for kind in KINDS))
    package, others = rooms(root), around(root)
    print("\nroom" + " " * 32 + "lines")
    for room, count in [*package.items(), *others.items()]:
        print(f"{room:32}{count:9,}")
    old = sum(count for room, count in package.items() if not room.endswith("new"))
    limits = [
        (f"package before what is new: {old:,} of {MOST_IN_PACKAGE:,}", old <= MOST_IN_PACKAGE),
        (
            f"tests before what is new: {others['tests']:,} of {MOST_IN_TESTS:,}",
            others["tests"] <= MOST_IN_TESTS,
        ),
        (
            f"idea : guard in 01 to {BARE}: {total['idea']} : {total['guard']}, "
            f"wanted {IDEA_PER_GUARD} : 1",
            total["idea"] >= IDEA_PER_GUARD * total["guard"],
        ),
    ]
    print(*(f"{'kept    ' if kept else 'EXCEEDED'}  {what}" for what, kept in limits), sep="\n")
    return int("--check" in arguments and not all(kept for _, kept in limits))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
