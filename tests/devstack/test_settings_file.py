"""`.env.example` names every setting there is, with its real default; the environment and `.env` are read as told."""

from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from milepost_devstack import environment, known_settings
from milepost_devstack.environment import EnvironmentUnreadable

# What the supervisor fills in when the owner does not: the file shows that instead of the class's own default.
FILLED_IN = {
    "MILEPOST_ENVIRONMENT": "development",
    "MILEPOST_SECRET_KEY": "",
    "MILEPOST_DATABASE_URL": "",
    "MILEPOST_REDIS_URL": "",
    "MILEPOST_PUBLIC_URL_SCORING": "",
    "MILEPOST_PUBLIC_URL_RUNNER": "",
    "MILEPOST_HOME": ".milepost",
    "MILEPOST_DEMO": "auto",
    "MILEPOST_POSTGRES_BIN": "",
    "MILEPOST_VALKEY_BIN": "",
    "MILEPOST_INGEST_URL": "",
    "MILEPOST_API_KEY": "",
}


def _example(repository: Path) -> dict[str, str]:
    lines = (repository / ".env.example").read_text().splitlines()
    return dict(line.removeprefix("#").split("=", 1) for line in lines if line.startswith("#MILEPOST_"))


def _defaults() -> dict[str, str]:
    found: dict[str, str] = {}
    for module in known_settings.MODULES:
        for one in known_settings.settings_classes(module):
            found |= {f"MILEPOST_{name.upper()}": _text(one, name) for name in one.model_fields}
    return found | FILLED_IN


def _text(one: type[BaseModel], name: str) -> str:
    default = one.model_fields[name].default
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default is PydanticUndefined else str(default)


def test_the_example_names_every_setting_and_no_other(repository: Path) -> None:
    assert set(_example(repository)) == known_settings.known_names()


def test_the_example_shows_the_real_defaults(repository: Path) -> None:
    assert _example(repository) == _defaults()


def test_every_setting_is_explained_above_its_name(repository: Path) -> None:
    above = ""
    for line in (repository / ".env.example").read_text().splitlines():
        if line.startswith("#MILEPOST_"):
            assert above.startswith("#"), line
        above = line


def test_an_unknown_name_is_told_with_the_nearest_known_one() -> None:
    told = list(known_settings.unknown({"MILEPOST_SCORNG_PORT": "1", "MILEPOST_SECRET_KEY_FILE": "/x", "PATH": "/bin"}))
    assert told == ["MILEPOST_SCORNG_PORT is not a setting; did you mean MILEPOST_SCORING_PORT?"]


def test_the_environment_wins_over_the_file_in_either_spelling(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\nexport MILEPOST_LOG_LEVEL='DEBUG' # why\nMILEPOST_HOST=0.0.0.0\nMILEPOST_SECRET_KEY=in-file\n"
        "MILEPOST_RUN_ID=\nOTHER=ignored\n"
    )
    found = environment.with_env_file({"MILEPOST_HOST": "::1", "MILEPOST_SECRET_KEY_FILE": "/s"}, tmp_path / ".env")
    assert found == {"MILEPOST_LOG_LEVEL": "DEBUG", "MILEPOST_HOST": "::1", "MILEPOST_SECRET_KEY_FILE": "/s"}


def test_a_broken_line_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MILEPOST_HOST=ok\nMILEPOST_RUN_ID='open\n")
    with pytest.raises(EnvironmentUnreadable, match="line 2"):
        environment.with_env_file({}, tmp_path / ".env")


def test_a_value_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    assert environment.given({"MILEPOST_SECRET_KEY_FILE": str(tmp_path / "secret")}, "SECRET_KEY") == "from the file"
    with pytest.raises(EnvironmentUnreadable, match="MILEPOST_SECRET_KEY_FILE"):
        environment.given({"MILEPOST_SECRET_KEY_FILE": str(tmp_path / "missing")}, "SECRET_KEY")


@pytest.mark.parametrize("text", ["eighty", "-1", "65536", "8 0"])
def test_a_port_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(EnvironmentUnreadable, match="MILEPOST_SCORING_PORT"):
        environment.port({"MILEPOST_SCORING_PORT": text}, "SCORING_PORT", 8000)
