"""Looks through playbooks in files: `python -m playbook_runner.linting FILE...`; it keeps none and asks no service."""

import sys

from milepost_runtime.linting import lint_files
from playbook_runner.documents.checking import read_bytes

if __name__ == "__main__":
    raise SystemExit(lint_files(sys.argv[1:], read_bytes))
