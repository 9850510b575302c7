"""Every command leaves alone what is not ours, whatever path somebody mistyped.

The commands come from the command tree itself, so one that is added later is tried as well.
"""

import hashlib
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.checks import Verdict
from pawsonalize.app.cli.main import app
from pawsonalize.app.cli.opening import _READ_ONLY
from pawsonalize.app.doctor import folder as data_folder
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.data_folder import check_data_folder, wrong_rights
from pawsonalize.core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PawsonalizeError,
    StorageUnavailable,
)
from tests.plugins.feeds.samples import FILES
from tests.service_data import make_service

WITHOUT_DATA = {"config check", "config show", "doctor"}
"""Commands that take a data folder, and say what is wrong with it."""


def commands(group: Any, *words: str) -> Iterator[tuple[str, Any]]:
    """Every command with its words, those that the service itself runs among them."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *words, name)
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def is_path(parameter: Any) -> bool:
    return "Path" in type(parameter.type).__name__ and parameter.name != "data_dir"


def value_of(parameter: Any, path: Path) -> str:
    kind = type(parameter.type).__name__
    if "Choice" in kind:
        return str(next(iter(parameter.type.choices)))
    if is_path(parameter) or parameter.name == "file":
        return str(path)
    return "1" if "Int" in kind or "Float" in kind else "one"


def line_of(words: str, data: Path, path: Path, *, every_path: bool) -> list[str]:
    """A command line that the command can read: what it needs, and every path set to that one."""
    arguments, options = [], ["--data-dir", str(data)]
    parameters = COMMANDS[words].params
    if not any(one.name == "data_dir" for one in parameters):
        options = []
    for one in parameters:
        if one.param_type_name == "argument" and (one.required or is_path(one)):
            arguments.append(value_of(one, path))
        elif one.param_type_name == "option" and (one.required or (every_path and is_path(one))):
            options += [one.opts[0], value_of(one, path)]
    return [*words.split(), *arguments, *options]


def state_of(folder: Path, *, contents: bool = False) -> dict[str, tuple[object, ...]]:
    """Mode, owner, times and content of all that is in a folder; of `contents`, not the times."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        seen = path.lstat()
        times = () if contents else (seen.st_mtime_ns, seen.st_ctime_ns)
        content = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
        owner = (seen.st_mode, seen.st_uid, seen.st_gid)
        found[str(path.relative_to(folder))] = (*owner, *times, content)
    return found


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of somebody else, with names that we use, too."""
    folder, elsewhere = tmp_path / "foreign", tmp_path / "elsewhere"
    elsewhere.write_text("linked")
    for name, mode in (("hosts", 0o644), ("run", 0o755), ("secret", 0o640), ("values.yaml", 0o604)):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
        file.chmod(mode)
    for name in ("models", "archive/2020/01", "exports", "imports", "leases", "empty"):
        (folder / name).mkdir(parents=True)
        (folder / name / "old.csv").write_text("old")
    (folder / "models").chmod(0o711)
    (folder / "link").symlink_to(elsewhere)
    (folder / "cache").symlink_to(folder / "exports")
    folder.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config file, and no server on the port."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PAWSONALIZE_PORT", "1")


@pytest.mark.parametrize("database", ["", "sqlite:///{}/elsewhere.sqlite3"])
def test_no_command_changes_a_folder_of_others_that_it_takes_for_the_data_folder(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv("PAWSONALIZE_DATA_DIR", str(foreign))
    if database:
        url = database.format(tmp_path)
        with opened(Settings(data_dir=tmp_path / "data", database_url=url)):
            pass
        monkeypatch.setenv("PAWSONALIZE_DATABASE_URL", url)
    before = state_of(tmp_path)
    changed, went_on = {}, set()
    for words, command in COMMANDS.items():
        done = CliRunner().invoke(app, line_of(words, foreign, foreign / "hosts", every_path=False))
        if state_of(tmp_path) != before:
            changed[words] = done.output
            before = state_of(tmp_path)
        takes_data = any(one.name == "data_dir" for one in command.params)
        if takes_data and not isinstance(done.exception, PawsonalizeError):
            went_on.add(words)
    assert changed == {}
    assert went_on - WITHOUT_DATA == set()


@pytest.mark.parametrize("named", ["values.yaml", "models"])
def test_no_command_writes_over_a_path_that_is_named_to_it(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt  # who watches would never end

    monkeypatch.setattr("time.sleep", stop)
    data = tmp_path / "data"
    make_service(data, train=False)
    before = state_of(foreign, contents=True).items()
    for words, command in COMMANDS.items():
        if any(is_path(one) for one in command.params):
            line = line_of(words, data, foreign / named, every_path=True)
            done = CliRunner().invoke(app, line)
            after = state_of(foreign, contents=True).items()
            assert before <= after, (words, done.output)  # new names may come


def test_no_command_that_only_looks_changes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    make_service(data, train=False)
    (data / "notes.txt").write_text("mine")
    data.chmod(0o755)
    before = state_of(data, contents=True)
    for words in COMMANDS:
        if words.rpartition(" ")[2] in _READ_ONLY - {"tail", "evaluate"}:
            done = CliRunner().invoke(app, line_of(words, data, tmp_path, every_path=False))
            assert state_of(data, contents=True) == before, (words, done.output)


@pytest.mark.parametrize("option", ["--errors", "--write-map"])
def test_an_import_of_animals_writes_over_no_file(
    foreign: Path, tmp_path: Path, option: str
) -> None:
    feed, data = tmp_path / "feed.csv", tmp_path / "data"
    feed.write_bytes(FILES["petfinder-csv"])
    line = ["animals", "import", str(feed), "--data-dir", str(data)]
    error = CliRunner().invoke(app, [*line, option, str(foreign / "values.yaml")]).exception
    assert isinstance(error, Conflict)
    assert "values.yaml is there already, and stays as it is" in error.message
    assert (foreign / "values.yaml").read_text() == "values.yaml"
    assert not data.exists(), "it is said before anything is imported"
    missing = CliRunner().invoke(app, [*line, option, str(tmp_path / "typo" / "x")]).exception
    assert isinstance(missing, InvalidInput)
    assert f"there is no folder {tmp_path}/typo for x" in missing.message
    assert CliRunner().invoke(app, [*line, option, str(tmp_path / "new")]).exit_code == 0
    assert (tmp_path / "new").exists()


def test_an_import_of_events_appends_to_no_file(foreign: Path, tmp_path: Path) -> None:
    line = ["import", "--items", str(foreign / "hosts"), "--errors", str(foreign / "values.yaml")]
    error = CliRunner().invoke(app, [*line, "--data-dir", str(tmp_path / "data")]).exception
    assert isinstance(error, Conflict)
    assert not (tmp_path / "data").exists()


def test_outcomes_and_evaluations_write_over_nothing(foreign: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_service(data, train=False)
    (foreign / "evaluation.json").write_text("{}")
    for line in (
        ["outcomes", "--svg", str(foreign / "hosts")],
        ["evaluate", "--out", str(foreign)],
        ["init", str(foreign / "hosts")],
    ):
        end = [] if line[0] == "init" else ["--data-dir", str(data)]
        assert isinstance(CliRunner().invoke(app, [*line, *end]).exception, Conflict), line


@pytest.mark.parametrize(
    "line",
    [
        ["backup", "{}/typo/one.tar.zst"],
        ["evaluate", "--out", "{}/typo/evaluation"],
        ["outcomes", "--svg", "{}/typo/waiting.svg"],
        ["archive", "export", "--parquet", "{}/typo/lake"],
        ["init", "{}/typo/config.yaml"],
    ],
)
def test_no_folders_are_made_of_a_mistyped_path(line: list[str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    with opened(Settings(data_dir=data)):
        pass
    end = [] if line[0] == "init" else ["--data-dir", str(data)]
    error = CliRunner().invoke(app, [word.format(tmp_path) for word in line] + end).exception
    assert isinstance(error, InvalidInput)
    assert f"there is no folder {tmp_path}/typo" in error.message
    assert not (tmp_path / "typo").exists()


def test_a_folder_with_files_of_others_does_not_become_a_data_folder(foreign: Path) -> None:
    with pytest.raises(InvalidInput) as refused, opened(Settings(data_dir=foreign)):
        pass
    assert refused.value.message == (
        f"{foreign} is not a data folder: it holds 6 other files; name an empty or new one with"
        " --data-dir or PAWSONALIZE_DATA_DIR"
    )


@pytest.mark.parametrize("place", ["/", "/etc", "/usr", "/var", "/home", "/tmp"])
def test_a_folder_of_the_system_does_not_become_one_even_if_it_is_empty(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "iterdir", lambda _folder: iter(()))
    with pytest.raises(InvalidInput, match="the system or a person needs it"):
        check_data_folder(Path(place))


def test_a_new_disk_and_folders_that_were_filled_before_become_one(tmp_path: Path) -> None:
    for name in ("lost+found", "imports", "archive"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for folder in (tmp_path / "data", tmp_path / "data" / "lost+found"):
        folder.chmod(0o755)
    with opened(Settings(data_dir=tmp_path / "data")):
        pass
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "lost+found").stat().st_mode) == 0o755


def test_files_that_a_server_takes_away_meanwhile_are_no_failure(tmp_path: Path) -> None:
    for name in ("leases/machine", "leases/old", "leases/recent"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch(0o644)
    tmp_path.chmod(0o700)
    found = wrong_rights(tmp_path, "owner")
    assert next(found)[0] == tmp_path / "leases"
    for file in (tmp_path / "leases").iterdir():
        file.unlink()
    assert list(found) == []


def test_a_folder_that_cannot_be_looked_into_is_named_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 300)  # which the system refuses, as it does what others locked
    for must_exist in (True, False):
        with (
            pytest.raises(StorageUnavailable, match="cannot be used"),
            opened(Settings(data_dir=folder), must_exist=must_exist),
        ):
            pass
    (found,) = data_folder(Settings(data_dir=folder))
    assert found.verdict is Verdict.ATTENTION
    assert "cannot be used (File name too long)" in found.message


def test_a_database_of_something_else_is_neither_changed_nor_used(tmp_path: Path) -> None:
    file = tmp_path / "photos.db"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE photos (name TEXT)")
    other.close()
    before = file.read_bytes()
    settings = Settings(data_dir=tmp_path / "data", database_url=f"sqlite:///{file}")
    with (
        pytest.raises(NotFound, match="no tables of Pawsonalize"),
        opened(settings, must_exist=True),
    ):
        pass
    with pytest.raises(InvalidInput, match="1 tables of something else"), opened(settings):
        pass
    assert file.read_bytes() == before
