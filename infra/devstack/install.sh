#!/bin/sh
# Make .venv from requirements.lock and the workspace's members. Called by the Makefile in the root of the checkout,
# with PYTHON (the wished interpreter) and MEMBERS (folders). Touches nothing outside .venv.
set -eu

say() { printf '%s\n' "$*" >&2; }
fit() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

python=
for name in "$PYTHON" python3.14 python3.13 python3.12 python3.11; do
    if fit "$name"; then python=$name; break; fi
done
if [ -z "$python" ]; then
    found=missing
    if command -v "$PYTHON" >/dev/null 2>&1; then found=$("$PYTHON" --version 2>&1); fi
    say "Milepost needs Python 3.11 or newer, and '$PYTHON' is $found: install one, or name it: make run PYTHON=/path/to/python3"
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    say "'$python' lacks the venv module: install it (Debian, Ubuntu: apt install python3-venv) and run make again"
    exit 1
fi

# Settings of the owner's pip that make no sense inside an environment.
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV PYTHONHOME PYTHONPATH || true
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

if ! .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    say "making .venv with $("$python" --version 2>&1)"
    rm -rf .venv
    "$python" -m venv .venv
fi
count=$(grep -c '==' requirements.lock)
say "installing $count packages from requirements.lock into .venv (about 250 MB, once) …"
.venv/bin/python -m pip install --quiet --quiet --require-hashes -r requirements.lock
editable=
for member in $MEMBERS; do editable="$editable -e ./$member"; done
# shellcheck disable=SC2086 # folders of ours, without spaces
.venv/bin/python -m pip install --quiet --quiet --no-deps --no-build-isolation $editable
pwd > .venv/.installed
say "installed"
