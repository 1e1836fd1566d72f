"""The prose of a page, read by the parser that builds the book.

MyST's own parser decides what is a paragraph, a formula or a directive, so a check sees a line the
way the reader's page does.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from booklint.pages import ROOT

# What Jupyter Book switches on where _config.yml says nothing.
DEFAULT_EXTENSIONS = ["colon_fence", "dollarmath", "substitution", "tasklist"]
# Directives whose body is no prose.  The body of every other one is read like the page around it.
BODY_IS_NO_PROSE = re.compile(
    r"code|code-block|code-cell|sourcecode|literalinclude|include|image|toctree|bibliography"
    r"|eval-rst|contents|mermaid|iframe|auto.*|glue.*|currentmodule"
)
OPTION = re.compile(r":([\w-]+):\s*(.*)")


@dataclass
class Block:
    """A piece of a page.

    `kind` is one of paragraph, heading, title (of a box), row (of a table; named header at
    its head), math, html, code,
    target (an explicit label) and directive.  `tokens` holds inline tokens, `text` raw content.
    """

    kind: str
    line: int
    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    level: int = 0
    name: str = ""
    options: dict[str, str] = field(default_factory=dict)
    cells: list[list[Token]] = field(default_factory=list)


@functools.cache
def settings() -> dict:
    """What `_config.yml` says about parsing and about Sphinx."""
    path = ROOT / "_config.yml"
    return yaml.safe_load(path.read_text("utf8")) if path.exists() else {}


def heading_levels() -> int:
    """How many levels of headings get an anchor that a link can name."""
    return settings().get("sphinx", {}).get("config", {}).get("myst_heading_anchors", 3)


@functools.cache
def parser() -> MarkdownIt:
    extensions = settings().get("parse", {}).get("myst_enable_extensions", DEFAULT_EXTENSIONS)
    # linkify needs a package of its own, and a bare address is a link of no other kind.
    known = [name for name in extensions if name != "linkify"]
    return create_md_parser(MdParserConfig(enable_extensions=known), RendererHTML)


@functools.lru_cache(maxsize=4096)
def blocks(source: str) -> list[Block]:
    """The blocks of a page or cell, those inside directives among them."""
    return list(_blocks(source, 0))


def _blocks(source: str, offset: int) -> Iterator[Block]:
    row = Block("row", 0)
    start = Token("", "", 0)
    for before, token in pairwise([start, *parser().parse(source)]):
        line = offset + (token.map[0] if token.map else 0) + 1
        match token.type:
            case "inline" if before.type in ("th_open", "td_open"):
                row.name = "header" if before.type == "th_open" else ""
                row.cells.append(token.children or [])
                row.tokens += [*(token.children or []), Token("text", "", 0, content=" ")]
            case "inline" if before.type == "heading_open":
                yield Block("heading", line, token.children or [], level=int(before.tag[1]))
            case "inline":
                yield Block("paragraph", line, token.children or [])
            case "tr_open":
                row = Block("row", line)
            case "tr_close":
                yield row
            case "math_block" | "math_block_label" | "amsmath":
                yield Block("math", line, text=token.content, name=token.info)
            case "html_block":
                yield Block("html", line, text=token.content)
            case "myst_target":
                yield Block("target", line, text=token.content)
            case "fence" | "colon_fence" | "code_block":
                yield from _fence(token, line)


def _fence(token: Token, line: int) -> Iterator[Block]:
    directive = re.match(r"\{([^}]+)\}\s*(.*)", token.info.strip())
    if not directive:
        yield Block("code", line, text=token.content)
        return
    name, argument = directive.groups()
    options, body, skipped = _options(token.content)
    yield Block("directive", line, text=argument, name=name, options=options)
    if name == "math":
        yield Block("math", line, text=argument + "\n" + body)
    elif name == "raw":
        yield Block("html", line, text=body)
    elif not BODY_IS_NO_PROSE.fullmatch(name):
        if argument and name != "figure":
            yield Block("title", line, parser().parseInline(argument)[0].children or [])
        yield from _blocks(body, line + skipped)


def _options(content: str) -> tuple[dict[str, str], str, int]:
    """The options at the head of a directive, its body, and how many lines stand before it."""
    lines = content.split("\n")
    options: dict[str, str] = {}
    for skipped, text in enumerate(lines):
        match = OPTION.fullmatch(text.strip())
        if not match:
            return options, "\n".join(lines[skipped:]), skipped
        options[match.group(1)] = match.group(2)
    return options, "", len(lines)


def plain(tokens: Iterable[Token], *, code: str = "", math: str | None = None) -> str:
    """The text a reader sees.

    `code` stands in for every code span.  `math` stands in for every formula; where it is None,
    formulas are kept.
    """
    text = ""
    for token in tokens:
        match token.type:
            case "text" | "text_special":
                text += token.content
            case "softbreak" | "hardbreak":
                text += "\n"
            case "code_inline":
                text += code
            case "math_inline" | "math_inline_double" | "math_single":
                text += token.content if math is None else math
            case "myst_role" if token.meta.get("name") == "math":
                text += token.content if math is None else math
            case "myst_role":
                text += code
            case "image":
                text += plain(token.children or [], code=code, math=math)
    return text


def lines(block: Block) -> list[tuple[int, list[Token], bool]]:
    """The lines of a block as written: line number, tokens, and whether it ends on purpose."""
    found: list[tuple[int, list[Token], bool]] = []
    number, current = block.line, []
    for token in block.tokens:
        if token.type in ("softbreak", "hardbreak"):
            found.append((number, current, token.type == "hardbreak"))
            number, current = number + 1, []
        else:
            current.append(token)
    return [*found, (number, current, False)]


def inline(source: str) -> Iterator[tuple[int, Token]]:
    """Every inline token of a page or cell, with its line."""
    for block in blocks(source):
        for line, tokens, _ in lines(block):
            yield from ((line, token) for token in tokens)


def code_spans(tokens: Iterable[Token]) -> list[str]:
    return [token.content for token in tokens if token.type == "code_inline"]


def targets(tokens: Iterable[Token]) -> list[str]:
    """Where the links among these tokens lead."""
    return [str(token.attrGet("href")) for token in tokens if token.type == "link_open"]
