"""Finds what a shape comment speaks of, and has it checked when it runs.

The innermost statement that ends where the comment starts is meant; within a statement of several
lines, the expression that ends there.
"""

import ast
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from booklint import python
from booklint.pages import Cell, Complaint
from booklint.python import Function, first_line, flat
from booklint.shapes.comments import ShapeComment
from booklint.shapes.judge import Judge, Site

Loop = ast.For | ast.AsyncFor
# Statements that bind or give something which can be looked at.
CHECKABLE = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return | ast.Expr
Position = tuple[int, int]
JUDGE = "__shape_judge__"
LOCALS = "__shape_locals__"
OPENING = ("(", "[", "{")
NOTHING_ENDS = "no expression ends on its line: move it to where one does"
# What may stand between the end of an expression and its comment.
AFTER_EXPRESSION = {"and", "or", "not", "in", "is", "if", "else", "for", "async", "await"}


class NotCheckableError(Exception):
    """There is nothing on this line that a shape could belong to."""


@dataclass
class Plan:
    """What to do at which node; sites are numbers that the judge knows."""

    statements: dict[int, int] = field(default_factory=dict)
    expressions: dict[int, int] = field(default_factory=dict)
    parameters: dict[int, list[tuple[int, list[str]]]] = field(default_factory=dict)
    items: dict[int, int] = field(default_factory=dict)


def instrument(
    cell: Cell, tree: ast.Module, comments: list[ShapeComment], judge: Judge
) -> tuple[ast.Module, list[Complaint]]:
    """The cell's code with checks in it, and complaints about comments that cannot be checked."""
    plan, complaints = Plan(), []
    finder = Finder(cell.source, tree)
    for comment in comments:
        number = len(judge.sites)
        try:
            finder.place(comment, number, plan)
        except NotCheckableError as reason:
            complaints.append(cell.complain(comment.line, f"# {comment}: {reason}"))
        else:
            judge.sites.append(Site(cell, comment))
    names = {number: judge.names_for(site.comment) for number, site in enumerate(judge.sites)}
    tree = Instrumenter(plan, names).visit(tree)
    return ast.fix_missing_locations(tree), complaints


class Finder:
    """Finds the node that ends where a comment starts."""

    def __init__(self, source: str, tree: ast.Module) -> None:
        self._lines = source.split("\n")
        self._tokens = python.code_tokens(source)
        self._nodes = list(_walk(tree))

    def place(self, comment: ShapeComment, number: int, plan: Plan) -> None:
        """Enters a comment in the plan, at the node it speaks of."""
        tokens = [token for token in self._tokens if token.end[0] == comment.line]
        while tokens and tokens[-1].string == ";":
            tokens.pop()
        if not tokens:
            raise NotCheckableError(
                "there is no code before it: move it to the end of a line of code"
            )
        end = self._position(tokens[-1])
        if (statement := self._statement(end)) is not None:
            if not isinstance(statement, CHECKABLE):
                raise NotCheckableError(
                    f"{_a(statement)} has no value: move it to a line that gives one"
                )
            _require_value(statement)
            plan.statements[id(statement)] = number
        elif (loop := self._loop(tokens[-1], comment.line)) is not None:
            plan.statements[id(loop)] = number
        elif found := self._parameters(comment.line):
            function, names = found
            if len(names) != len(comment.shapes):
                what = f"{len(names)} parameters on this line: give each a line and a shape"
                raise NotCheckableError(what)
            plan.parameters.setdefault(id(function), []).append((number, names))
        else:
            self._expression(tokens, comment.line, number, plan)

    def _statement(self, end: Position) -> ast.stmt | None:
        """The innermost simple statement that ends here."""
        found = [
            node
            for node in self._nodes
            if isinstance(node, ast.stmt) and not hasattr(node, "body") and self._end(node) == end
        ]
        return found[-1] if found else None

    def _loop(self, last: tokenize.TokenInfo, line: int) -> Loop | None:
        """The loop whose head ends here.  Heads of other blocks have nothing to check."""
        if last.string != ":":
            return None
        for node in reversed(self._nodes):
            body = getattr(node, "body", None)
            if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and body:
                head_ends = self._before(first_line(body[0]))
                start = getattr(node, "lineno", line)
                if start <= line == head_ends:
                    if isinstance(node, Loop):
                        return node
                    if isinstance(node, Function):
                        return None  # Its parameters may stand on this very line.
                    raise NotCheckableError(f"{_a(node)} has no value: move it into the block")
        return None

    def _before(self, line: int) -> int:
        """The last line with code before this one."""
        return max((token.end[0] for token in self._tokens if token.end[0] < line), default=0)

    def _parameters(self, line: int) -> tuple[Function, list[str]] | None:
        """The function whose parameters end on this line, and their names."""
        for node in reversed(self._nodes):
            if isinstance(node, Function) and node.lineno <= line < first_line(node.body[0]):
                names = [
                    argument.arg
                    for argument, last in _arguments(node.args)
                    if last == line and argument.arg not in ("self", "cls")
                ]
                if names:
                    return node, names
        return None

    def _expression(
        self, tokens: list[tokenize.TokenInfo], line: int, number: int, plan: Plan
    ) -> None:
        """The expression that ends here, or a whole element where a comma follows it."""
        if tokens[-1].string in OPENING:
            raise NotCheckableError(NOTHING_ENDS)
        element = False
        while tokens and _follows_expression(tokens[-1]):
            element = element or tokens[-1].string == ","
            tokens = tokens[:-1]
        if not tokens:
            raise NotCheckableError(NOTHING_ENDS)
        end = self._position(tokens[-1])
        for node in self._nodes:
            is_head = isinstance(node, ast.comprehension) and not node.ifs
            if is_head and self._end(node.iter) == end and node.target.lineno == line:
                plan.items[id(node)] = number
                return
        found = [node for node in self._nodes if _is_evaluated(node) and self._end(node) == end]
        on_line = [node for node in found if node.lineno == line]
        if not found:
            raise NotCheckableError(NOTHING_ENDS)
        if on_line and not element:
            chosen = min(on_line, key=lambda node: node.col_offset)
        elif element:
            chosen = min(found, key=lambda node: (node.lineno, node.col_offset))
        else:
            chosen = max(found, key=lambda node: (node.lineno, node.col_offset))
        plan.expressions[id(chosen)] = number

    def _position(self, token: tokenize.TokenInfo) -> Position:
        """Where a token ends, counted in bytes as `ast` does."""
        row, column = token.end
        return row, len(self._lines[row - 1][:column].encode())

    @staticmethod
    def _end(node: ast.AST) -> Position:
        return getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)


