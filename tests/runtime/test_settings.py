"""Claims about settings: every mistake at once, twins in files, no default secret where it matters."""

import warnings
from pathlib import Path

import pytest

from ingest_webhooks.settings import IngestSettings
from milepost_runtime.settings import (
    DEVELOPMENT_SECRET,
    RuntimeSettings,
    SettingsError,
    load,
    normalise_postgres_url,
    unknown_names,
)

GOOD = {
    "MILEPOST_DATABASE_URL": "postgresql://u:p@127.0.0.1/d",
    "MILEPOST_REDIS_URL": "redis://127.0.0.1",
    "MILEPOST_SECRET_KEY": "k" * 40,
}


def test_every_mistake_is_told_at_once_with_its_name() -> None:
    with pytest.raises(SettingsError) as caught:
        load(RuntimeSettings, {"MILEPOST_LOG_LEVEL": "LOUD", "MILEPOST_DATABASE_POOL_SIZE": "many"})

    text = str(caught.value)
    assert [
        name
        for name in ("DATABASE_URL", "REDIS_URL", "LOG_LEVEL", "DATABASE_POOL_SIZE")
        if f"MILEPOST_{name}" not in text
    ] == []


def test_what_is_dangerous_together_is_told_beside_what_cannot_be_read() -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            IngestSettings,
            {"MILEPOST_LOG_LEVEL": "LOUD", "MILEPOST_FAILPOINTS": "x=exit", "MILEPOST_SECRET_KEY": "short"},
        )

    assert [line.split(":")[0].split(" ")[0] for line in caught.value.problems] == [
        "MILEPOST_DATABASE_URL",
        "MILEPOST_REDIS_URL",
        "MILEPOST_LOG_LEVEL",
        "MILEPOST_SECRET_KEY",
        "MILEPOST_FAILPOINTS",
    ]


def test_a_file_that_cannot_be_read_is_one_problem_and_hides_no_other(tmp_path: Path) -> None:
    environ = {"MILEPOST_DATABASE_URL_FILE": str(tmp_path / "missing"), "MILEPOST_SECRET_KEY": DEVELOPMENT_SECRET}
    with pytest.raises(SettingsError) as caught:
        load(RuntimeSettings, environ | {"MILEPOST_REDIS_URL": "redis://q"})

    unread, published = caught.value.problems
    assert unread.startswith("MILEPOST_DATABASE_URL_FILE: cannot read")
    assert "published default" in published


@pytest.mark.parametrize("url", ["redis://:p@q:1/0", "rediss://q", "unix:///run/q.sock"])
def test_the_queue_may_be_reached_in_three_ways(url: str) -> None:
    assert load(RuntimeSettings, GOOD | {"MILEPOST_REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("url", ["http://:hidden@q", "q:6379", ""])
def test_a_queue_of_another_trade_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="MILEPOST_REDIS_URL: expected redis://") as caught:
        load(RuntimeSettings, GOOD | {"MILEPOST_REDIS_URL": url})

    assert "hidden" not in str(caught.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s" * 40 + "\n")
    environ = {k: v for k, v in GOOD.items() if k != "MILEPOST_SECRET_KEY"} | {"MILEPOST_SECRET_KEY_FILE": str(path)}

    assert load(RuntimeSettings, environ).secret_key.get_secret_value() == "s" * 40


def test_a_setting_and_its_file_twin_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="both set"):
        load(RuntimeSettings, GOOD | {"MILEPOST_SECRET_KEY_FILE": str(tmp_path / "x")})


def test_an_unreadable_file_twin_names_the_path(tmp_path: Path) -> None:
    environ = {k: v for k, v in GOOD.items() if k != "MILEPOST_SECRET_KEY"}
    with pytest.raises(SettingsError, match="cannot read"):
        load(RuntimeSettings, environ | {"MILEPOST_SECRET_KEY_FILE": str(tmp_path / "missing")})


def test_production_refuses_the_default_secret_and_development_does_not() -> None:
    environ = GOOD | {"MILEPOST_SECRET_KEY": DEVELOPMENT_SECRET}
    with pytest.raises(SettingsError, match="published default"):
        load(RuntimeSettings, environ)

    assert load(RuntimeSettings, environ | {"MILEPOST_ENVIRONMENT": "development"}).environment == "development"


def test_production_refuses_failpoints() -> None:
    with pytest.raises(SettingsError, match="FAILPOINTS"):
        load(RuntimeSettings, GOOD | {"MILEPOST_FAILPOINTS": "x=exit"})


def test_an_unknown_name_is_told_with_the_nearest_known_one() -> None:
    with pytest.warns(UserWarning, match=r"MILEPOST_REDIS_URI is not a setting; did you mean MILEPOST_REDIS_URL\?"):
        load(RuntimeSettings, GOOD | {"MILEPOST_REDIS_URI": "x"})


def test_a_misspelt_name_is_told_together_with_what_is_missing_for_it() -> None:
    environ = {name: value for name, value in GOOD.items() if name != "MILEPOST_REDIS_URL"}
    with pytest.raises(SettingsError) as caught:
        load(RuntimeSettings, environ | {"MILEPOST_REDIS_URI": "redis://q"})

    assert caught.value.problems == (
        "MILEPOST_REDIS_URL: Field required",
        "MILEPOST_REDIS_URI is not a setting; did you mean MILEPOST_REDIS_URL?",
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("MILEPOST_INGEST_PROT", "is not a setting; did you mean MILEPOST_INGEST_PORT?"),
        ("MILEPOST_PUBLIC_URL_INGST", "is not a setting; did you mean MILEPOST_PUBLIC_URL_INGEST?"),
        ("MILEPOST_SCORNG_PORT", "is not a setting"),  # a neighbour's, whose names this process does not know
    ],
)
def test_a_service_run_alone_tells_a_wrong_name_of_its_own_family(name: str, sentence: str) -> None:
    assert list(unknown_names(IngestSettings, {name: "x"})) == [f"{name} {sentence}"]


def test_names_of_a_neighbouring_process_are_no_surprise() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neighbours = {"MILEPOST_RUNNER_PROT": "8002", "MILEPOST_PUBLIC_URL_SCORING": "x", "MILEPOST_HOME": "/x"}
        load(IngestSettings, GOOD | neighbours)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres://u:p@h:1/d", "postgresql://u:p@h:1/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require"),
    ],
)
def test_a_hosts_database_url_is_read_as_it_is_handed_out(given: str, kept: str) -> None:
    assert normalise_postgres_url(given) == kept


def test_a_secret_never_shows_in_a_repr_or_an_error() -> None:
    shown = repr(load(RuntimeSettings, GOOD))
    with pytest.raises(SettingsError) as caught:
        load(RuntimeSettings, GOOD | {"MILEPOST_SECRET_KEY": "short-but-secret"})

    assert "k" * 40 not in shown
    assert "short-but-secret" not in str(caught.value)
