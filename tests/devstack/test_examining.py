"""Claims about the commands that try the score: each in a database of its own, with an exit status for scripts."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.house import environment

from milepost_devstack.restating import following
from milepost_devstack.restating.following import NotRestated

ANSWERS = Path(__file__).resolve().parents[1] / "core" / "known_answers" / "scores.json"
SAMPLE = Path(__file__).resolve().parents[1] / "scoring_api" / "evaluations" / "ravenstack"


def milepost(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # An address that nobody may touch: these commands bring a database of their own.
    environ = environment(folder / "home", MILEPOST_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    argv = [sys.executable, "-m", "milepost_devstack.cli", *words]
    return subprocess.run(argv, check=False, cwd=folder, env=environ, capture_output=True, text=True, timeout=100)


def test_examples_that_come_out_end_well_and_are_told_one_by_one(tmp_path: Path) -> None:
    ended = milepost(tmp_path, "verify-answers", str(ANSWERS))
    assert ended.returncode == 0, ended.stderr
    assert "S3-as-of-window" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "6 examples: 6 ok"
    assert list(tmp_path.iterdir()) == []


def test_a_difference_ends_with_1_and_says_where(tmp_path: Path) -> None:
    document = json.loads(ANSWERS.read_text())
    document["examples"][0]["expected"]["score"] = 71.5
    document["examples"][1]["expected"]["zest"] = 1
    (tmp_path / "wrong.json").write_text(json.dumps(document))
    ended = milepost(tmp_path, "verify-answers", "wrong.json", "--json")
    report: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert (report["ok"], report["differs"], report["not_understood"]) == (4, 1, 1)
    assert report["verdicts"][0]["remarks"] == ["/score: expected 71.5, found 72.5"]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ended = milepost(tmp_path, "verify-answers", "nowhere.json")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "nowhere.json cannot be read" in ended.stderr


def test_an_evaluation_leaves_a_report_and_says_what_may_be_said(tmp_path: Path) -> None:
    ended = milepost(tmp_path, "evaluate", str(SAMPLE), "--report", "told")
    assert ended.returncode == 0, ended.stderr
    assert "No evidence that this score ranks churn here" in ended.stdout
    assert "usage before its subscription begins" in ended.stdout
    assert sorted(path.name for path in (tmp_path / "told").iterdir()) == ["report.html", "report.json"]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for where Linux tells of them")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_evaluation_that_is_asked_to_end_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "scratch").mkdir()
    environ = environment(tmp_path / "home", TMPDIR=str(tmp_path / "scratch"))
    argv = [sys.executable, "-m", "milepost_devstack.cli", "evaluate", str(SAMPLE), "--report", "told"]
    with subprocess.Popen(argv, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL) as process:
        child = _its_program(process)
        process.send_signal(number)
        assert process.wait(30) != 0
    assert not Path(f"/proc/{child}").exists()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not (tmp_path / "told").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no kernel ends the child of who was killed")
def test_the_program_of_an_evaluation_that_is_killed_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    environ = environment(tmp_path / "home", TMPDIR=str(tmp_path / "scratch"))
    argv = [sys.executable, "-m", "milepost_devstack.cli", "evaluate", str(SAMPLE), "--report", "told"]
    with subprocess.Popen(argv, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL) as process:
        child = _its_program(process)
        # Held, it cannot happen to miss its database and end by itself.
        os.kill(child, signal.SIGSTOP)
        process.kill()
    until = time.monotonic() + 5
    while _runs(child) and time.monotonic() < until:
        time.sleep(0.05)
    runs_on = _runs(child)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    assert not runs_on


def _its_program(process: subprocess.Popen[bytes], timeout_s: float = 40.0) -> int:
    """The process id of the program that the command has started; Linux alone tells it."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and process.poll() is None:
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if b"scoring_api.evaluating" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return int(pid)
        time.sleep(0.05)
    raise AssertionError("the program never ran")


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_folder_of_nothing_known_is_one_line(tmp_path: Path) -> None:
    ended = milepost(tmp_path, "evaluate", str(tmp_path))
    assert ended.returncode == 1
    assert "is no data set that is known here" in ended.stderr


def test_an_order_to_restate_says_days_and_model_as_the_api_takes_them() -> None:
    order = following.wanted("2026-01-01", "", 7, "b2b-onboarding@2")
    assert order == {"from": "2026-01-01", "every_days": 7, "model": {"id": "b2b-onboarding", "version": 2}}
    with pytest.raises(NotRestated, match="ID@N"):
        following.wanted("", "", 1, "b2b-onboarding")
