"""`pawsonalize destroy`: everything goes, and nothing that is not ours."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import Conflict, NotFound
from pawsonalize.core.scopes import Scope
from pawsonalize.plugins.backup.backups import parts
from tests.service_data import client_of, make_key, make_service


@pytest.fixture
def service(tmp_path: Path) -> Settings:
    """With a model, an access key, an archive and a file of somebody else."""
    settings = make_service(tmp_path / "data")
    make_key(settings, Scope.SITE)
    with opened(settings) as adapters:
        adapters.archiver.archive_once()
    (settings.data_dir / "notes.txt").write_text("mine")
    return settings


def destroy(settings: Settings, *options: str, answer: str = "") -> Result:
    command = ["destroy", *options, "--data-dir", str(settings.data_dir)]
    return CliRunner().invoke(app, command, input=answer)


def test_it_says_what_goes_and_what_stays_and_asks(service: Settings) -> None:
    done = destroy(service, answer="n\n")
    assert done.exit_code == 1
    assert "2 campaigns: recommender, reranker" in done.stdout
    assert "54 events" in done.stdout
    assert f"the archive in {service.archive}" in done.stdout
    assert "not ours: notes.txt" in done.stdout
    with opened(service, must_exist=True) as adapters:
        assert adapters.log.count() == 54


def test_after_a_yes_only_the_archive_and_foreign_files_are_left(service: Settings) -> None:
    assert destroy(service, answer="y\n").exit_code == 0
    assert sorted(one.name for one in service.data_dir.iterdir()) == ["archive", "notes.txt"]
    assert isinstance(destroy(service, "--yes").exception, NotFound)


def test_the_archive_brings_the_events_back(service: Settings) -> None:
    destroy(service, "--yes")
    command = ["archive", "replay", "--data-dir", str(service.data_dir)]
    assert "54 events restored" in CliRunner().invoke(app, command).stdout


def test_the_archive_goes_if_that_is_said(service: Settings) -> None:
    (service.data_dir / "notes.txt").unlink()
    assert destroy(service, "--yes", "--archive").exit_code == 0
    assert not service.data_dir.exists()


def test_what_was_stopped_halfway_is_done_by_doing_it_again(service: Settings) -> None:
    with opened(service) as adapters:
        *steps, _last = parts(service, adapters, with_archive=False)
        for _, remove in steps:
            remove()
    assert destroy(service, "--yes").exit_code == 0
    assert sorted(one.name for one in service.data_dir.iterdir()) == ["archive", "notes.txt"]


def test_nothing_goes_while_a_server_lives(service: Settings) -> None:
    with client_of(build_app(service)):
        error = destroy(service, "--yes").exception
    assert isinstance(error, Conflict)
    assert "the service is in use: stop" in error.message


def test_of_a_database_elsewhere_our_tables_go(empty_database_url: str, tmp_path: Path) -> None:
    settings = make_service(tmp_path / "data", database_url=empty_database_url, train=False)
    command = ["destroy", "--yes", "--data-dir", str(settings.data_dir)]
    done = CliRunner().invoke(app, command, env={"PAWSONALIZE_DATABASE_URL": empty_database_url})
    assert done.exit_code == 0, done.output
    with pytest.raises(NotFound, match="no"), opened(settings, must_exist=True):
        pass


def test_with_the_archive_no_object_of_others_goes(tmp_path: Path) -> None:
    archive = tmp_path / "srv"
    settings = make_service(tmp_path / "data", train=False, archive_url=str(archive))
    with opened(settings) as adapters:
        adapters.archiver.archive_once()
    (archive / "errors").mkdir()
    for name in ("thesis.odt", "errors/log.txt"):
        (archive / name).write_text("not ours")
    environment = {"PAWSONALIZE_ARCHIVE_URL": str(archive)}
    command = ["destroy", "--yes", "--archive", "--data-dir", str(settings.data_dir)]
    done = CliRunner().invoke(app, command, env=environment)
    assert "the archive: 1 objects" in done.stdout
    assert f"in {archive}, as they are not ours: 2 objects" in done.stdout
    left = sorted(one.name for one in archive.rglob("*") if one.is_file())
    assert left == ["log.txt", "thesis.odt"]
