#!/bin/sh
# Make .venv and install what requirements.txt pins.  Where that is done already, do nothing.
#
#   sh tools/install.sh
#   PYTHON=/path/to/python3.12 sh tools/install.sh    # with this Python
#
# Every way it can fail ends in a sentence that says what to do.
set -u
cd "$(dirname "$0")/.." || exit 1

venv=.venv
python=$venv/bin/python
log=$venv/pip.log
stamp=$venv/installed
cpu_wheels=https://download.pytorch.org/whl/cpu
oldest=$(sed -n 's/^requires-python = ">=\([0-9.]*\)"$/\1/p' pyproject.toml)

stop() {
    printf '\nThe book could not be installed.\n' >&2
    printf '%s\n' "$@" >&2
    exit 1
}

# What was installed, and where: a folder that was moved, or a file that changed, asks again.
wanted() {
    pwd -P
    cksum requirements.txt pyproject.toml
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))' \
        "$oldest" 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" && echo "$PYTHON"
        return
    fi
    # The versions that the pins were tried with come first.
    for name in python3.13 python3.12 python3.11 python3 python; do
        is_new_enough "$name" && echo "$name" && return
    done
    return 1
}

check_space() {
    [ -n "${SKIP_SPACE_CHECK:-}" ] && return
    need=7
    case "${PIP_INDEX_URL:-} ${PIP_EXTRA_INDEX_URL:-}" in *whl/cpu*) need=2 ;; esac
    [ "$(uname)" = Darwin ] && need=2
    free=$(df -Pk . 2>/dev/null | awk 'NR == 2 { print int($4 / 1048576) }')
    [ -n "$free" ] && [ "$free" -lt "$need" ] && stop \
        "It needs about $need GB of disk, and $free GB are free here." \
        "PyTorch without GPU support is smaller; with it, 2 GB do:" \
        "  PIP_EXTRA_INDEX_URL=$cpu_wheels make book" \
        "To try all the same:  SKIP_SPACE_CHECK=1 make book"
}

make_venv() {
    found=$(find_python) || stop \
        "It needs Python $oldest or newer${PYTHON:+, and $PYTHON is no such Python}." \
        "  Debian, Ubuntu:  sudo apt-get install python3 python3-venv" \
        "  macOS:           brew install python@3.13" \
        "Where a newer Python stands elsewhere, name it:" \
        "  PYTHON=/path/to/python3.13 make book"
    "$found" -c 'import venv, ensurepip' 2>/dev/null || stop \
        "This Python ($found) lacks the module venv." \
        "  Debian, Ubuntu:  sudo apt-get install python3-venv" \
        "Or name another Python:  PYTHON=/path/to/python3.13 make book"
    check_space
    rm -rf "$venv"
    echo "Making $venv with $("$found" --version) ..."
    "$found" -m venv "$venv" || stop \
        "$found -m venv $venv failed, for the reason above."
}

no_network='NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError'
no_network="$no_network|Connection (refused|reset|broken|aborted)"

explain_pip() {
    if grep -qi 'no space left' "$log"; then
        stop "The disk is full, or the folder for temporary files is (${TMPDIR:-/tmp})." \
            "Free some space and type the same command again." \
            "  Another folder for temporary files:  TMPDIR=/path/to/folder make book" \
            "  PyTorch without GPU support, 2 GB:   PIP_EXTRA_INDEX_URL=$cpu_wheels make book"
    elif grep -qE "$no_network" "$log"; then
        stop "pip could not reach its package index: no network?" \
            "Check the connection (behind a proxy: HTTPS_PROXY), then type the same command again."
    elif grep -q 'No matching distribution found' "$log"; then
        stop "For $("$python" --version) on this computer a package is not offered: it is named above." \
            "Try Python 3.11 to 3.13:  rm -r $venv; PYTHON=/path/to/python3.13 make book"
    fi
    stop "pip failed, for the reason above.  Everything it did stands in $log."
}

remake() {
    echo "$1: making it anew."
    rm -rf "$venv"
}

if [ -e "$venv" ] && ! is_new_enough "$python"; then
    remake "The Python in $venv does not run, or is too old"
elif [ -f "$stamp" ] && [ "$(sed 1q "$stamp")" != "$(pwd -P)" ]; then
    remake "$venv was made in another folder"
elif [ -e "$venv" ] && [ -n "${PYTHON:-}" ]; then
    has=$("$python" --version)
    asked=$("$PYTHON" --version 2>&1 | tail -n 1)
    [ "$has" = "$asked" ] || stop \
        "$venv holds $has, and PYTHON=$PYTHON says: $asked" \
        "To make $venv anew:  rm -r $venv"
fi
if [ -f "$stamp" ] && wanted | cmp -s - "$stamp"; then
    exit 0
fi
if [ -e "$venv" ] && ! "$python" -m pip --version >/dev/null 2>&1; then
    remake "$venv was left half made"
fi

quiet=
if [ -f "$stamp" ]; then
    echo "Installing what has changed in requirements.txt or pyproject.toml ..."
    quiet=--quiet # a hundred lines about what has not changed
    rm -f "$stamp"
else
    [ -x "$python" ] || make_venv
    echo "Installing what requirements.txt names; the first time takes some minutes ..."
fi
: >"$log"
"$python" -m pip install --disable-pip-version-check --no-input --log "$log" ${quiet:+"$quiet"} \
    --requirement requirements.txt || explain_pip
# matplotlib reports the building of its font cache; a notebook's output is no place for that.
MPLBACKEND=agg "$python" -c 'import matplotlib.font_manager' || stop \
    "matplotlib was installed but does not run, for the reason above." \
    "To make $venv anew:  rm -r $venv; make book"
wanted >"$stamp"
echo "Installed."
