"""Secrets as containers are given them: a file each, in one folder."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import read_settings
from pawsonalize.core.config import SECRETS, read_secrets
from pawsonalize.core.errors import InvalidInput


def test_each_file_is_a_variable_without_the_newline_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "PAWSONALIZE_DATABASE_URL").write_text("postgresql://db/pets\n")
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text("a b")
    environ = {SECRETS: str(tmp_path)}
    read_secrets(environ)
    assert environ == {
        SECRETS: str(tmp_path),
        "PAWSONALIZE_DATABASE_URL": "postgresql://db/pets",
        "AWS_SECRET_ACCESS_KEY": "a b",
    }


def test_a_variable_that_is_set_stays(tmp_path: Path) -> None:
    (tmp_path / "PAWSONALIZE_PORT").write_text("1")
    environ = {SECRETS: str(tmp_path), "PAWSONALIZE_PORT": "2"}
    read_secrets(environ)
    assert environ["PAWSONALIZE_PORT"] == "2"


def test_what_systems_keep_there_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "NAME").mkdir()
    (tmp_path / "postgres-password").write_text("x")
    environ = {SECRETS: str(tmp_path)}
    read_secrets(environ)
    assert list(environ) == [SECRETS]


def test_a_folder_that_is_not_there_and_a_file_without_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"{tmp_path}/no cannot be read"):
        read_secrets({SECRETS: f"{tmp_path}/no"})
    (tmp_path / "BYTES").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match=f"{tmp_path}/BYTES cannot be read .it holds no text"):
        read_secrets({SECRETS: str(tmp_path)})


def test_the_variable_of_the_folder_is_no_unknown_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRETS, str(tmp_path))
    assert read_settings()[1].warnings == ()


def test_a_first_key_is_created_once(tmp_path: Path) -> None:
    command = ["keys", "create", "--if-none", "--data-dir", str(tmp_path)]
    first = CliRunner().invoke(app, command)
    assert "PAWSONALIZE_KEY=PAWS" in first.stdout
    second = CliRunner().invoke(app, command)
    assert second.exit_code == 0
    assert second.stdout == ""
    assert "there are keys already" in second.stderr
