"""Say what is wrong with the pages of the book, one fault a line; 1 if there is any.

python tools/booklint                            # every page
python tools/booklint book/05_softmax.ipynb      # some pages

Shape comments are checked while a chapter runs: `pytest --nbval book/05_softmax.ipynb`.
"""

import sys
from pathlib import Path

# Run as a folder, Python puts the folder itself on the path, and not what holds it.
sys.path[0] = str(Path(__file__).resolve().parents[1])


def main(arguments: list[str]) -> int:
    from booklint.pages import paths, read
    from booklint.rules import complaints

    wanted = [Path(name).resolve() for name in arguments] or paths()
    if missing := [str(path) for path in wanted if not path.is_file()]:
        print(f"booklint: no such page: {', '.join(missing)}")
        return 2
    found = []
    for path in wanted:
        found += map(str, complaints(read(path)))
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
