"""Settings reach what they set."""

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from msgspec.structs import fields

from pawsonalize.app.settings import Settings, as_environment, load_settings, read_settings
from pawsonalize.core.config import SOURCES, Secret
from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.evaluation.gate_settings import GateSettings, Profile
from pawsonalize.plugins.console.overview import settings_in_force
from pawsonalize.train.retraining.schedule import CheckSettings


def test_by_default_the_gate_and_the_checks_are_as_they_are_documented() -> None:
    assert Settings().gate == GateSettings()
    assert Settings().checks == CheckSettings()


@pytest.mark.parametrize("kind", [GateSettings, CheckSettings])
def test_every_threshold_is_a_setting_of_its_own(
    kind: type[GateSettings | CheckSettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    group = "gate" if kind is GateSettings else "checks"
    prefix = "gate_" if kind is GateSettings else "check_"
    for field in fields(kind):
        name = field.name if field.name == "promotion_threshold" else prefix + field.name
        value = "reference" if field.name == "profile" else "1"
        value = "false" if field.type is bool else value
        monkeypatch.setenv(f"PAWSONALIZE_{name.upper()}", value)
    found = getattr(load_settings(), group)
    defaults = kind()
    assert len(fields(kind)) > 2
    for field in fields(kind):
        assert getattr(found, field.name) != getattr(defaults, field.name), field.name


def test_the_reference_profile_is_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWSONALIZE_GATE_PROFILE", "reference")
    assert load_settings().gate.profile is Profile.REFERENCE
    monkeypatch.setenv("PAWSONALIZE_GATE_PROFILE", "lax")
    with pytest.raises(InvalidInput, match="gate_profile"):
        load_settings()


def test_a_share_above_1_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWSONALIZE_GATE_MIN_LEAD", "1.5")
    with pytest.raises(InvalidInput, match="gate_min_lead"):
        load_settings()


def test_who_calls_from_another_machine_signs_unless_a_setting_says_otherwise(
    subtests: pytest.Subtests,
) -> None:
    cases: list[tuple[str, Literal["auto", "required", "off"], bool]] = [
        ("127.0.0.1", "auto", False),
        ("127.0.0.9", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("0.0.0.0", "auto", True),
        ("::", "auto", True),
        ("192.168.1.2", "auto", True),
        ("shelter.example", "auto", True),
        ("127.0.0.1", "required", True),
        ("0.0.0.0", "off", False),
    ]
    for host, asked, required in cases:
        with subtests.test(host=host, asked=asked, required=required):
            assert Settings(host=host, aws_signatures=asked).requires_signatures is required


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RETRAIN_SCHEDULE", "bad cron", "bad cron is no schedule"),
        ("RETRAIN_TIME_ZONE", "Mars", "no time zone Mars"),
    ],
)
def test_a_schedule_that_nobody_can_read_is_refused_with_the_other_settings(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PAWSONALIZE_{name}", value)
    with pytest.raises(InvalidInput, match=told) as refused:
        load_settings()
    assert refused.value.field == name.lower()


def test_event_types_are_json_in_the_environment_and_reach_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAWSONALIZE_EVENT_TYPES", '{"GoldStar": "favorite"}')
    settings = load_settings()
    assert settings.event_types == {"GoldStar": "favorite"}
    monkeypatch.setenv(
        "PAWSONALIZE_EVENT_TYPES", as_environment(settings)["PAWSONALIZE_EVENT_TYPES"]
    )
    assert load_settings() == settings
    monkeypatch.setenv("PAWSONALIZE_EVENT_TYPES", "GoldStar: favorite")
    with pytest.raises(InvalidInput, match="PAWSONALIZE_EVENT_TYPES must be JSON"):
        load_settings()
    monkeypatch.setenv("PAWSONALIZE_EVENT_TYPES", '{"GoldStar": 5}')
    with pytest.raises(InvalidInput, match="event_types"):
        load_settings()


def test_settings_of_retention_that_contradict_each_other_are_refused() -> None:
    for wrong in ({"archive_days": 9}, {"archive_days": 9, "event_days": 10}):
        with pytest.raises(InvalidInput, match="archive_days must be at least event_days"):
            load_settings(wrong)
    assert load_settings({"archive_days": 10, "event_days": 10}).event_days == 10


def test_what_machines_share_is_at_one_url() -> None:
    alone = Settings(data_dir=Path("/data"), import_roots="/more")
    assert alone.archive == "/data/archive"
    assert alone.import_folders == (Path("/data/imports"), Path("/more"))
    for url in ("/share", "file:///share"):
        folder = msgspec.structs.replace(alone, artefact_url=url)
        assert folder.archive == f"{url}/archive"
        assert folder.import_folders == (Path("/share/imports"), Path("/more"))
        assert folder.export_folders == (Path("/share/exports"),)
    bucket = msgspec.structs.replace(alone, artefact_url="s3://bucket/pets/")
    assert bucket.archive == "s3://bucket/pets/archive"
    assert bucket.import_folders == (Path("/more"),)
    assert bucket.export_folders == ()
    assert bucket.bucket_url("exports") == "s3://bucket/pets/exports"
    elsewhere = msgspec.structs.replace(bucket, archive_url="gs://archive")
    assert elsewhere.archive == "gs://archive"


def test_a_servers_processes_know_where_settings_were_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAWSONALIZE_WORKERS", "2")
    settings, written = read_settings({"port": 8081})
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(SOURCES, msgspec.json.encode(dict(written.sources)).decode())
    again, found = read_settings()
    assert again == settings
    assert found.warnings == ()
    assert found.sources == written.sources
    assert found.sources["workers"] == "the variable PAWSONALIZE_WORKERS"
    assert found.sources["port"] == "the command line"


def test_no_password_is_shown_on_the_console() -> None:
    settings = Settings.of(
        database_url="postgresql://ann:s3cret@one:5432,two:5432/x?sslmode=require&password=t0p",
        notify_smtp_url=Secret("smtps://u:p@h"),
        stream_url="nats://bob:hush@here:4222/x",
    )
    shown = {one.name: one for one in settings_in_force(settings, {})}
    assert shown["database_url"].value == "postgresql://ann:…@one:5432,two:5432/x?…"
    assert (shown["notify_smtp_url"].value, shown["notify_smtp_url"].is_secret) == ("set", True)
    assert not [one for one in shown.values() if "s3cret" in one.value or "hush" in one.value]
    assert "t0p" not in shown["database_url"].value
