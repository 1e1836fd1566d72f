"""`pytest --nbval book/` holds shape comments, too: one more test follows a chapter's cells."""

from booklint.shapes.plugin import pytest_configure  # noqa: F401
