"""Looks through score models in files: `python -m scoring_api.linting FILE...`; it keeps none and asks no service."""

import sys

from milepost_runtime.linting import lint_files
from scoring_api.documents.checking import read_bytes

if __name__ == "__main__":
    raise SystemExit(lint_files(sys.argv[1:], read_bytes))
