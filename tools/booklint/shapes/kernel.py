"""Within a chapter's kernel: shape comments, and what is wrong on purpose, are held as it runs."""

import ast

from booklint import failing
from booklint.notation import sizes_beside
from booklint.pages import Page
from booklint.shapes.comments import find
from booklint.shapes.instrument import JUDGE, LOCALS, instrument
from booklint.shapes.judge import Judge


class Watch:
    """Puts checks into every cell of a page before it runs, and keeps the complaints."""

    def __init__(self, shell, page: Page) -> None:
        self._page, self._sizes = page, sizes_beside(page)
        self._judge = Judge(self._sizes, shell.user_ns)
        self._source, self._faults, self._cell = "", [], None
        shell.user_ns.update({JUDGE: self._judge, LOCALS: locals})
        # A tree of syntax holds no comments, so the source is kept when it passes.
        shell.input_transformers_post.append(self._keep)
        shell.ast_transformers.append(self)
        shell.events.register("post_run_cell", lambda _: self._judge_failures(shell.user_ns))

    def _keep(self, lines: list[str]) -> list[str]:
        self._source = "".join(lines).strip()
        return lines

    def visit(self, tree: ast.Module) -> ast.Module:
        """What IPython calls with each cell that it is about to run."""
        self._cell = None
        for cell in self._page.code_cells:
            if cell.source.strip() == self._source and not cell.is_setup:
                self._cell = cell
                found = find(cell.source, self._sizes)
                tree, faults = instrument(cell, tree, found.comments, self._judge)
                self._faults += [cell.complain(line, what) for line, what in found.faults] + faults
                break
        return tree

    def _judge_failures(self, namespace: dict) -> None:
        """Functions that are wrong on purpose are so in the way that their tags say."""
        if self._cell is not None:
            cell, self._cell = self._cell, None
            self._faults += failing.judged(cell, namespace)

    def complaints(self) -> list[str]:
        """Every shape comment that lies or was never reached, and each false tag fails-as."""
        return [str(complaint) for complaint in [*self._faults, *self._judge.complaints()]]
