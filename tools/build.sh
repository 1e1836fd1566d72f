#!/bin/sh
# Build the book's pages, with warnings as errors, and say where they are.
#
# Sphinx is silent about pages that it does not build again, so either nothing has changed since
# the last build without a warning, or all pages are built.
set -u
cd "$(dirname "$0")/.." || exit 1
page=_build/html/index.html
stamp=_build/built
log=_build/build.log

# Everything that a page is made of.
sources() {
    find _config.yml _toc.yml book code/bareattention .venv/installed -type f \
        ! -path '*/__pycache__/*' ! -path '*/.ipynb_checkpoints/*' -exec cksum {} + | LC_ALL=C sort
}

is_current() {
    # A page younger than the stamp was built by somebody else, from who knows what.
    [ -f "$page" ] && [ -f "$stamp" ] && ! [ "$page" -nt "$stamp" ] && [ "$before" = "$(cat "$stamp")" ]
}

before=$(sources)
if is_current; then
    echo "Nothing has changed since the last build."
else
    # An aborted build leaves files that the next one stumbles over, and pages may have gone.
    rm -rf _build/html "$stamp"
    mkdir -p _build
    echo "Building the pages ..."
    .venv/bin/jupyter-book build . --all -W -n --keep-going >"$log" 2>&1 || {
        # Jupyter Book ends in a traceback of its own, which hides what it met.
        grep -E 'WARNING|ERROR|CRITICAL' "$log" >&2 || sed '/^Traceback/,$d' "$log" | tail -n 15 >&2
        printf '\nThe book was not built without a warning.  All that was said: %s\n' "$log" >&2
        exit 1
    }
    printf '%s\n' "$before" >"$stamp"
fi
address='import pathlib, sys; print(pathlib.Path(sys.argv[1]).resolve().as_uri())'
printf '\nThe book stands in  %s\n' "$(.venv/bin/python -c "$address" "$page")"
printf 'or, with search and figures as on the web:  make serve\n'
