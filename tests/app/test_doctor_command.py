"""`pawsonalize doctor`: every finding with its next move, and an exit code for machines."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.checks import CheckedService
from pawsonalize.app.cli.main import app
from pawsonalize.app.doctor import visitors
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.work.problems import Delivery
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetterQuery, DeadLetters
from pawsonalize.recommend.tables import ANIMALS, Impression
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.kind import Status, moved, new_recommendation_id
from pawsonalize.resources.solutions import Solution
from tests.event_data import T0, event
from tests.service_data import make_service
from tests.training import train, train_and_serve


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A data folder whose campaign serves what was trained just now."""
    settings = make_service(tmp_path_factory.mktemp("doctor"), train=False)
    with opened(settings) as adapters:
        train_and_serve(adapters, clock.now())
    return settings


def examined(folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was found by the check's name."""
    done = CliRunner().invoke(app, ["doctor", "--data-dir", str(folder), "--json"])
    return done.exit_code, {each["check"]: each for each in json.loads(done.output)}


def test_a_service_that_is_well_is_described_with_exit_code_0(healthy: Settings) -> None:
    code, found = examined(healthy.data_dir)
    assert code == 0, found
    assert found["data folder"]["message"] == str(healthy.data_dir)
    assert "pawsonalize.sqlite3" in found["database"]["message"]
    assert found["events"]["message"] == "54 events"
    assert "serve recommender-" in found["campaign recommender"]["message"]
    assert found["problems"]["message"] == "none stands"
    assert "MB are free" in found["disk"]["message"]


def test_for_people_it_prints_a_line_for_each(healthy: Settings) -> None:
    done = CliRunner().invoke(app, ["doctor", "--data-dir", str(healthy.data_dir)])
    assert done.exit_code == 0
    assert "campaign recommender" in done.output
    assert "→ to be told by e-mail" in done.output


def test_a_standing_problem_needs_attention(healthy: Settings) -> None:
    with opened(healthy) as adapters:
        problems = adapters.problems
        problems.report("archive", "full: free some space", clock.now())
        code, found = examined(healthy.data_dir)
        problems.clear("archive", clock.now())
    assert code == 1
    assert found["problem: archive"]["verdict"] == "attention"
    assert "free some space" in found["problem: archive"]["message"]
    assert examined(healthy.data_dir)[0] == 0


def test_dead_letters_are_told_with_their_commonest_reasons(healthy: Settings) -> None:
    def keep(source: str, *fields: str | None) -> None:
        letters = [
            DeadLetter(
                source, "pawsonalize", T0, b"", code="invalid_json", message="m", field=field
            )
            for field in fields
        ]
        with opened(healthy) as adapters:
            DeadLetters(adapters.database).keep(letters)

    assert examined(healthy.data_dir)[1]["dead letters"]["message"] == "none waits"
    keep(HTTP, "sessionId", "sessionId", None)
    code, found = examined(healthy.data_dir)
    assert code == 0, "who sent them was told"
    assert found["dead letters"]["message"] == (
        "3 wait, most of them for sessionId (2), invalid_json (1)"
    )
    assert "dead-letters ls" in found["dead letters"]["next_move"]
    keep("kinesis://clicks", None)
    code, found = examined(healthy.data_dir)
    assert (code, found["dead letters"]["verdict"]) == (1, "attention")
    with opened(healthy) as adapters:
        DeadLetters(adapters.database).remove(DeadLetterQuery())


def test_notifications_that_did_not_arrive_need_attention(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    news = Notification("n", NotificationKind.TEST, "news", "text", T0)
    with opened(settings) as adapters:
        adapters.deliveries.add([Delivery(news, "email")])
        (claimed,) = adapters.deliveries.due("email", T0, 9)
        adapters.deliveries.failed(claimed, "the mail server is away", T0 + 2, T0)
    code, found = examined(tmp_path)
    assert code == 1
    assert "the mail server is away" in found["notifications"]["message"]
    assert "notifications retry" in found["notifications"]["next_move"]


def test_a_service_without_a_model_needs_one(tmp_path: Path) -> None:
    make_service(tmp_path, train=False)
    code, found = examined(tmp_path)
    assert code == 1
    assert "pawsonalize train" in found["campaign recommender"]["next_move"]


def test_a_first_version_that_could_not_be_served_needs_attention(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    with opened(settings) as adapters:
        version, campaigns = train(adapters, T0 + 1000), adapters.campaigns
        campaigns.refuse(campaigns.update("recommender", version.name, T0), "it is damaged", T0)
        done = CliRunner().invoke(app, ["doctor", "--data-dir", str(tmp_path), "--json"])
    assert done.exit_code == 1
    assert f"{version.name} could not be served: it is damaged" in done.output


def test_a_solution_whose_newest_training_failed_needs_attention(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    with opened(settings) as adapters:
        version = adapters.versions.create("recommender", as_of=T0 + 5000, now=T0 + 5000)
        failed = moved(version, Status.CREATE_FAILED, failure_reason="out of memory")
        adapters.registry.update(failed, T0 + 5000)
    code, found = examined(tmp_path)
    assert code == 1
    assert "out of memory" in found["solution recommender"]["message"]
    assert "pawsonalize train" in found["solution recommender"]["next_move"]


def test_campaigns_of_another_group_answer_or_say_how_they_come_to_a_model(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    with opened(settings) as adapters:
        adapters.registry.create(DatasetGroup(name="shop"), T0)
        solution = Solution(name="hot", dataset_group="shop", recipe="popularity-count")
        adapters.registry.create(solution, T0)
        adapters.registry.create(Campaign(name="empty", solution="hot"), T0)
        one = Campaign(name="hot", solution="hot", solution_version="hot-v1")
        adapters.registry.create(one, T0)
    code, found = examined(tmp_path)
    assert code == 1
    assert "train --dataset-group shop" in found["campaign empty"]["next_move"]
    assert "verdict" not in found["campaign recommender"], "fine"
    assert "hot of dataset group shop" in found["campaign recommender"]["message"]


def test_types_that_nobody_gave_a_meaning_are_named(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    with opened(settings) as adapters:
        adapters.log.append([event(f"b{n}", event_type="Boop", at=n) for n in range(3)])
    code, found = examined(settings.data_dir)
    assert code == 1
    assert found["event types"]["message"].endswith("what they mean: Boop (3)")
    assert 'event_types, such as {"Boop":"view"}' in found["event types"]["next_move"]


def test_a_user_or_a_session_that_stands_for_everybody_is_named(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    people = [event(f"p{n}", user="ann", session=f"a{n}") for n in range(2_000)]
    guests = [event(f"g{n}", user="guest", session=f"g{n}") for n in range(2_001)]
    nameless = [event(f"n{n}", user=None, session="none") for n in range(10_001)]
    with opened(settings) as adapters:
        adapters.log.append(people)
        assert list(visitors(CheckedService(adapters, T0))) == []
        adapters.log.append(guests + nameless)
        user, session = visitors(CheckedService(adapters, T0))
    assert user.message.startswith("user 'guest' has 2,001 sessions")
    assert "send no userId for visitors who have not signed in" in user.next_move
    assert session.message.startswith("session 'none' has 10,001 events")


def test_a_site_whose_events_come_from_no_answer_is_told_what_to_send(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    now = clock.now()
    pages = [
        Impression(
            recommendation_id=new_recommendation_id(now - 1_000 + n),
            question=ANIMALS,
            user_id=None,
            session_id=f"s{n}",
            answered_at=now - 1_000 + n,
            as_of=now - 1_000 + n,
            solution_version="v",
            item_ids=("2-Beagle-2-3",),
            animal_ids=(("rex",),),
        )
        for n in range(60)
    ]
    with opened(settings) as adapters:
        adapters.impressions.append(pages)
        adapters.log.append(
            [event(f"e{n}", animal_id="rex", sent_at=now - 500, session="x") for n in range(250)]
        )
    code, found = examined(settings.data_dir)
    assert code == 1
    assert found["events and answers"]["message"].startswith("0.0% of the newest 250 events")
    assert "recommendationId" in found["events and answers"]["next_move"]
