"""Set the formulas when the book is built, as MathML: they stand without scripts, and at once.

latex2mathml reads the TeX.  What it leaves to be wished for in a browser is mended here: words in
indices, and the spaces that TeX sets by itself.
"""

from html import unescape
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert_to_element
from sphinx.util import logging
from sphinx.util.nodes import get_node_line

RENDERER = "book-mathml"
NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
FUNCTIONS = {"cos", "exp", "log", "max", "min", "sin"}
THIN = "0.167em"
CLOSING = {")", "]", "‖", "…", "⋯"}
SCRIPTED = {"msub", "msup", "msubsup"}
CAPITALS = set("ΓΔΘΛΞΠΣΦΨΩ")  # upright, as TeX has them
ORDINARY = {"⊤", "∂"}  # letters to TeX, and operators with space around to a browser
NO_SPACE = {"/": {}, "‖": {"stretchy": "false"}}
logger = logging.getLogger(__name__)


def mathml(tex: str, display: str) -> str:
    """Return a formula as MathML; `display` is "inline" or "block".

    Raises:
        ValueError: If a command is not known.
    """
    formula = convert_to_element(tex, display=display)
    for element in formula.iter():
        element.text = unescape(element.text or "").replace(r"\_", "_")
        if "\\" in element.text:
            raise ValueError(f"formula: want commands that latex2mathml knows, got {element.text}")
    if len(formula[0]) == 1 and formula[0][0].tag == "mo":
        formula[0][0].tag = "mi"  # a sign that is only named has no neighbours
    for row in formula.iter():
        row[:] = mended(list(row))
    return ElementTree.tostring(formula, encoding="unicode").replace(NAMESPACE, "")


def mended(row: list) -> list:
    """Return the parts of a row, spaced as TeX would."""
    out = []
    for part in framed(row):
        text = part.text or ""
        if part.tag == "mspace" and part.get("width", "").startswith("negative"):
            continue  # it would draw together what nothing holds apart here
        if part.tag in SCRIPTED:
            part[1:] = [spelled(index) for index in part[1:]]
        if part.tag == "mo" and text in ORDINARY:
            part = made("mi", text)
        elif part.tag == "mi" and text in CAPITALS:
            part.set("mathvariant", "normal")
        elif part.tag == "mo" and text in NO_SPACE:
            space = "0.1em" if part.get("stretchy") else "0"
            part.attrib.update(NO_SPACE[text] | part.attrib | {"lspace": space, "rspace": space})
        elif part.tag == "mo" and text in {"−", "+"} and out and opens(out[-1]):
            part.set("form", "prefix")
        elif part.tag == "mover":
            part.set("accent", "true")
        elif part.tag == "msub" and part[0].text == "∑":
            part.tag = "munder"  # below it or beside it: the browser knows by the style
        before = out[-1] if out else None
        if text in FUNCTIONS:
            part.tag = "mi"
            if before is not None and before.tag not in {"mo", "mspace"}:
                out.append(made("mspace", width=THIN))
        elif before is not None and before.text in FUNCTIONS and part.tag not in {"mo", "mrow"}:
            out.append(made("mspace", width=THIN))
        out.append(part)
    return out


def made(tag: str, text: str | None = None, **attributes: str):
    element = ElementTree.Element(tag, attributes)
    element.text = text
    return element


def opens(part) -> bool:
    """Tell whether a sign that follows belongs to what comes after it."""
    return part.tag == "mspace" or (part.tag == "mo" and part.text not in CLOSING)


def framed(row: list) -> list:
    """Return a row whose matrices are held together with their brackets, which grow no further."""
    out = []
    for part in row:
        if len(row) > 3 and len(out) > 1 and out[-1].tag == "mtable" and part.tag == "mo":
            frame = made("mrow")
            frame[:] = [*out[-2:], part]
            out[-2:] = [frame]
        else:
            out.append(part)
    return out


def spelled(index):
    """Return an index whose letters are a word as one: two letters are two, but for ff."""
    letters = "".join(part.text or "?" for part in index)
    alone = all(part.tag == "mi" for part in index) and letters.isalpha() and letters.islower()
    word = alone and len(letters) == len(index) and (len(letters) > 2 or letters == "ff")
    return made("mi", letters) if word else index


def write(writer, node, display: str) -> None:
    """Write one formula; one that cannot be read is a warning, and stands as it was typed."""
    try:
        formula = mathml(node.astext(), display)
    except Exception as error:  # latex2mathml has many kinds
        where = (node.document and node.document.get("source"), get_node_line(node))
        logger.warning("%s: %s", node.astext(), error, location=where, type="book_page")
        formula = f"<code>{writer.encode(node.astext())}</code>"
    tag = "span" if display == "inline" else "div"
    writer.body.append(writer.starttag(node, tag, "", CLASS="math notranslate nohighlight"))
    writer.body.append(f"{formula}</{tag}>")
    raise nodes.SkipNode


def inline(writer, node) -> None:
    write(writer, node, "inline")


def block(writer, node) -> None:
    write(writer, node, "block")


def choose(app, config) -> None:
    config.html_math_renderer = RENDERER


def setup(app) -> None:
    app.add_html_math_renderer(RENDERER, (inline, None), (block, None))
    app.connect("config-inited", choose)
