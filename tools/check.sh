#!/bin/sh
# The checks that take seconds: style, layout, the floors of the house, code against notebooks,
# what the pages show and say.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=.venv/bin
failed=

# check ADVICE COMMAND...: run the command; if it fails, say what to do.
check() {
    advice=$1
    shift
    echo "== $*"
    PATH="$bin:$PATH" "$@" && return
    failed="$failed
  $* failed: $advice"
}

check 'try  make format,  then correct the rest by hand' ruff check .
check 'type  make format' ruff format --check .
check 'a module imports from a floor above its own' lint-imports --no-logo
check 'type  make chapters' python tools/extract.py --check
check 'each line says what to do' python tools/booklint
[ -z "$failed" ] || {
    printf '\nThe quick checks found something:%s\n' "$failed" >&2
    exit 1
}