class Instrumenter(ast.NodeTransformer):
    """Puts calls of the judge where the plan wants them."""

    def __init__(self, plan: Plan, names: dict[int, list[str]]) -> None:
        self._plan = plan
        self._names = names

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST]:
        number = self._plan.statements.get(id(node))
        if number is not None:
            return self._statement(self.generic_visit(node), number)
        if id(node) in self._plan.parameters:
            return self._function(node, self._plan.parameters[id(node)])
        if id(node) in self._plan.items:
            wanted = self._plan.items[id(node)]
            node = self.generic_visit(node)
            node.iter = self._call("items", wanted, [node.iter])
            return node
        number = self._plan.expressions.get(id(node))
        if number is not None:
            return ast.copy_location(self._call("value", number, [self.generic_visit(node)]), node)
        return self.generic_visit(node)

    def _statement(self, node: ast.stmt, number: int) -> ast.stmt | list[ast.stmt]:
        match node:
            case ast.Assign(targets=[target, *_]):
                return [node, self._check(node, number, flat(target))]
            case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
                return [node, self._check(node, number, [target])]
            case ast.For(target=target, body=body) | ast.AsyncFor(target=target, body=body):
                body.insert(0, self._check(body[0], number, flat(target)))
            case ast.Expr(value=ast.Yield(value=ast.expr() as value) as given):
                given.value = self._call("value", number, [value])
            case ast.Expr(value=ast.Call(func=function, args=args, keywords=keywords)):
                node.value = self._call("call", number, [function, *args], keywords)
            case ast.Expr(value=value) | ast.Return(value=value):
                node.value = self._call("value", number, [value])
        return node

    def _function(self, node: Function, wanted: list[tuple[int, list[str]]]) -> Function:
        node = self.generic_visit(node)
        checks = [
            self._expression_statement(
                node.body[0],
                self._call("parameters", number, [ast.Name(name, ast.Load()) for name in names]),
            )
            for number, names in wanted
        ]
        after_docstring = int(ast.get_docstring(node, clean=False) is not None)
        node.body[after_docstring:after_docstring] = checks
        return node

    def _check(self, beside: ast.stmt, number: int, targets: list[ast.expr]) -> ast.stmt:
        return self._expression_statement(
            beside, self._call("values", number, [_load(target) for target in targets])
        )

    @staticmethod
    def _expression_statement(beside: ast.stmt, value: ast.expr) -> ast.stmt:
        return ast.copy_location(ast.Expr(value), beside)

    def _call(
        self,
        method: str,
        number: int,
        arguments: list[ast.expr],
        keywords: list[ast.keyword] | None = None,
    ) -> ast.Call:
        """`judge.method(number, locals(), lambda: (names of sizes), arguments…)`."""
        nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        names = [ast.Name(name, ast.Load()) for name in self._names[number]]
        return ast.Call(
            func=ast.Attribute(ast.Name(JUDGE, ast.Load()), method, ast.Load()),
            args=[
                ast.Constant(number),
                ast.Call(ast.Name(LOCALS, ast.Load()), [], []),
                ast.Lambda(nothing, ast.Tuple(names, ast.Load())),
                *arguments,
            ],
            keywords=keywords or [],
        )


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes, the outer before the inner.  What is never evaluated as it stands is left out."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "pattern") or isinstance(node, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child)


def _is_evaluated(node: ast.AST) -> bool:
    if not isinstance(node, ast.expr) or isinstance(node, ast.Starred | ast.Slice):
        return False
    return isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _follows_expression(token: tokenize.TokenInfo) -> bool:
    if token.type == tokenize.OP:
        return token.string not in (")", "]", "}", "...")
    return token.type == tokenize.NAME and token.string in AFTER_EXPRESSION


def _arguments(arguments: ast.arguments) -> Iterator[tuple[ast.arg, int]]:
    """Every parameter, and the line on which its annotation and its default end."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    pairs = [*zip(positional, defaults, strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in pairs:
        yield argument, (default or argument).end_lineno or 0


def _require_value(statement: ast.stmt) -> None:
    if isinstance(statement, ast.AnnAssign | ast.Return) and statement.value is None:
        raise NotCheckableError(
            f"{_a(statement)} without a value: move it to a line that gives one"
        )
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if any(isinstance(target, ast.Starred) for target in (flat(targets[0]) if targets else [])):
        raise NotCheckableError("a starred name takes a list: name its parts")


def _load(target: ast.expr) -> ast.expr:
    """The same expression, read instead of written."""
    loaded = ast.parse(ast.unparse(target), mode="eval").body
    for node in ast.walk(loaded):
        ast.copy_location(node, target)
    return loaded


def _a(node: ast.AST) -> str:
    return f"`{type(node).__name__.lower()}`"
