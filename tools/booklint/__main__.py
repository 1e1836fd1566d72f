"""Say what is wrong with the pages of the book, one fault a line; 1 if there is any.

python tools/booklint                            # every page, by the rules that need no execution
python tools/booklint book/05_softmax.ipynb      # some pages
python tools/booklint --run book/05_softmax.ipynb    # run it too, and check its shape comments
"""

import sys
from pathlib import Path

# Run as a folder, Python puts the folder itself on the path, and not what holds it.
sys.path[0] = str(Path(__file__).resolve().parents[1])


def main(arguments: list[str]) -> int:
    from booklint.pages import paths, read
    from booklint.rules import complaints
    from booklint.shapes.process import in_a_process

    wanted = [Path(name).resolve() for name in arguments if name != "--run"] or paths()
    if missing := [str(path) for path in wanted if not path.is_file()]:
        print(f"booklint: no such page: {', '.join(missing)}")
        return 2
    found = []
    for path in wanted:
        found += map(str, complaints(read(path)))
        if "--run" in arguments and path.suffix == ".ipynb":
            found += in_a_process(path)
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
