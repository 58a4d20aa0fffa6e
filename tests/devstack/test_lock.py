"""The lock pins every package by hash and holds no address, so that it installs from whichever index one trusts."""

import re
import tomllib
from pathlib import Path

PIN = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^ ;\\]+( ; [^\\]+)? \\$")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?$")


def _requirements(repository: Path) -> list[list[str]]:
    blocks: list[list[str]] = []
    for line in (repository / "requirements.lock").read_text().splitlines():
        if line.startswith("    "):
            blocks[-1].append(line)
        elif line and not line.startswith("#"):
            blocks.append([line])
    return blocks


def test_the_lock_holds_no_address(repository: Path) -> None:
    text = (repository / "requirements.lock").read_text()
    assert not [mark for mark in ("://", "index-url", "find-links", " @ ", "trusted-host") if mark in text]


def test_every_requirement_is_pinned_and_has_hashes(repository: Path) -> None:
    blocks = _requirements(repository)
    assert len(blocks) > 40
    for head, *hashes in blocks:
        assert PIN.match(head), head
        assert hashes, head
        assert all(HASH.match(line) for line in hashes), head


def test_every_direct_dependency_of_every_member_is_in_the_lock(repository: Path) -> None:
    pinned = {re.split(r"==|\[", block[0])[0] for block in _requirements(repository)}
    files = [repository / "pyproject.toml", *repository.glob("*/*/pyproject.toml")]
    assert len(files) == 8
    declared = [tomllib.loads(file.read_text()) for file in files]
    members = {one["project"]["name"] for one in declared}
    wanted = {
        re.split(r"[\[<>=!~; ]", text)[0].lower()
        for one in declared
        for text in [*one["project"]["dependencies"], *one.get("dependency-groups", {}).get("dev", [])]
    }
    assert {_canonical(name) for name in wanted - members} <= {_canonical(name) for name in pinned}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name)


def test_no_other_lock_is_committed(repository: Path) -> None:
    ignored = (repository / ".gitignore").read_text().splitlines()
    assert "/uv.lock" in ignored
