"""Join the modules of the elements into the one classic script that a page or an output loads.

A classic script also runs from `file://` and inside a cell's output, where modules do not.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

HERE = Path(__file__).parent
MAPS = ("viridis", "RdBu_r", "gray_r")  # of plotting.KINDS
IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.mjs";.*\n', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) )", re.M)
NAME = re.compile(r"^(export )?(?:async )?(?:function\*?|class|const|let|var) (\w+)", re.M)
LEFT = re.compile(r"^(?:import|export)\b.*|^(?:const|let|var) [^\w].*", re.M)
COMMENT = re.compile(r"^ *(?://.*|/\*(?:(?!\*/)(?s:.))*\*/) *\n", re.M)  # that has a line alone
HINT = re.compile(r"/\*\* @(?:(?!\*/).)*\*/ ?")  # a type, within a line
INDENT = re.compile(r"^ +", re.M)  # style sheets do not need theirs either


class JoinError(ValueError):
    """A module that cannot be joined; the message is one line, `module: what is wrong`."""


def maps() -> str:
    """The module of matplotlib's colour maps: 256 times red, green, blue in base64."""
    import matplotlib as mpl

    tables = {name: mpl.colormaps[name](range(256), bytes=True)[:, :3] for name in MAPS}
    lines = [f'{name}: "{base64.b64encode(t.tobytes()).decode()}"' for name, t in tables.items()]
    return f"export const MAPS = {{ {', '.join(lines)} }};\n"


def modules(folder: Path = HERE) -> dict[str, str]:
    """Name -> text of all modules of a folder, with that of the colour maps."""
    found = {path.stem: path.read_text("utf8") for path in sorted(folder.glob("*.mjs"))}
    return {"maps": maps(), **found}


def join(sources: dict[str, str]) -> str:
    """One classic script of modules, each after those that it imports from.

    Raises: JoinError for anything but `import { a, b } from "./module.mjs";` and
        `export function`, `class` or `const`; for a name that is defined twice, or is imported and
        not exported; and for modules that import each other.
    """
    # Lists, since the order of a set differs from run to run, and with it that of the modules.
    needs = {name: [line[2] for line in IMPORT.finditer(text)] for name, text in sources.items()}
    try:
        order = [name for name in TopologicalSorter(needs).static_order() if name in sources]
    except CycleError as error:
        raise JoinError(f"{error.args[1][0]}: imports itself by way of others") from None
    exports: dict[str, set[str]] = {}
    home: dict[str, str] = {}
    parts = []
    for name in order:
        text = sources[name]
        exports[name] = {found[2] for found in NAME.finditer(text) if found[1]}
        for found in NAME.finditer(text):
            if other := home.get(found[2]):
                raise JoinError(f"{name}: {found[2]} is defined in {other} already")
            home[found[2]] = name
        for line in IMPORT.finditer(text):
            for wanted in line[1].split(", "):
                if " " in wanted or wanted not in exports.get(line[2], ()):
                    raise JoinError(f"{name}: {line[2]} exports no {wanted!r}")
        text = EXPORT.sub("", IMPORT.sub("", text))
        if left := LEFT.search(text):
            raise JoinError(f"{name}: this cannot be joined: {left[0]}")
        parts.append(INDENT.sub("", HINT.sub("", COMMENT.sub("", text))))
    names = ", ".join(sorted(set().union(*exports.values())))
    script = (
        '(() => {\n"use strict";\nif (globalThis.bareattention) return;\n'
        f"{''.join(parts)}globalThis.bareattention = {{ {names} }};\n}})();\n"
    )
    # Neither may end the block of a page that the script stands in.
    return script.replace("</script", r"<\/script").replace("<!--", r"<\!--")


@cache
def script() -> str:
    """The script of all elements.  Its second run on a page does nothing."""
    return join(modules())
