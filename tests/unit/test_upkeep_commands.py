"""Commands that do at once what a server does by itself to keep the disk small."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app import opened
from pawsonalize.cli.main import app
from pawsonalize.settings import Settings
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


def test_the_database_is_written_anew(service: Settings) -> None:
    assert "MB afterwards" in run(service.data_dir, "vacuum")
    assert "0 findings" in run(service.data_dir, "archive", "verify")
