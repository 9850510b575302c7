"""Commands that work on what exists make no data folder, and say which one they looked at."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import NotFound, PawsonalizeError
from tests.service_data import make_service

COMMANDS = [
    "animals exposure",
    "animals ls",
    "animals delete a-7",
    "animals set-status a-7 adopted",
    "animals show a-7",
    "animals feeds",
    "archive compact",
    "archive export --parquet lake",
    "archive ls",
    "archive mend",
    "archive run",
    "archive verify",
    "backup one.tar.zst",
    "batch-jobs create one two file:///in file:///out",
    "batch-jobs delete one",
    "batch-jobs ls",
    "batch-jobs show one",
    "campaigns create ours recommender",
    "campaigns delete ours",
    "campaigns ls",
    "campaigns rollback recommender",
    "campaigns show recommender",
    "campaigns update recommender one",
    "check-integration http://127.0.0.1:1/",
    "dataset-groups delete ours",
    "dataset-groups ls",
    "dataset-groups show ours",
    "dataset-groups update ours",
    "dataset-groups usage ours",
    "datasets create interactions",
    "datasets delete one",
    "datasets ls",
    "datasets show one",
    "dead-letters ls",
    "dead-letters mend one --set sessionId=s1",
    "dead-letters replay --all",
    "dead-letters delete one",
    "dead-letters show one",
    "destroy --yes",
    "erasures create --user ann --yes",
    "erasures ls",
    "erasures show one",
    "evaluate",
    "events tail",
    "event-trackers create one",
    "event-trackers delete one",
    "event-trackers ls",
    "event-trackers show one",
    "filters ls",
    "filters create cats 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN (\"1\")'",
    "filters delete cats",
    "filters show cats",
    "audit ls",
    "history --user ann",
    "keys ls",
    "keys rotate PAWS",
    "keys delete PAWS",
    "letter",
    "live-tests advise",
    "live-tests create spring --second one",
    "live-tests ls",
    "live-tests pause spring",
    "live-tests promote spring",
    "live-tests resume spring",
    "live-tests show spring",
    "live-tests stop spring",
    "notifications create --to ann@x.example",
    "notifications destinations",
    "notifications ls",
    "notifications retry",
    "notifications delete one",
    "ope --policy one",
    "outcomes",
    "recommend --user ann",
    "rerank a-7 --user ann",
    "retrain",
    "runs cancel one",
    "runs ls",
    "runs show one",
    "runs watch one",
    "search x",
    "servers",
    "solution-versions ls",
    "solution-versions show one",
    "solution-versions stop one",
    "solutions create one",
    "solutions delete one",
    "solutions ls",
    "solutions show recommender",
    "solutions tune recommender --trials 2",
    "solutions update one",
    "status",
    "train",
    "vacuum",
]
BEGINNING = {
    "animals fetch",
    "dataset-groups create",
    "animals import",
    "animals watch",
    "archive replay",
    "consume",
    "demo",
    "import",
    "keys create",
}
WITHOUT_DATA = {
    "contract",
    "leave",
    "config check",
    "config show",
    "doctor",
    "events sample",
    "events send",
    "health",
    "init",
    "notifications test",
    "restore",
    "serve",
}


def every_command() -> set[str]:
    found = set()
    for group in (app, *(each.typer_instance for each in app.registered_groups)):
        assert group is not None
        name = next(
            (each.name for each in app.registered_groups if each.typer_instance is group), ""
        )
        for command in group.registered_commands:
            if not command.hidden:
                assert command.callback is not None
                own = command.name or command.callback.__name__.replace("_", "-")
                found.add(f"{name} {own}".strip())
    return found


def test_every_command_is_in_one_of_the_lists() -> None:
    listed = {" ".join(each.split()[:2]) for each in COMMANDS} | BEGINNING | WITHOUT_DATA
    listed |= {each.split()[0] for each in COMMANDS}
    assert every_command() - listed == set()


def test_on_a_folder_that_is_not_there_it_says_so_and_makes_none(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for command in COMMANDS:
        with subtests.test(command=command):
            folder = tmp_path / "typo"
            done = CliRunner().invoke(app, [*shlex.split(command), "--data-dir", str(folder)])
            assert isinstance(done.exception, NotFound), done.output
            assert done.exception.message.startswith(
                f"there is no data folder {folder}: name the right"
            )
            assert "pawsonalize import" in done.exception.message
            assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_not_made_one_of_ours(tmp_path: Path) -> None:
    with (
        pytest.raises(NotFound, match=f"no database {tmp_path}/pawsonalize.sqlite3"),
        opened(Settings(data_dir=tmp_path), must_exist=True),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_our_tables_is_not_made_one_of_ours(
    empty_database_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=empty_database_url)
    for _ in range(2):
        with (
            pytest.raises(NotFound, match="no tables of Pawsonalize"),
            opened(settings, must_exist=True),
        ):
            pass
    with opened(settings):
        pass
    with opened(settings, must_exist=True) as adapters:
        assert adapters.log.head() == 0


def test_the_folder_is_said_on_stderr_where_the_command_line_does_not_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_service(tmp_path, train=False)
    monkeypatch.chdir(tmp_path)  # where there is no config file
    monkeypatch.setenv("PAWSONALIZE_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["solutions", "ls", "--json"])
    assert done.exit_code == 0
    assert done.stderr == f"data folder: {tmp_path}\n"
    assert len(json.loads(done.stdout)) == 2
    monkeypatch.delenv("PAWSONALIZE_DATA_DIR")
    named = CliRunner().invoke(app, ["solutions", "ls", "--json", "--data-dir", str(tmp_path)])
    assert named.stderr == ""


def test_training_without_events_names_the_folder(tmp_path: Path) -> None:
    with opened(Settings(data_dir=tmp_path)):
        pass
    done = CliRunner().invoke(app, ["train", "--data-dir", str(tmp_path)])
    assert isinstance(done.exception, PawsonalizeError)
    assert str(tmp_path) in done.exception.message
    assert "pawsonalize import" in done.exception.message


def test_the_doctor_makes_no_folder_either(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--data-dir", str(tmp_path / "typo"), "--json"])
    assert done.exit_code == 1
    found = {each["check"]: each for each in json.loads(done.stdout)}
    assert found["data folder"]["verdict"] == "attention"
    assert str(tmp_path / "typo") in found["data folder"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_made_is_said_even_if_the_command_line_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "typo"
    command = ["keys", "create", "--data-dir", str(folder)]
    assert CliRunner().invoke(app, command).stderr == f"made a new data folder: {folder}\n"
    assert CliRunner().invoke(app, command).stderr == ""
