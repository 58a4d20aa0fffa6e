"""The `milepost` command as a shell runs it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def milepost(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, knowing of a state folder and of what `more` puts into its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILEPOST_", "HOME"))}
    return subprocess.run(
        [sys.executable, "-m", "milepost_devstack.cli", *words],
        env=kept | {"MILEPOST_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"} | more,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
