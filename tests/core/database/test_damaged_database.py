"""A database that is damaged or of another version is said to be, with the next move."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.tables import REVISION
from pawsonalize.core.errors import StorageUnavailable
from tests.animal_data import animal
from tests.event_data import T0
from tests.service_data import make_service
from tests.training import train

FILE = "pawsonalize.sqlite3"
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "zero-filled": lambda whole: bytes(len(whole)),
    "cut to a half": lambda whole: whole[: len(whole) // 2],
    "without its end": lambda whole: whole[:-8192],
    "another file": lambda whole: b"x" * 100 + whole[100:],
    "emptied": lambda whole: b"",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a trained model, and everything in the database's one file."""
    folder = tmp_path_factory.mktemp("whole")
    with opened(make_service(folder, train=False)) as adapters:
        train(adapters, T0 + 1, recipe="popularity-count", name="one")
    connection = sqlite3.connect(folder / FILE)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return folder


@pytest.fixture(params=DAMAGES)
def damaged(request: pytest.FixtureRequest, whole: Path, tmp_path: Path) -> Path:
    """A copy of it whose database is damaged in one of the ways."""
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    (folder / FILE).write_bytes(DAMAGES[request.param]((whole / FILE).read_bytes()))
    return folder


def test_a_command_says_that_it_is_damaged_and_leaves_the_file_as_it_is(
    damaged: Path, subtests: pytest.Subtests
) -> None:
    for command in ["runs ls", "train", "serve --port 0"]:
        with subtests.test(command=command):
            before = (damaged / FILE).read_bytes()
            done = CliRunner().invoke(app, [*command.split(), "--data-dir", str(damaged)])
            assert isinstance(done.exception, StorageUnavailable), done.output
            message = str(done.exception)
            assert "is damaged" in message
            assert f"{damaged}/{FILE}" in message
            assert "from a copy" in message
            assert "pawsonalize archive replay" in message
            assert "run `pawsonalize train`" not in message
            assert (damaged / FILE).read_bytes() == before


@pytest.fixture
def of_before(whole: Path, tmp_path: Path) -> Path:
    """A copy of it with the stamp of a version that was never released."""
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    connection = sqlite3.connect(folder / FILE)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '0013'")
    connection.close()
    return folder


@pytest.mark.parametrize("command", ["runs ls", "train", "serve --port 0"])
def test_tables_of_another_version_are_refused_in_one_line_that_says_what_to_do(
    command: str, of_before: Path
) -> None:
    before = (of_before / FILE).read_bytes()
    done = CliRunner().invoke(app, [*command.split(), "--data-dir", str(of_before)])
    assert isinstance(done.exception, StorageUnavailable), done.output
    assert done.exception.message == (
        f"the database sqlite:///{of_before}/{FILE} is of another version of Pawsonalize (its"
        f" tables are 0013, this version reads {REVISION}): start with an empty data folder"
        " (--data-dir) or database, and import your data again"
    )
    assert (of_before / FILE).read_bytes() == before


def test_the_doctor_names_the_other_version(of_before: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--data-dir", str(of_before), "--json"])
    found = {each["check"]: each for each in json.loads(done.stdout)}
    assert found["database"]["verdict"] == "attention"
    assert "is of another version of Pawsonalize" in found["database"]["message"]


def test_the_doctor_says_so_too(damaged: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--data-dir", str(damaged), "--json"])
    assert done.exit_code == 1
    found = [each for each in json.loads(done.stdout) if each["check"] == "database"]
    assert [each["verdict"] for each in found] == ["attention"]
    assert "is damaged" in found[0]["message"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(b'"name":"Rex"', b'"name":"R\xffx"'), (b'"status":"available"', b'"status":"availab}e"')],
    ids=["no text", "no such value"],
)
def test_a_flipped_byte_in_a_row_is_damage_and_no_text_of_the_row_is_logged(
    whole: Path, tmp_path: Path, right: bytes, wrong: bytes
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    with opened(Settings.of(data_dir=folder)) as adapters:
        adapters.animals.put([animal("rex", "1-Manx-2-1")], T0)
    connection = sqlite3.connect(folder / FILE)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = (folder / FILE).read_bytes()
    assert right in content
    (folder / FILE).write_bytes(content.replace(right, wrong))
    with (
        opened(Settings.of(data_dir=folder)) as adapters,
        pytest.raises(StorageUnavailable, match="is damaged") as told,
    ):
        adapters.animals.get("rex")
    for private in ("name", "rex", "availab}e"):
        assert private not in str(told.value)


def test_the_doctor_finds_a_damage_that_opening_does_not_meet(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    connection = sqlite3.connect(folder / FILE)
    query = "SELECT rootpage FROM sqlite_master WHERE name = 'audit_log'"
    (page,) = connection.execute(query).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray((folder / FILE).read_bytes())
    content[(page - 1) * size : page * size] = b"\x07" * size
    (folder / FILE).write_bytes(content)
    done = CliRunner().invoke(app, ["doctor", "--data-dir", str(folder), "--json"])
    messages = [each["message"] for each in json.loads(done.stdout) if each["check"] == "database"]
    assert any("is damaged" in message for message in messages), messages


def test_no_database_is_made_in_the_place_of_one_that_is_away(
    whole: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    (folder / FILE).rename(tmp_path / "away")
    csv = tmp_path / "events.csv"
    csv.write_text("USER_ID,ITEM_ID,TIMESTAMP\nann,2-Beagle-2-3,1760000000\n")
    for command in ["serve --port 0", "demo --port 0", f"import --interactions {csv}"]:
        with subtests.test(command=command):
            done = CliRunner().invoke(app, [*command.split(), "--data-dir", str(folder)])
            assert isinstance(done.exception, StorageUnavailable), done.output
            assert "put the file back" in str(done.exception)
            assert "pawsonalize archive replay" in str(done.exception)
            assert not (folder / FILE).exists()
    (tmp_path / "away").rename(folder / FILE)
    with opened(Settings.of(data_dir=folder)) as adapters:
        assert adapters.log.head() > 0


def test_what_the_message_proposes_brings_the_events_back(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    assert CliRunner().invoke(app, ["archive", "run", "--data-dir", str(folder)]).exit_code == 0
    for file in folder.glob(f"{FILE}*"):
        file.unlink()
    replayed = CliRunner().invoke(app, ["archive", "replay", "--data-dir", str(folder)])
    assert "54 events restored" in replayed.output
