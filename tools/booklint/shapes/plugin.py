"""For `pytest --nbval`: each chapter runs once, its shape comments are one more test at its end."""

import ast
from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile

TOOLS = str(Path(__file__).parents[2])
WATCH = """
import sys
sys.path.append({tools!r})
from pathlib import Path
from booklint.pages import read
from booklint.shapes.kernel import Watch
__shape_watch__ = Watch(get_ipython(), read(Path({page!r})))
del Path, Watch, read, sys
"""


class ShapeComments(pytest.Item):
    """Fails where a shape comment of the notebook lies, cannot be resolved or was never reached."""

    def runtest(self) -> None:
        found = ask(self.parent.kernel, "", "__shape_watch__.complaints()")
        assert not found, "\n" + "\n".join(found)

    def repr_failure(self, excinfo):
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, None, f"{self.path}: {self.name}"


def ask(kernel, code: str, question: str = "[]") -> list[str]:
    """Run code in a kernel without a trace, and return what an expression gives there."""
    message = kernel.kc.execute(
        code, silent=True, store_history=False, user_expressions={"answer": question}
    )
    while (reply := kernel.get_message("shell", timeout=60))["parent_header"]["msg_id"] != message:
        pass
    kernel.await_idle(message, timeout=60)
    answer = reply["content"].get("user_expressions", {}).get("answer", reply["content"])
    if answer["status"] != "ok":
        raise RuntimeError(f"{answer['ename']}: {answer['evalue']}")
    return ast.literal_eval(answer["data"]["text/plain"])


def pytest_configure(config: pytest.Config) -> None:
    setup, collect = IPyNbFile.setup, IPyNbFile.collect

    def watching(self) -> None:
        setup(self)
        ask(self.kernel, WATCH.format(tools=TOOLS, page=str(self.path)))

    def with_shapes(self):
        yield from collect(self)
        yield ShapeComments.from_parent(self, name="shape comments")

    IPyNbFile.setup, IPyNbFile.collect = watching, with_shapes
