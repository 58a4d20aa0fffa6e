"""Claims about the README: the commands it shows work as they are written."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.house import House

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "openssl"))), reason="needs bash, curl and openssl, as the reader does"
)


def example(repository: Path) -> str:
    """The shell block under "First webhook", without the line that enters the environment."""
    text = (repository / "README.md").read_text()
    block = text[text.index("## First webhook") :].split("```sh\n")[1].split("```")[0]
    return block.replace(". .venv/bin/activate\n", "")


async def test_the_first_webhook_ends_as_the_first_explained_score(
    house: House, repository: Path, tmp_path: Path
) -> None:
    (tmp_path / ".milepost").symlink_to(house.home)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-e", "-c", example(repository).replace("milepost explain", "sleep 2; milepost explain")],
        cwd=tmp_path,
        env={"PATH": path, "MILEPOST_HOME": str(house.home), "NO_COLOR": "1", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "HTTP/1.1 200" in done.stdout
    assert '{"accepted":1,"duplicates":0,"conflicts":0}' in done.stdout
    assert "of the plan that is due is reached" in done.stdout
    assert "urgent tickets open: 1" in done.stdout
