"""`recommend`, `rerank`, `history`, `events tail` and `status`: answers on the terminal."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput, NotFound, PawsonalizeError
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.service_data import CATS, DOGS, client_of, make_service, view


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Ann looked at beagles, of which one waits; so does a cat."""
    settings = make_service(tmp_path_factory.mktemp("questions"))
    with opened(settings) as adapters:
        adapters.animals.put([animal("a-7"), animal("a-12", CATS[0], name="Mia")], T0)
        adapters.log.append([event(f"ann {n}", at=n, animal_id="a-7") for n in range(3)])
    return settings


def run(settings: Settings, *command: str) -> str:
    done = CliRunner().invoke(app, [*command, "--data-dir", str(settings.data_dir)])
    assert done.exit_code == 0, done.output
    return done.stdout


def error_of(settings: Settings, *command: str) -> PawsonalizeError:
    done = CliRunner().invoke(app, [*command, "--data-dir", str(settings.data_dir)])
    assert isinstance(done.exception, PawsonalizeError), done.output
    return done.exception


def test_recommendations_are_those_of_the_service(service: Settings) -> None:
    told = json.loads(run(service, "recommend", "--user", "seed 0", "--limit", "5", "--json"))
    with client_of(build_app(service)) as client:
        question = {"userId": "seed 0", "limit": 5}
        answered = client.post("/v1/recommendations", json=question).json()
    assert [one["id"] for one in told["recommendations"]] == [one["id"] for one in answered]


def test_they_are_not_counted_as_shown(service: Settings) -> None:
    def shown() -> int:
        with opened(service) as adapters:
            return len(adapters.impressions.newest_pages(100))

    before = shown()
    run(service, "recommend", "--user", "ann", "--animals")
    assert shown() == before


def test_a_visitor_without_events_gets_what_everybody_gets(service: Settings) -> None:
    everybody = run(service, "recommend", "--limit", "3")
    assert run(service, "recommend", "--session", "nobody yet", "--limit", "3") == everybody


def test_reasons_are_told_if_asked_for(service: Settings) -> None:
    assert "popular now" not in run(service, "recommend", "--user", "ann")
    assert "popular now" in run(service, "recommend", "--user", "ann", "--explain")


def test_animals_come_with_names_and_the_parts_of_their_score(service: Settings) -> None:
    told = run(service, "recommend", "--user", "ann", "--animals", "--explain")
    first, second = (line for line in told.splitlines() if line[:2] in {"1 ", "2 "})
    assert "a-7" in first
    assert "Rex" in first
    assert "Mia" in second
    assert "group +" in told


def test_what_is_like_an_animal_leaves_it_out(service: Settings) -> None:
    told = json.loads(run(service, "recommend", "--animals", "--like", "a-7", "--json"))
    assert [one["id"] for one in told["recommendations"]] == ["a-12"]


def test_that_nothing_here_compares_groups_is_said(service: Settings) -> None:
    done = CliRunner().invoke(
        app, ["recommend", "--like", "a-7", "--data-dir", str(service.data_dir)]
    )
    assert done.exit_code == 0, done.output
    assert "--like has no part in this" in done.stderr


def test_a_filter_holds_by_its_expression(service: Settings) -> None:
    only = 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")'
    told = json.loads(run(service, "recommend", "--user", "ann", "--filter", only, "--json"))
    assert {one["id"][0] for one in told["recommendations"]} == {"1"}


