#!/bin/sh
# Rewrite requirements.lock: every package of every member and of the development group, hash-pinned, for all
# platforms, without any address. Uses uv from the path, else one in .tools.
set -eu

if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    [ -x .tools/bin/uv ] || { "${PYTHON:-python3}" -m venv .tools && .tools/bin/python -m pip install --quiet --quiet uv; }
    uv=.tools/bin/uv
fi

# An index or a mirror of whoever runs this must not decide what everybody gets, nor be written down.
for name in $(env | sed -n 's/^\(\(UV\|PIP\)_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
export UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never

draft=requirements.lock.draft
trap 'rm -f "$draft" uv.lock' EXIT
"$uv" export -q --all-packages --all-groups --no-emit-workspace --no-header --no-annotate -o "$draft"
if grep -nE '://|index-url|find-links| @ ' "$draft"; then
    echo "the lock would hold an address: see the lines above" >&2
    exit 1
fi
mv "$draft" requirements.lock
echo "requirements.lock: $(grep -c '==' requirements.lock) packages"
