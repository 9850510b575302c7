"""`init`, `config show`, `config check` and `--version`: settings, explained and checked."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from pawsonalize import __version__
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings, kinds_of_settings
from pawsonalize.core.config import display_value
from pawsonalize.core.errors import Conflict, InvalidInput, PawsonalizeError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAWSONALIZE_DATA_DIR", raising=False)
    return tmp_path


def run(*command: str) -> Result:
    return CliRunner().invoke(app, command)


def error_of(*command: str) -> PawsonalizeError:
    done = run(*command)
    assert isinstance(done.exception, PawsonalizeError), done.output
    return done.exception


def test_the_version_is_told() -> None:
    done = run("--version")
    assert (done.exit_code, done.output) == (0, f"pawsonalize {__version__}\n")


def test_the_first_config_file_sets_the_defaults_and_says_what_comes_next(elsewhere: Path) -> None:
    told = run("init").output
    assert told.startswith("Written: config/dev.yaml\n")
    assert sum(line.startswith("  pawsonalize ") for line in told.splitlines()) == 3
    written = yaml.safe_load((elsewhere / "config/dev.yaml").read_text())
    defaults = Settings()
    assert written
    assert {name: str(defaults.value(name)) for name in written} == {
        name: str(value) for name, value in written.items()
    }
    assert run("config", "check").exit_code == 0


def test_what_it_shows_in_comments_are_the_defaults(elsewhere: Path) -> None:
    run("init")
    lines = (elsewhere / "config/dev.yaml").read_text().splitlines()
    names = set(kinds_of_settings())
    commented = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    settings = [line for line in commented if line.partition(":")[0] in names]
    assert len(settings) > 15
    for line in settings:
        ((name, value),) = yaml.safe_load(line).items()
        assert Settings().value(name) == value, line


def test_a_config_file_that_is_there_stays(elsewhere: Path) -> None:
    run("init")
    (elsewhere / "config/dev.yaml").write_text("port: 1\n")
    assert isinstance(error_of("init"), Conflict)
    assert (elsewhere / "config/dev.yaml").read_text() == "port: 1\n"


def test_a_file_elsewhere_says_how_it_is_read() -> None:
    assert "PAWSONALIZE_CONFIG=shelter.yaml" in run("init", "shelter.yaml").output
    assert run("config", "check", "shelter.yaml").exit_code == 0


def test_each_setting_says_its_value_and_where_it_comes_from(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init")
    monkeypatch.setenv("PAWSONALIZE_PORT", "9000")
    monkeypatch.setenv("PAWSONALIZE_EVENT_TYPES", '{"Boop": "view"}')
    rows = {row["setting"]: row for row in json.loads(run("config", "show", "--json").stdout)}
    assert set(rows) == set(kinds_of_settings())
    assert (rows["port"]["value"], rows["port"]["source"]) == (
        "9000",
        "the variable PAWSONALIZE_PORT",
    )
    assert rows["host"]["source"] == "config/dev.yaml"
    assert rows["workers"]["source"] == "default"
    told = run("config", "show", "--given", "--data-dir", "x").stdout
    assert "Boop: view" in told
    assert "--data-dir" in told
    assert "workers" not in told


def test_nothing_given_is_said() -> None:
    assert "all settings have their defaults" in run("config", "show", "--given").stdout


def test_secrets_and_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWSONALIZE_NOTIFY_SMTP_URL", "smtps://me:hunter2@mail")
    monkeypatch.setenv("PAWSONALIZE_DATABASE_URL", "postgresql://me:hunter2@one,two/db")
    told = run("config", "show").stdout
    assert "hunter2" not in told
    assert "postgresql://me:…@one,two/db" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("postgresql://me@host/db?password=x&a=1", "postgresql://me@host/db?password=…&a=1"),
        ("nats://user:pw@host:4222/EVENTS", "nats://user:…@host:4222/EVENTS"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("0 3 * * *", "0 3 * * *"),
        (False, "false"),
    ],
)
def test_only_what_is_secret_is_hidden(value: object, text: str) -> None:
    assert display_value(value) == text


def test_a_file_that_cannot_be_used_is_refused(elsewhere: Path, subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("prot: 1", "did you mean port?"),
        ("port: many", "the setting port 'many'"),
        ("feeds_file: missing.yaml", "missing.yaml"),
        ("retrain_schedule: daily", "daily is no schedule"),
        ("tls_key: key.pem", "tls_certificate is missing"),
        ("recipe: magic", "magic"),
    ]
    for content, reason in cases:
        with subtests.test(content=content, reason=reason):
            (elsewhere / "mine.yaml").write_text(content)
            error = error_of("config", "check", "mine.yaml")
            assert isinstance(error, InvalidInput)
            assert reason in error.message


ALL_WRONG = {
    "prot: 1": "mine.yaml: there is no setting prot: did you mean port?",
    "port: many": "the setting port 'many' (from mine.yaml) is wrong: write a whole number",
    "workers: 0": "the setting workers 0 (from mine.yaml) is wrong: write a whole number >= 1",
    "retrain_schedule: daily": "(retrain_schedule is from mine.yaml)",
    "archive_days: 9": "archive_days must be at least event_days",
    "archive_url: ftp://bucket": "(archive_url is from mine.yaml)",
    "recipe: magic": "there is no recipe magic",
}


def test_all_that_is_wrong_is_said_at_once(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "mine.yaml").write_text("\n".join(ALL_WRONG))
    monkeypatch.setenv("PAWSONALIZE_LANGUAGE", "fr")
    monkeypatch.setenv("PAWSONALIZE_HOTS", "0.0.0.0")
    told = error_of("config", "check", "mine.yaml").message
    count = len(ALL_WRONG) + 2
    assert told.startswith(f"{count} things are wrong:")
    assert len(told.splitlines()) == 1 + count
    for reason in ALL_WRONG.values():
        assert reason in told
    assert "(language is from the variable PAWSONALIZE_LANGUAGE)" in told
    assert "did you mean PAWSONALIZE_HOST?" in told


FEED = "feeds: {a: {url: 'https://a.example/f', format: json, schedule: daily}}"


@pytest.mark.parametrize(
    "content",
    [
        "roles: consume",
        "access_key_root: abc",
        "first_access_keys: PAWSABCDEFGHIJKLMNOP=admin",
        "host: 0.0.0.0",
        "artefact_url: /shared\naccess_keys: required",
        "stream_url: https://broker",
        "stream_url: nats://broker/EVENTS\nstream_tracking_id: nobody",
        "database_url: mysql://here/pets",
        "archive_url: ftp://bucket",
        "artefact_url: ftp://bucket",
        "notify_webhook_url: ftp://here",
        "event_types: {Boop: nothing}",
        "feeds_file: feeds.yaml",
        "postcode_table: missing.csv",
        "recipe: magic",
        "tls_key: key.pem",
        "retrain_schedule: daily",
    ],
)
def test_what_serve_refuses_is_refused_with_the_same_words(elsewhere: Path, content: str) -> None:
    (elsewhere / "feeds.yaml").write_text(FEED)
    (elsewhere / "config").mkdir()
    (elsewhere / "config/dev.yaml").write_text(content)
    if "tracking" in content:
        assert run("archive", "replay").exit_code == 0, "an empty database"
    before = sorted(elsewhere.rglob("*"))
    refused = error_of("config", "check")
    assert sorted(elsewhere.rglob("*")) == before
    assert str(error_of("serve", "--port", "0")) == str(refused)


def test_keys_that_are_in_the_database_are_found(elsewhere: Path) -> None:
    assert run("keys", "create").exit_code == 0
    (elsewhere / "config").mkdir()
    (elsewhere / "config/dev.yaml").write_text("host: 0.0.0.0")
    assert run("config", "check").exit_code == 0


def test_a_misspelt_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAWSONALIZE_PROT", "9000")
    assert "did you mean PAWSONALIZE_PORT?" in error_of("config", "check").message


def test_a_file_that_is_not_there_is_said() -> None:
    assert "there is no file no.yaml" in error_of("config", "check", "no.yaml").message
