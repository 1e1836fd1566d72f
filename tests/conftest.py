"""Every call of a public function is held against the shapes in its signature while tests run."""

from __future__ import annotations

import jaxtyping
import pytest
from hypothesis import settings

# First of all, before anything imports the package.
jaxtyping.install_import_hook("bareattention", "beartype.beartype")

# The same examples every time: a red test can be run again, and CI does not flicker.
settings.register_profile("book", derandomize=True, deadline=None)
settings.load_profile("book")


@pytest.fixture(autouse=True)
def shape_checks(request):
    """Switch the shape checks off for tests of bad input, so that the book's own errors are met."""
    jaxtyping.config.update("jaxtyping_disable", bool(request.node.get_closest_marker("bad_input")))
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
