"""`python -m truth.shapes CHAPTER` runs one chapter in a process of its own.

Prints its complaints, one a line, and ends with 1 where there are any.  A process of its own
because the threads and the hash seed are set when Python starts, and because nothing that a
chapter changes (random state, default type, plotting style) may reach another.
"""

import os
import sys
from pathlib import Path

from truth.pages import read
from truth.shapes.run import complaints


def main() -> int:
    path = Path(sys.argv[1]).resolve()
    os.chdir(path.parent)  # where Jupyter starts a notebook
    found = complaints(read(path))
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
