"""Commands that do at once what a server does by itself to keep the disk small."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import PawsonalizeError
from tests.event_data import event


@pytest.fixture
def service(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path)
    with opened(settings) as adapters:
        for number in range(3):
            adapters.log.append([event(f"{number}")])
            run(tmp_path, "archive", "run")
    return settings


def run(folder: Path, *command: str) -> str:
    done = CliRunner().invoke(app, [*command, "--data-dir", str(folder)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_archive_is_compacted(service: Settings) -> None:
    assert run(service.data_dir, "archive", "compact") == "3 objects went into larger ones\n"
    assert "1 objects, 3 rows" in run(service.data_dir, "archive", "ls")
    assert "0 findings" in run(service.data_dir, "archive", "verify")


def test_a_damaged_object_is_mended_and_named(service: Settings) -> None:
    damaged = next((service.data_dir / "archive").rglob("*.zst"))
    damaged.write_bytes(b"?")
    told = run(service.data_dir, "archive", "mend")
    assert told == f"{damaged.relative_to(service.data_dir / 'archive')}\n"
    assert "0 findings" in run(service.data_dir, "archive", "verify")


def test_a_part_of_the_archive_is_replayed(service: Settings, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    told = replay(tmp_path / "fresh", archive, "--since", "2026-05-17T12:00:01Z")
    assert told == "0 events restored\n3 events left out: they came in at another time\n"
    assert replay(tmp_path / "whole", archive, "--until", "2027-01-01") == "3 events restored\n"


def test_what_is_read_anew_is_counted_and_what_cannot_be_is_named(
    service: Settings, tmp_path: Path
) -> None:
    raw = '{"eventType":"view","sessionId":"s","itemId":"1-a-1-1"}'
    with opened(service) as adapters:
        adapters.log.append([event("r1", raw=raw), event("r2", raw="{}")])
    run(tmp_path, "archive", "run")
    told = replay(tmp_path / "fresh", tmp_path / "archive", "--reread").splitlines()
    assert told[:4] == [
        "5 events restored",
        "read anew: 1 changed, 0 are the same as before",
        "as archived: 3 without their raw form, 1 that cannot be read any more",
        "  offset 1: it is not known how it came in",
    ]


def test_events_are_appended_to_another_dataset_group_once(
    service: Settings, tmp_path: Path
) -> None:
    run(tmp_path, "dataset-groups", "create", "shop")
    command = ("archive", "replay", "--into", "shop", "--reread")
    told = [run(tmp_path, *command).splitlines()[0] for _ in range(2)]
    assert told == [
        "3 events of pawsonalize read, 3 stored in shop, 0 were there",
        "3 events of pawsonalize read, 0 stored in shop, 3 were there",
    ]


def test_a_replay_names_what_is_damaged_or_missing_and_ends_with_exit_code_1(
    service: Settings, tmp_path: Path
) -> None:
    with opened(service) as adapters:
        adapters.log.append([event("3")])
        adapters.archiver.archive_once()
        first, missing, *_ = [one.key for one in adapters.ledger.segments()]
    archive = tmp_path / "archive"
    (archive / first).write_bytes(b"?")
    (archive / missing).unlink()
    told = replay(tmp_path / "fresh", archive, exit_code=1).splitlines()
    assert told[0] == "2 events restored"
    assert told[1].startswith(f"left out: {first} cannot be read")
    assert told[2].startswith("no object has offsets 2 to 2: ")
    assert told[3].startswith("bring back from a copy")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--into", "nowhere"], "nowhere"),
        (["--into", "pawsonalize"], "name another"),
        (["--dataset-group", "pawsonalize"], "goes with --into"),
        (["--since", "2026-01-02", "--until", "2026-01-01"], "range is empty"),
    ],
)
def test_a_replay_that_makes_no_sense_is_refused(
    service: Settings, tmp_path: Path, options: list[str], reason: str
) -> None:
    command = ["archive", "replay", *options, "--data-dir", str(tmp_path)]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, PawsonalizeError)
    assert reason in done.exception.message


def replay(folder: Path, archive: Path, *options: str, exit_code: int = 0) -> str:
    """What is said of a replay of an archive into a new folder."""
    command = ["archive", "replay", *options, "--data-dir", str(folder)]
    done = CliRunner().invoke(app, command, env={"PAWSONALIZE_ARCHIVE_URL": str(archive)})
    assert done.exit_code == exit_code, done.output
    return done.stdout


def test_the_archive_is_exported_as_parquet(service: Settings, tmp_path: Path) -> None:
    command = ["archive", "export", "--parquet", str(tmp_path / "lake")]
    assert run(tmp_path, *command) == "3 events in 1 files\n"
    assert run(tmp_path, *command, "--since", "2030-01-01") == "0 events in 0 files\n"
    assert [path.name for path in tmp_path.glob("lake/*/*")] == ["events.parquet"]


def test_the_database_is_written_anew(service: Settings) -> None:
    assert "MB afterwards" in run(service.data_dir, "vacuum")
    assert "0 findings" in run(service.data_dir, "archive", "verify")
