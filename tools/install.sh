#!/bin/sh
# Make .venv and install what requirements.txt pins: with uv where it is installed, else with pip.
# Where that is done already, do nothing.  Every failure ends in a sentence that says what to do.
#
#   PYTHON=/path/to/python3.12 make book    # with this Python
#   UV= make book                           # with pip, though uv is installed
set -u
cd "$(dirname "$0")/.." || exit 1
here=$(pwd -P) python=.venv/bin/python stamp=.venv/installed log=.venv/install.log
oldest=$(sed -n 's/^requires-python = ">=\([0-9.]*\)"$/\1/p' pyproject.toml)
small='PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make book'
uv=${UV-$(command -v uv)}
# uv does not read pip's variable, and takes a package from one index only unless told otherwise.
export UV_INDEX="${UV_INDEX:-${PIP_EXTRA_INDEX_URL:-}}" UV_INDEX_STRATEGY=unsafe-best-match

stop() { printf '%s\n' '' 'The book could not be installed.' "$@" >&2; exit 1; }
wanted() { echo "$here"; cksum requirements.txt pyproject.toml; }
fits() { "$1" -c "import sys; sys.exit(sys.version_info < (${oldest%.*},${oldest#*.}))"; } 2>/dev/null

make_venv() {
    case "$(uname) $UV_INDEX" in Darwin* | *whl/cpu*) need=2 ;; *) need=7 ;; esac
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
    [ -n "${SKIP_SPACE_CHECK:-}" ] || [ "${free:-$need}" -ge "$need" ] || stop \
        "It needs about $need GB of disk; $free GB are free here.  Without GPU support 2 GB do:" \
        "  $small" "To try all the same:  SKIP_SPACE_CHECK=1 make book"
    set -- python3.13 python3.12 python3.11 python3 python # first those tried with the pins
    [ -z "${PYTHON:-}" ] || set -- "$PYTHON"
    for found; do fits "$found" && break || found=; done
    if [ -n "$uv" ]; then # it fetches a Python where there is none
        "$uv" venv --quiet --seed --python "${found:-${PYTHON:-3.13}}" .venv
    elif [ -n "$found" ]; then
        "$found" -c 'import venv, ensurepip' 2>/dev/null || stop \
            "This Python ($found) lacks venv.  Debian, Ubuntu:  sudo apt-get install python3-venv"
        "$found" -m venv .venv || stop "No .venv could be made, for the reason above."
    fi
    fits "$python" || stop \
        "It needs Python $oldest or newer${PYTHON:+, and $PYTHON is no such Python}." \
        "  Debian, Ubuntu:  sudo apt-get install python3 python3-venv" \
        "  macOS:           brew install python@3.13" \
        "Where a newer one stands elsewhere, name it:  PYTHON=/path/to/python3.13 make book"
}

if ! fits "$python" || [ "$(sed 1q "$stamp" 2>/dev/null || echo "$here")" != "$here" ]; then
    [ ! -e .venv ] || echo ".venv was moved, or its Python does not run: making it anew."
    rm -rf .venv && make_venv
elif [ -n "${PYTHON:-}" ] && [ "$("$PYTHON" --version 2>&1)" != "$("$python" --version)" ]; then
    stop ".venv holds $("$python" --version), and PYTHON is $PYTHON.  For another:  rm -r .venv"
elif wanted | cmp -s - "$stamp" 2>/dev/null; then exit; fi

if [ -n "$uv" ]; then set -- "$uv" pip install --python "$python"
else set -- "$python" -m pip install --disable-pip-version-check --no-input; fi
[ ! -f "$stamp" ] || set -- "$@" --quiet # a hundred lines about what has not changed
rm -f "$stamp"
echo "Installing what requirements.txt names; the first time takes some minutes ..."
# matplotlib reports the building of its font cache; a notebook's output is no place for that.
{ [ -x .venv/bin/pip ] || "$python" -m ensurepip && "$@" --requirement requirements.txt &&
    MPLBACKEND=agg "$python" -c 'import matplotlib.font_manager' &&
    wanted >"$stamp"; } 2>&1 | tee "$log"
[ ! -f "$stamp" ] || { echo "Installed." && exit; }

if grep -qi 'no space left' "$log"; then
    stop "The disk is full, or the folder for temporary files is: TMPDIR=${TMPDIR:-/tmp}." \
        "Free some space and type the same command again.  Without GPU support 2 GB do:" "  $small"
elif grep -qE 'HTTPS?Conn|Connection (brok|abort)|Timeout|SSLError|error sending request' "$log"; then
    stop "The index of packages could not be reached: no network?  (Behind a proxy: HTTPS_PROXY.)"
elif grep -qE 'No matching distribution found|No solution found' "$log"; then
    stop "A package is not offered for $("$python" --version) on this computer: see above." \
        "Try Python 3.11 to 3.13:  rm -r .venv; PYTHON=/path/to/python3.13 make book"
fi
stop "The installation failed, for the reason above (and in $log)."
