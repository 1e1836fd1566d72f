"""The modules are joined into one script that stays small, and what cannot be joined is refused."""

import gzip
import os
import subprocess
import sys

import pytest

import bareattention.touch.script as joiner
from bareattention.touch.script import JoinError, join, modules, script

LARGEST = 25_000  # bytes, as a server sends it


def test_the_script_of_all_elements_is_small():
    assert len(gzip.compress(script().encode(), 9, mtime=0)) <= LARGEST


def test_a_module_comes_after_those_that_it_imports_from():
    joined = join({"a": 'import { b } from "./b.mjs";\nb;\n', "b": "export const b = 1;\n"})
    assert joined.index("const b = 1;") < joined.index("b;\nglobalThis")
    assert "globalThis.bareattention = { b };" in joined


def test_every_process_joins_them_in_the_same_order():
    code = f"import runpy; print(runpy.run_path({joiner.__file__!r})['script']())"
    run = [sys.executable, "-c", code]
    joined = {
        subprocess.check_output(run, env=os.environ | {"PYTHONHASHSEED": seed}) for seed in "123"
    }
    assert len(joined) == 1


def test_comments_that_have_lines_alone_are_left_out_and_so_are_types():
    line = "  const x = /** @type {any} */ (1); // kept\n"
    joined = join({"a": f"// gone\n/** gone\n * too */\n{line}/* gone */\n"})
    assert "\nconst x = (1); // kept\n" in joined
    assert "gone" not in joined


def test_the_script_cannot_end_a_block_of_a_page():
    joined = join({"a": 'const x = "</script>"; // <!--\n'})
    assert "</script" not in joined and "<!--" not in joined


B = "export const b = 1;\nconst hidden = 2;\n"
REFUSED = {
    'import { b as c } from "./b.mjs";\n': "a: b exports no 'b as c'",
    'import { hidden } from "./b.mjs";\n': "a: b exports no 'hidden'",
    'import { b } from "./gone.mjs";\n': "a: gone exports no 'b'",
    'import b from "./b.mjs";\n': "a: this cannot be joined: import b",
    'import * as b from "./b.mjs";\n': r"a: this cannot be joined: import \*",
    "export default 1;\n": "a: this cannot be joined: export default",
    "const c = 1;\nexport { c };\n": "a: this cannot be joined: export { c }",
    "const [c] = [1];\n": r"a: this cannot be joined: const \[c\]",
    "const hidden = 1;\n": "b: hidden is defined in a already",
    "function f() {}\nclass f {}\n": "a: f is defined in a already",
}


@pytest.mark.parametrize(("source", "message"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_cannot_be_joined_is_refused(source, message):
    with pytest.raises(JoinError, match=f"^{message}"):
        join({"a": source, "b": B})


def test_modules_that_import_each_other_are_refused():
    both = {name: f'import {{ x }} from "./{other}.mjs";\n' for name, other in ("ab", "ba")}
    with pytest.raises(JoinError, match="imports itself by way of others"):
        join(both)


def test_every_module_is_joined():
    assert {"base", "math", "colour", "maps"} <= set(modules())
