"""Python in cells and modules: trees, tokens, and which lines hold code."""

import ast
import io
import tokenize
from collections.abc import Iterator

NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def tree(source: str) -> ast.Module | None:
    """The parsed source; None where it is no Python, as an error shown on purpose may be."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens of a source, as far as it is Python."""
    try:
        yield from tokenize.generate_tokens(io.StringIO(source).readline)
    except (tokenize.TokenError, SyntaxError):
        return


def code_tokens(source: str) -> list[tokenize.TokenInfo]:
    return [token for token in tokens(source) if token.type not in NO_CODE]


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that are neither blank nor a comment; docstrings are code here."""
    written = {number for number, line in enumerate(source.splitlines(), 1) if line.strip()}
    return written & {
        line for token in code_tokens(source) for line in range(token.start[0], token.end[0] + 1)
    }


def lines_of(node: ast.AST) -> set[int]:
    """The numbers of all lines on which a node stands."""
    return set(range(node.lineno, node.end_lineno + 1))


def first_line(statement: ast.stmt) -> int:
    """The line on which a statement starts, its decorators included."""
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def flat(target: ast.expr) -> list[ast.expr]:
    """What is assigned to by a target that may be a tuple of targets."""
    if isinstance(target, ast.Tuple | ast.List):
        return [inner for element in target.elts for inner in flat(element)]
    return [target]


def docstring_lines(parsed: ast.AST) -> set[int]:
    """The numbers of the lines of all docstrings in it."""
    return {
        line
        for node in ast.walk(parsed)
        if isinstance(node, Definition | ast.Module) and ast.get_docstring(node, clean=False)
        for line in lines_of(node.body[0])
    }
