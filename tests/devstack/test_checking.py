"""Before anything is started every setting of every process is judged, and all that is wrong is told in one list."""

import importlib
from pathlib import Path

import pytest
from pydantic import BaseModel
from support.shell import milepost

from milepost_devstack import checking, doctor, known_settings
from milepost_devstack.house import MILEPOST
from milepost_devstack.state import StateFolder
from milepost_runtime.settings import DEVELOPMENT_SECRET, SettingsError, unknown_names

# One mistake of each kind and each owner: supervisor, every process, each service, the mailbox, a name of nobody's.
WRONG = {
    "MILEPOST_DEMO": "maybe",
    "MILEPOST_INGEST_PORT": "many",
    "MILEPOST_SCORING_PORT": "70000",
    "MILEPOST_ENVIRONMENT": "production",
    "MILEPOST_SECRET_KEY": "short",
    "MILEPOST_FAILPOINTS": "x=exit",
    "MILEPOST_LOG_LEVEL": "LOUD",
    "MILEPOST_REDIS_URL": "http://queue",
    "MILEPOST_DATABASE_URL_FILE": "/nowhere/url",
    "MILEPOST_SCORING_LATE_AFTER_HOURS": "-1",
    "MILEPOST_RUNNER_NUDGE_TO": "nobody",
    "MILEPOST_MAILBOX_ANSWER": "rudely",
}


def test_a_start_tells_every_wrong_setting_of_every_process_in_one_list_and_makes_nothing(tmp_path: Path) -> None:
    done = milepost(tmp_path / "home", "up", **WRONG, MILEPOST_SCORNG_PORT="1")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "error  settings cannot be used:"
    assert {name for name in WRONG if sum(line.startswith(f"  - {name}") for line in lines) != 1} == {
        "MILEPOST_ENVIRONMENT"  # nothing is wrong with it: it makes the failpoints a mistake
    }
    assert lines[-1] == "  - MILEPOST_SCORNG_PORT is not a setting; did you mean MILEPOST_SCORING_PORT?"
    assert len(lines) == len(WRONG) + 1
    assert not (tmp_path / "home").exists()


def test_what_the_supervisor_fills_in_is_no_mistake() -> None:
    assert checking.problems_of(MILEPOST, {}) == []
    assert checking.problems_of(MILEPOST, {"MILEPOST_INGEST_PORT": "0", "MILEPOST_DATABASE_URL": ""}) == []
    checking.require_usable(MILEPOST, {"MILEPOST_SCORNG_PORT": "1"})


def test_a_name_set_twice_is_told_once_beside_everything_else(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8000\n")
    twice = {"MILEPOST_SCORING_PORT": "many", "MILEPOST_SCORING_PORT_FILE": str(tmp_path / "port")}
    with pytest.raises(SettingsError) as caught:
        checking.require_usable(MILEPOST, twice | {"MILEPOST_LOG_FORMAT": "loud"})
    both, form = caught.value.problems
    assert both == "MILEPOST_SCORING_PORT and MILEPOST_SCORING_PORT_FILE are both set: keep one"
    assert form.startswith("MILEPOST_LOG_FORMAT: ")


async def test_the_doctor_tells_the_same_values_that_stop_a_start(tmp_path: Path) -> None:
    findings = await doctor.examine(MILEPOST, StateFolder(tmp_path / "home"), WRONG)
    told = [finding.found for finding in findings if finding.check == "settings" and finding.state == "fail"]
    assert told == checking.problems_of(MILEPOST, WRONG)
    assert len(told) == len(WRONG) - 1


def test_the_published_secret_is_refused_in_production_before_a_start() -> None:
    environ = {"MILEPOST_SECRET_KEY": DEVELOPMENT_SECRET, "MILEPOST_ENVIRONMENT": "production"}
    (told,) = checking.problems_of(MILEPOST, environ)
    assert "published default" in told


@pytest.mark.parametrize("module", ["scoring_api.settings", "ingest_webhooks.settings", "playbook_runner.settings"])
def test_a_service_run_alone_is_surprised_by_no_name_of_the_house(module: str) -> None:
    (cls,) = known_settings.settings_classes(module)
    assert issubclass(cls, BaseModel)
    assert list(unknown_names(cls, dict.fromkeys(known_settings.known_names(), "x"))) == []
    assert importlib.import_module(module)


def test_a_warning_of_the_command_is_one_line_without_a_path(tmp_path: Path) -> None:
    url = "postgresql://u:p@127.0.0.1:1/d?channel_binding=require"
    done = milepost(tmp_path / "home", "migrate", MILEPOST_DATABASE_URL=url)
    assert done.returncode == 1
    note, error = done.stderr.splitlines()
    assert note == "note  database URL: channel_binding ignored (not understood by the driver)"
    assert error.startswith("error  the database could not be migrated: ")
