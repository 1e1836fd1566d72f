"""The surroundings of every test, and of the kernels that `pytest --nbval book/` starts.

A chapter is compared with outputs that tools/execute.py stored, so both run under the same
settings.  The kernels inherit them from here.
"""

import os

from execute import ENVIRONMENT  # tools/ is on the path: see pyproject.toml

os.environ.update(ENVIRONMENT)
