"""Where `pawsonalize events send` sends to."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAWSONALIZE_STREAM_URL", raising=False)
    (tmp_path / "events.jsonl").write_text("{}")
    return "events.jsonl"


def test_it_asks_where_to_if_nothing_says(file: str) -> None:
    done = CliRunner().invoke(app, ["events", "send", file])
    assert str(done.exception).startswith("say where to: --to")


def test_the_stream_of_the_settings_is_meant_if_no_other_is_named(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWSONALIZE_STREAM_URL", "gopher://n0/EVENTS")
    done = CliRunner().invoke(app, ["events", "send", file])
    assert "gopher://n0/EVENTS" in str(done.exception)
    done = CliRunner().invoke(app, ["events", "send", file, "--to", "telnet://n0/EVENTS"])
    assert "telnet://n0/EVENTS" in str(done.exception)
