"""Where the kernel does not end orphans, a warden does: after a sudden death, and never after an orderly end."""

import os
import signal
import subprocess
import sys
import time

import pytest

from milepost_devstack.warden import Warden, watch

# A supervisor that dies suddenly: it starts a polite child, a stubborn one and one that it forgets, and kills itself.
SUPERVISOR = """
import os, signal, subprocess, sys
from milepost_devstack.warden import Warden
warden = Warden()
codes = ["import time; time.sleep(60)",
         "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)",
         "import time; time.sleep(60)"]
children = [
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE) for code in codes
]
children[1].stdout.readline()  # it has to get as far as ignoring the signal
for child in children:
    warden.add(child.pid, signal.SIGTERM)
warden.forget(children[2].pid)
if sys.argv[1] == "orderly":
    warden.close()
print(*(child.pid for child in children), flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False).stdout[:1] in (
        b"Z",
        b"",
    )


@pytest.mark.parametrize(("end", "expected"), [("sudden", [True, True, False]), ("orderly", [False, False, False])])
def test_only_children_of_a_sudden_death_are_ended(end: str, expected: list[bool]) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, end], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    try:
        assert not any(_gone(pid) for pid in pids)
        parent.stdin.write("die\n")
        parent.stdin.close()
        parent.wait(timeout=10)
        until = time.monotonic() + 20
        while [_gone(pid) for pid in pids] != expected and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1.5)  # Who is to live on is not ended any later either.
        assert [_gone(pid) for pid in pids] == expected
    finally:
        parent.stdout.close()
        for pid in pids:
            if not _gone(pid):
                os.kill(pid, signal.SIGKILL)


def test_lines_that_mean_nothing_are_passed_over() -> None:
    assert watch(["+ 12 15\n", "nonsense\n", "+ 13 9\n", "- 12\n", "\n"]) == {13: 9}


def test_a_warden_that_is_gone_already_does_not_hinder_its_supervisor() -> None:
    warden = Warden()
    warden._process.kill()
    warden._process.wait()
    warden.add(1_000_000, signal.SIGTERM)
    warden.close()
