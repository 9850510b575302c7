"""The commands that look at dead letters, mend, replay and remove them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from tests.event_data import T0
from tests.service_data import CATS, view

BAD = {**view("ann", CATS[0]), "sessionId": ""}
STREAM = "nats://here/CLICKS"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def keep(settings: Settings, value: Any = BAD, **more: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    given: dict[str, Any] = {
        "source": HTTP,
        "at": T0,
        "code": "invalid_input",
        "message": "sessionId must have 1 to 256 characters",
        "field": "sessionId",
    }
    letter = DeadLetter(dataset_group="pawsonalize", raw=raw, **given | more)
    with opened(settings) as adapters:
        DeadLetters(adapters.database).keep([letter])
    return letter.letter_id


def run(settings: Settings, *words: str, stdin: str | None = None) -> Result:
    given = ["dead-letters", *words, "--data-dir", str(settings.data_dir)]
    return CliRunner().invoke(app, given, input=stdin)


def events(settings: Settings) -> int:
    with opened(settings) as adapters:
        return adapters.log.count()


def test_the_list_ends_with_how_many_wait_for_which_reason(settings: Settings) -> None:
    keep(settings)
    newest = keep(settings, source=STREAM, position="0/7", at=T0 + 1)
    keep(settings, b"x", code="invalid_json", field=None)
    keep(settings)
    lines = run(settings, "ls").stdout.splitlines()
    assert lines[0].split("  ")[:3] == [newest, "2026-05-17T12:00:00.001Z", f"{STREAM} 0/7"]
    assert lines[4:] == [
        "2 from http: invalid_input of sessionId",
        "1 from http: invalid_json",
        f"1 from {STREAM}: invalid_input of sessionId",
        "4 dead letters",
    ]
    shown = json.loads(run(settings, "ls", "--code", "invalid_json", "--json").stdout)
    assert [one["raw"] for one in shown] == ["x"]
    assert run(settings, "ls", "--until", "2020-01-01").stdout == "0 dead letters\n"


def test_a_letter_is_shown_as_text_or_as_hexadecimal_digits(settings: Settings) -> None:
    assert json.dumps(BAD) in run(settings, "show", keep(settings)).stdout
    assert "ff 00 41" in run(settings, "show", keep(settings, b"\xff\x00A")).stdout
    shown = json.loads(run(settings, "show", keep(settings, b"\xff"), "--json").stdout)
    assert shown["rawBase64"] == "/w=="


def test_a_letter_cannot_command_the_terminal(settings: Settings) -> None:
    shown = run(settings, "show", keep(settings, b"a\x1b[2Jb", message="\x1b[2J")).stdout
    assert "\x1b" not in shown
    assert "a\\x1b[2Jb" in shown


def test_a_letter_is_mended_by_values_and_replayed(settings: Settings) -> None:
    letter = keep(settings)
    done = run(settings, "mend", letter, "--set", "sessionId=s1", "--set", "eventValue=3")
    assert done.exit_code == 0, done.output
    assert "mended:" in run(settings, "show", letter).stdout
    assert run(settings, "replay", letter).stdout == (
        "1 events taken, 0 were there, 0 letters left\n"
    )
    assert (events(settings), run(settings, "ls").stdout) == (1, "0 dead letters\n")


def test_a_letter_is_mended_by_a_file_or_stdin(settings: Settings, tmp_path: Path) -> None:
    good = json.dumps({**BAD, "sessionId": "s1"})
    (tmp_path / "good.json").write_text(good)
    for file, stdin in ((str(tmp_path / "good.json"), None), ("-", good)):
        letter = keep(settings)
        mended = run(settings, "mend", letter, "--file", file, "--json", stdin=stdin)
        assert json.loads(mended.stdout)["mended"] == good


def test_what_is_left_of_a_replay_is_told_and_an_exit_code(settings: Settings) -> None:
    letter = keep(settings)
    keep(settings, {**BAD, "sessionId": "s1"})
    done = run(settings, "replay", "--all")
    assert done.exit_code == 1
    first, last = done.stdout.splitlines()
    assert first.startswith(f"{letter}: sessionId")
    assert last == "1 events taken, 0 were there, 1 letters left"
    again = run(settings, "replay", "--source", HTTP, "--json")
    assert again.exit_code == 1
    assert [one["letterId"] for one in json.loads(again.stdout)["left"]] == [letter]


def test_letters_are_removed_by_id_at_once_and_by_reason_after_a_question(
    settings: Settings,
) -> None:
    letter = keep(settings)
    assert run(settings, "delete", letter).stdout == "1 dead letters removed\n"
    keep(settings)
    keep(settings, code="invalid_json")
    assert run(settings, "delete", "--code", "invalid_json", stdin="n\n").exit_code == 1
    assert run(settings, "ls").stdout.endswith("2 dead letters\n")
    assert run(settings, "delete", "--code", "invalid_json", "--yes").exit_code == 0
    assert run(settings, "delete", "--all", stdin="y\n").exit_code == 0
    assert run(settings, "ls").stdout == "0 dead letters\n"


@pytest.mark.parametrize(
    "words", ["delete", "replay", "delete x --all", "replay x --code y", "mend x"]
)
def test_a_command_has_to_say_what(settings: Settings, words: str) -> None:
    keep(settings)
    assert isinstance(run(settings, *words.split()).exception, InvalidInput)


def test_changes_are_in_the_audit_log(settings: Settings) -> None:
    letter = keep(settings)
    for words in ("ls", f"show {letter}", f"rm {letter}", "rm --all --yes"):
        run(settings, *words.split())
    with opened(settings) as adapters:
        noted = [(one.what, one.target) for _, one in adapters.audit.newest(10)]
    assert noted == [("dead-letters delete", None), ("dead-letters delete", letter)]
