"""The command answers people in words and programs in JSON, refuses in one line with a remedy, and starts quickly."""

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
from rich.console import Console
from support.shell import milepost
from support.stores import Databases

from milepost_devstack import clusters, ending, explaining, following, revising
from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.shelving.showing import show_findings
from milepost_devstack.state import AlreadyRunning, StateFolder
from milepost_devstack.stores import EmbeddedPostgres
from milepost_devstack.terminal import Report, paints
from milepost_devstack.welcome import welcome
from milepost_runtime.migrations import upgrade_all

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "words", [("psql",), ("migrate",), ("keys", "list"), ("explain", "domain:acme.example"), ("logs", "scoring-api")]
)
def test_what_needs_a_house_says_so_in_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = milepost(tmp_path / "home", *words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error  no ")


def test_a_setting_that_cannot_be_used_stops_a_start_before_anything_is_made(tmp_path: Path) -> None:
    done = milepost(tmp_path / "home", "up", MILEPOST_SCORING_PORT="many")
    assert done.returncode == 1
    assert "MILEPOST_SCORING_PORT=many is not a port" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = milepost(tmp_path / "home", "up", MILEPOST_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 1
    assert "set MILEPOST_HOME" in done.stderr


def test_a_program_gets_json(tmp_path: Path) -> None:
    assert json.loads(milepost(tmp_path / "home", "version", "--json").stdout)["milepost-devstack"]
    done = milepost(tmp_path / "home", "doctor", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["healthy"] is True


def test_the_help_for_a_new_key_says_which_keys_are_one_sender(tmp_path: Path) -> None:
    text = " ".join(milepost(tmp_path / "home", "keys", "create", "--help").stdout.split())
    assert "Keys of one name are one sender and share one space of event ids" in text


def test_the_doctor_exits_1_when_something_fails(tmp_path: Path) -> None:
    assert milepost(tmp_path / "home", "doctor", MILEPOST_SECRET_KEY="short").returncode == 1


def test_down_without_a_house_is_content(tmp_path: Path) -> None:
    done = milepost(tmp_path / "home", "down")
    assert done.returncode == 0
    assert "nothing is running" in done.stdout


def test_the_dot_env_file_of_the_current_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MILEPOST_SECRET_KEY=short\n")
    assert milepost(tmp_path / "home", "doctor").returncode == 1


def test_logs_show_the_last_lines_of_each_process(tmp_path: Path) -> None:
    logs = StateFolder(tmp_path / "home").logs
    logs.mkdir(parents=True)
    (logs / "scoring-api.log").write_text("".join(f"line {number}\n" for number in range(100)))
    (logs / "mailbox.log").write_text("a mail came\n")
    done = milepost(tmp_path / "home", "logs", "-n", "2")
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()] == [
        ["mailbox", "a mail came"],
        ["scoring-api", "line 98"],
        ["scoring-api", "line 99"],
    ]
    assert "there is mailbox, scoring-api" in milepost(tmp_path / "home", "logs", "nobody").stderr


def test_following_shows_new_lines_once_whole_and_goes_on_after_a_log_was_rolled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "mailbox.log"
    log.write_text("old\n")
    at = log.stat().st_size
    log.write_text("old\nnew\nhalf a li")
    at = following.print_new(log, at)
    log.write_text("old\nnew\nhalf a line\n")
    at = following.print_new(log, at)
    log.write_text("again\n")
    following.print_new(log, at)
    assert [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "new",
        "half a line",
        "again",
    ]


def test_the_command_itself_starts_without_the_heavy_imports() -> None:
    heavy = ("fastapi", "sqlalchemy", "alembic", "httpx", "uvicorn")
    code = f"import sys, milepost_devstack.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


async def test_a_reset_removes_what_is_ours_and_spares_what_is_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = EmbeddedPostgres(home)
    await server.start()
    await server.stop()
    (home / "holiday.jpg").write_text("not ours")
    base = clusters.known(home)
    assert base is not None
    assert "holiday.jpg" in ending.forget(StateFolder(home))
    assert not base.exists()
    assert [path.name for path in home.iterdir()] == ["holiday.jpg"]


def test_a_folder_in_use_is_not_reset(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "home").open()
    with state.locked(), pytest.raises(AlreadyRunning):
        ending.forget(StateFolder(tmp_path / "home"))


DOCUMENT = {
    "account": {"id": "1", "name": "Acme [Ltd]", "segment": "smb", "stage": "adoption", "owner": None},
    "score": 38.2,
    "band": "red",
    "as_of": "2026-11-20T09:00:00Z",
    "model": {"id": "b2b-onboarding", "version": 1},
    "trend": {"word": "falling", "change_7d": -12.4},
    "confidence": {"word": "medium"},
    "dimensions": [{"id": "usage", "label": "Product usage", "weight": 30.0, "score": None}],
    "drivers": [
        {"sentence": "Nobody signed in for 9 days.", "points": -14.0},
        {"sentence": "Kick-off done.", "points": 2.5},
    ],
    "gates": [{"id": "stalled", "sentence": "Stalled at a milestone.", "points": -3.0}],
    "baseline": 52.7,
    "missing": [{"signal": "nps", "why": "No survey was answered yet."}],
    "path": {"steps": [{"sentence": "Three people sign in."}]},
}


def test_an_explained_score_shows_band_in_words_and_reasons_with_signed_points() -> None:
    paper = io.StringIO()
    explaining.show(DOCUMENT, Console(file=paper, width=100, highlight=False))
    text = paper.getvalue()
    for words in ("Acme [Ltd]", "▲ red", "38.2 of 100", "falling", "−14.0  Nobody signed in", "+2.5", "−3.0", "52.7"):
        assert words in text
    for words in ("Product usage", "nps: No survey", "Three people sign in."):
        assert words in text


def test_numbers_of_lines_and_names_are_no_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    line = {"line": 100, "column": 3, "said": "unknown key :smile:", "pointer": "/x"}
    found = {"file": "mine.yaml", "mistakes": [line], "warnings": [], "valid": False}
    show_findings([found], "score model")
    explaining.show({"account": {"name": "Acme :100: [bold]x[/bold]"}, "score": None, "band": "unknown"})
    text = capsys.readouterr().out
    assert "mine.yaml:100:3: error: unknown key :smile:  /x" in text
    assert "Acme :100: [bold]x[/bold]" in text


def test_an_account_without_a_score_is_shown_as_unknown() -> None:
    paper = io.StringIO()
    explaining.show({"account": {"id": "1"}, "score": None, "band": "unknown"}, Console(file=paper, width=80))
    assert "○ unknown" in paper.getvalue()
    assert "– of 100" in paper.getvalue()


def test_colour_needs_a_terminal_and_no_objection() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert paints(Terminal(), {})
    assert not paints(Terminal(), {"NO_COLOR": "1"})
    assert not paints(io.StringIO(), {})
    plain = io.StringIO()
    Report(status=plain, result=plain).line("valkey", "ready", "127.0.0.1:1", 0.1)
    assert "\x1b" not in plain.getvalue()


def test_in_json_the_endpoints_are_the_only_line() -> None:
    status, result = io.StringIO(), io.StringIO()
    report = Report(as_json=True, status=status, result=result)
    report.title("Milepost")
    report.line("valkey", "ready", "", 0.1)
    report.ready({"scoring_api": "http://127.0.0.1:8000"}, "for people")
    assert status.getvalue() == ""
    assert json.loads(result.getvalue()) == {"scoring_api": "http://127.0.0.1:8000"}


def test_the_welcome_holds_three_links_and_one_call() -> None:
    endpoints = {
        "scoring_api": "http://127.0.0.1:8000",
        "mailbox": "http://127.0.0.1:8025/messages",
        "admin_key": "mp_a_b",
    }
    text = welcome(endpoints, "domain:acme.example", 1.0)
    assert [word for word in text.split() if word.startswith("http")] == [
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000/app/accounts/domain%3Aacme.example",
        "http://127.0.0.1:8025/",
    ]
    assert "'http://127.0.0.1:8000/accounts/domain%3Aacme.example/health'" in text


async def test_a_migration_is_drafted_from_the_difference_and_compiles(tmp_path: Path, databases: Databases) -> None:
    url = await databases.empty()
    await upgrade_all(url, SCHEMAS)
    with pytest.raises(revising.NotDrafted, match="nothing to draft"):
        await revising.draft(url, SCHEMAS[1], "nothing", tmp_path)
    connection = await asyncpg.connect(url)
    await connection.execute("alter table scoring.account drop column owner")
    await connection.close()

    path = await revising.draft(url, SCHEMAS[1], "Give an account its owner back", tmp_path)

    text = path.read_text()
    assert path.name.endswith("_give_an_account_its_owner_back.py")
    assert "op.add_column('account', sa.Column('owner'" in text
    assert "op.drop_column('account', 'owner'" in text
    compile(text, str(path), "exec")


def test_holding_and_asking_who_holds_do_not_disturb_each_other(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "home").open()
    assert state.holder() is None
    with state.locked():
        assert state.holder() == os.getpid()

    async def ask_often() -> None:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            state.holder()
            await asyncio.sleep(0)

    async def both() -> None:
        asking = [asyncio.create_task(asyncio.to_thread(asyncio.run, ask_often())) for _ in range(2)]
        for _ in range(50):
            with state.locked():
                await asyncio.sleep(0.005)
        await asyncio.gather(*asking)

    asyncio.run(both())
