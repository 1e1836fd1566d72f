#!/bin/sh
# Prove the book: the quick checks, the tests, then every chapter executed again and compared.
set -u
cd "$(dirname "$0")/.." || exit 1
python=.venv/bin/python

sh tools/check.sh || exit 1

prove() {
    "$python" -m pytest "$@" --numprocesses logical --maxprocesses 4
}

echo "== pytest"
prove --dist worksteal
tests=$?

# Here a whole chapter stays in one process, since its cells build on each other.
echo "== pytest --nbval book/"
prove --nbval book/ --dist loadscope
chapters=$?

[ "$tests" -eq 0 ] || printf '\nThe tests failed (pytest ended with %s): see above.\n' "$tests" >&2
[ "$chapters" -eq 0 ] || printf '\nThe chapters failed (pytest --nbval book/ ended with %s).\n' "$chapters" >&2

# The last lines: what was not tested, and how to get it tested.  Where the book is published from,
# that is no excuse.
"$python" tools/browser.py >/dev/null
browser=$?
[ "$tests" -eq 0 ] && [ "$chapters" -eq 0 ] && { [ "$browser" -eq 0 ] || [ -z "${CI:-}" ]; }
