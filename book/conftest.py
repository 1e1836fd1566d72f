"""`pytest --nbval book/` holds shape comments, too: one more test follows the cells of a chapter."""

from booklint.shapes.plugin import pytest_configure  # noqa: F401
