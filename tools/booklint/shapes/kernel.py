"""Within a chapter's kernel: its shape comments are checked while its cells run."""

import ast

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
        self._source, self._faults = "", []
        shell.user_ns.update({JUDGE: self._judge, LOCALS: locals})
        # A tree of syntax holds no comments, so the source is kept when it passes.
        shell.input_transformers_post.append(self._keep)
        shell.ast_transformers.append(self)

    def _keep(self, lines: list[str]) -> list[str]:
        self._source = "".join(lines).strip()
        return lines

    def visit(self, tree: ast.Module) -> ast.Module:
        """What IPython calls with each cell that it is about to run."""
        for cell in self._page.code_cells:
            if cell.source.strip() == self._source and not cell.is_setup:
                found = find(cell.source, self._sizes)
                tree, faults = instrument(cell, tree, found.comments, self._judge)
                self._faults += [cell.complain(line, what) for line, what in found.faults] + faults
                break
        return tree

    def complaints(self) -> list[str]:
        """Every shape comment of the page that lies, cannot be resolved or was never reached."""
        return [str(complaint) for complaint in [*self._faults, *self._judge.complaints()]]