def test_a_list_of_animals_and_groups_is_ordered(service: Settings) -> None:
    told = run(service, "rerank", "a-12", DOGS[1], "a-7", "--user", "ann")
    rows = [line.split() for line in told.splitlines() if line[:1].isdigit()]
    scores = [float(row[3]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert {row[1] for row in rows} == {"a-12", DOGS[1], "a-7"}
    names = json.loads(run(service, "rerank", "a-12", "a-7", "--user", "ann", "--json"))
    assert names["ranking"] == ["a-7", "a-12"]


def test_animals_of_a_list_are_ordered(service: Settings) -> None:
    command = ("rerank", "a-12", "a-7", "--user", "ann", "--animals")
    assert json.loads(run(service, *command, "--json"))["ranking"] == ["a-7", "a-12"]
    assert "Mia" in run(service, *command)


def test_a_question_that_cannot_be_answered_says_why(
    service: Settings, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[list[str], type[PawsonalizeError], str]] = [
        (["rerank", "a-7"], InvalidInput, "--user or --session"),
        (["rerank", "nobody", "--user", "ann"], InvalidInput, "there is no animal nobody"),
        (["recommend", "--like", "nope"], InvalidInput, "there is no animal nope"),
        (["recommend", "--animals", "--like", "nope"], NotFound, "there is no animal nope"),
        (["recommend", "--limit", "501"], InvalidInput, "limit must be from 1 to 500, not 501"),
        (["recommend", "--campaign", "x"], NotFound, "there is no campaign named x"),
        (["recommend", "--filter", "x"], NotFound, "there is no filter named x"),
        (["history"], InvalidInput, "--user or --session"),
    ]
    for command, kind, reason in cases:
        with subtests.test(command=command, kind=kind, reason=reason):
            error = error_of(service, *command)
            assert isinstance(error, kind)
            assert reason in error.message


def test_before_the_first_training_counts_answer(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    with opened(settings) as adapters:
        adapters.animals.put([animal("a-7")], T0)
    assert "by counts alone" in run(settings, "recommend", "--animals")


def test_the_history_comes_in_pages_newest_first(service: Settings) -> None:
    first = run(service, "history", "--user", "ann", "--limit", "2")
    cursor = first.split("--cursor ")[1].split()[0]
    second = run(service, "history", "--user", "ann", "--cursor", cursor)
    assert (first.count("a-7"), second.count("a-7")) == (2, 1)
    events = json.loads(run(service, "history", "--session", "s1", "--json"))["events"]
    assert [one["eventId"] for one in events] == ["ann 2", "ann 1", "ann 0"]
    assert run(service, "history", "--user", "bob") == "bob has no events that fit\n"


def test_the_tail_shows_what_was_stored_and_what_was_refused(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    letter = DeadLetter(
        HTTP, "pawsonalize", T0, b"{}", code="missing", message="is missing", field="sessionId"
    )
    with opened(settings) as adapters:
        adapters.log.append([event("e1", session="s\x1b[31m")])
        DeadLetters(adapters.database).keep([letter])
    command = ("events", "tail", "--no-follow", "--lines", "1")
    stored, refused = run(settings, *command).splitlines()
    assert r"stored   view  user ann  session s\x1b[31m" in stored
    assert (
        f"refused  sessionId: is missing  (pawsonalize dead-letters show {letter.letter_id})"
        in (refused)
    )
    lines = [json.loads(line) for line in run(settings, *command, "--json").splitlines()]
    assert [list(line) for line in lines] == [["stored"], ["refused"]]
    assert run(settings, *command, "--user", "bob") == ""


def test_the_status_fits_on_one_screen_and_says_what_to_do(service: Settings) -> None:
    told = run(service, "status")
    assert len(told.splitlines()) < 25
    assert "none runs: start one with `pawsonalize serve`" in told
    assert "57; the newest came in" in told
    assert "2 available" in told
    found = json.loads(run(service, "status", "--json"))
    assert [one["campaign"] for one in found["models"]] == ["recommender", "reranker"]


def test_a_server_that_lives_is_in_the_status(service: Settings) -> None:
    with client_of(build_app(service)) as client:
        client.post("/v1/events", json=view("bob", DOGS[0]))
        found: dict[str, Any] = json.loads(run(service, "status", "--json"))
    assert [one["lives"] for one in found["servers"]] == [True]
    assert found["models"][0]["serves"]
