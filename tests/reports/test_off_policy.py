"""What was shown, by which chance, and what came of it."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.off_policy import Choices, off_policy_value
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.recommend.exploration import explore, novelty
from pawsonalize.recommend.live_model import LoadedModel
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.reports.outcomes import WEIGHTS, logged_choices
from pawsonalize.reports.outcomes_report import OutcomesOrder, OutcomeSources, estimate_version
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.testing.recipe_checks import training_data
from tests.event_data import T0, event

REWARDS = {"view": 0.1, "favorite": 1.0}


def answer(name: str, *items: str, at: int = 0, **more: Any) -> Impression:
    odds = tuple(0.9 - 0.1 * place for place in range(len(items)))
    plain = Impression(
        name, "recommendation", "ann", None, T0 + at, T0 + at, f"v of {name}", items, odds
    )
    return replace(plain, **more)


def joined(log: EventLog, shown: Impressions) -> Choices:
    found = logged_choices(shown, log, REWARDS, since=T0, until=T0 + HOUR, within=HOUR)
    assert found is not None
    return found


def outcome(name: str, item: str, kind: str = "view", **more: Any) -> Any:
    fields = {"item": item, "event_type": kind, "recommendation_id": name, **more}
    return event(f"{name} {item} {kind} {more}", **fields)


def test_each_place_of_an_answer_is_a_row_with_its_odds_and_its_outcome(
    log: EventLog, shown: Impressions
) -> None:
    shown.append([answer("R1", "a", "b"), answer("R2", "b", "c", at=5)])
    log.append([outcome("R2", "b"), outcome("R2", "b", "favorite"), outcome("R2", "b", at=1)])
    found = joined(log, shown)
    assert found.answer.tolist() == [0, 0, 1, 1]
    assert found.logged.tolist() == [0.9, 0.8, 0.9, 0.8]
    assert found.reward.tolist() == [0, 0, 1.0, 0], "the best of what came of it"


def test_outcomes_count_where_they_name_an_answer_an_item_of_it_and_come_in_time(
    log: EventLog, shown: Impressions
) -> None:
    shown.append([answer("R1", "a", "b")])
    log.append(
        [
            outcome("R1", "a", at=HOUR),
            outcome("R1", "b", at=HOUR + 1),
            outcome("R1", "c"),
            outcome("R9", "a"),
            event("of no answer", item="b"),
        ]
    )
    found = joined(log, shown)
    assert found.reward.tolist() == [0.1, 0]


def test_only_answers_that_were_seen_with_their_odds_in_that_time_are_rows(
    log: EventLog, shown: Impressions
) -> None:
    shown.append(
        [
            answer("R1", "a", at=-1),
            answer("R2", "a", at=0),
            answer("R3", "a", at=HOUR),
            answer("R4", "a", question="ranking"),
            answer("R5", "a", propensities=None),
            answer("R6", "a", as_of=T0 - HOUR),
            answer("R7", *map(str, range(30)), propensities=(0.5,) * 30),
        ]
    )
    found = joined(log, shown)
    assert found.logged.tolist() == [0.9] + [0.5] * 25, "and of a long one, the first 25 places"


def test_on_a_page_of_animals_an_outcome_is_of_the_place_of_its_animal(
    log: EventLog, shown: Impressions
) -> None:
    page = answer("R1", "a", "a", question="animals", animal_ids=(("rex",), ("max",)))
    board = replace(page, recommendation_id="R2", question="board")
    shown.append([page, board])
    log.append([outcome(one, "a", animal_id="max") for one in ("R1", "R2")])
    log.append([outcome("R1", "a", animal_id="another")])
    assert joined(log, shown).reward.tolist() == [0, 0.1], "boards are drawn, not recommended"


def test_nothing_logged_is_no_rows(log: EventLog, shown: Impressions) -> None:
    assert logged_choices(shown, log, REWARDS, since=T0, until=T0 + HOUR, within=HOUR) is None


def test_logs_longer_than_a_page_are_read_limit(
    log: EventLog, shown: Impressions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("_BATCH", "_ANSWERS"):
        monkeypatch.setattr(f"pawsonalize.reports.outcomes.{size}", 2)
    shown.append([answer(f"R{n}", "a") for n in range(5)])
    log.append([outcome(f"R{n}", "a") for n in range(5)])
    assert joined(log, shown).reward.tolist() == [0.1] * 5


def test_the_value_of_not_exploring_is_found_in_the_log_of_an_exploring_service(
    log: EventLog, shown: Impressions
) -> None:
    """One place; item 0 is best and worth 0.4, what exploration draws is worth 0.1."""
    dice = np.random.default_rng(0)
    due = novelty(np.zeros(4, np.int64), np.ones(4, np.bool_))
    answers, events = [], []
    for n in range(600):
        name = f"R{n:04}"
        drawn = explore(np.array([0]), due, 0.6, name)
        (item,) = drawn.positions
        answers.append(answer(name, f"{item}", propensities=drawn.propensities))
        if dice.random() < (0.1 if item else 0.4):
            events.append(outcome(name, f"{item}", "favorite"))
    shown.append(answers)
    log.append(events)
    found = joined(log, shown)
    verdict = off_policy_value(found)
    assert verdict.estimate is not None
    served = found.reward.mean()
    estimate = verdict.estimate
    assert estimate.low <= 0.4 <= estimate.high
    assert served < estimate.low, "exploring costs something, and the log tells how much"


def test_a_policy_is_compared_place_by_place_with_the_best_that_it_has_left(
    log: EventLog, shown: Impressions
) -> None:
    shown.append([answer("R1", "a", "b", "c"), answer("R2", "d", "e", question="animals")])
    found = logged_choices(
        shown,
        log,
        REWARDS,
        since=T0,
        until=T0 + HOUR,
        within=HOUR,
        policy=lambda _shown, places: ["b", "c", "a"][:places],
    )
    assert found is not None
    # At the first place it wants b; at the second, after a, b again; at the third c.
    assert found.target.tolist() == [0, 1, 1]
    assert found.item is not None
    assert found.wanted is not None
    assert (found.item == found.wanted).tolist() == [False, True, True]


def test_a_version_that_shows_what_earns_most_is_worth_more_than_what_served(
    log: EventLog, shown: Impressions, catalogue: Catalogue
) -> None:
    dice, items = np.random.default_rng(0), [f"2-B-1-{item}" for item in range(4)]
    # Half of the places were drawn evenly, and only the last item is ever inquired about.
    for answers in range(800):
        best = dice.random() < 0.5
        item = items[0] if best else items[int(dice.integers(4))]
        odds = 0.625 if item == items[0] else 0.125
        shown.append([answer(f"R{answers}", item, propensities=(odds,))])
        if item == items[3] and dice.random() < 0.5:
            log.append([outcome(f"R{answers}", item, "inquiry", at=1)])
    order = OutcomesOrder(T0, T0 + DAY)
    sources = OutcomeSources(shown, None, log, has_inventory=False)  # type: ignore[arg-type]
    recipe = recipe_named("popularity-count")
    for best_item, better in ((items[3], True), (items[1], False)):
        data = training_data(
            [("u", best_item, T0), ("v", best_item, T0), ("v", items[2], T0)], items
        )
        version = SolutionVersion(name="v", solution="s", recipe=recipe.name, cut=Cut(0, 0))
        served = LoadedModel(version, recipe.fit(data, recipe.settings(), 0))
        found = estimate_version(sources, order, catalogue, served)
        assert found.estimate is not None, found.refusal
        assert found.ips is not None
        assert found.dr is not None
        assert found.served is not None
        if better:
            worth = 0.5 * WEIGHTS["inquiry"]
            for interval in (found.estimate, found.ips, found.dr):
                assert interval.low <= worth <= interval.high
                assert interval.low > found.served
        else:
            assert found.estimate.mean == 0
            assert found.dr.mean == pytest.approx(0, abs=found.served / 2)
