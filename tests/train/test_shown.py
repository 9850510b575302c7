"""From pages and events to the model of choices; machines teach it nothing."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import PICK
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.tables import ANIMAL_RANKING, ANIMALS, Impression, Impressions
from pawsonalize.resources.kind import first_recommendation_id
from pawsonalize.train.shown import learn_choices, read_pages
from tests.animal_data import animal
from tests.erasing import erase_sessions
from tests.event_data import T0, event

SMALL = [f"small{n}" for n in range(12)]
LARGE = [f"large{n}" for n in range(12)]
VISITS = 300


def page(n: int, session: str, ids: Iterable[str], question: str = ANIMALS) -> Impression:
    """A page in minute `n`."""
    at, ids = T0 + n * MINUTE, tuple(ids)
    return Impression(
        first_recommendation_id(at), question, None, session, at, at, "v",
        ("2-Beagle-2-3",) * len(ids), (1.0,) * len(ids), animal_ids=tuple((one,) for one in ids),
        factors=((0.0,) * len(PARTS),) * len(ids),
    )  # fmt: skip


def fill(
    animals: Animals,
    shown: Impressions,
    log: EventLog,
    question: str = ANIMALS,
    quizzed: Collection[int] = (),
) -> None:
    """Visitors of a page of ten each, who open small dogs at the first places and no large ones.

    Of `quizzed` visitors the last animal of the page does not match the quiz.
    """
    animals.put([animal(one, "2-Beagle-1-3") for one in SMALL], T0)
    animals.put([animal(one, "2-Boxer-4-3") for one in LARGE], T0)
    rng = np.random.default_rng(0)
    pages, opened = [], []
    for n in range(VISITS):
        ids = rng.permutation([*SMALL, *LARGE])[:10].tolist()
        made = page(n, f"s{n}", ids, question)
        if n in quizzed:
            assert made.factors is not None
            lost = tuple(-float(name == "quiz") for name in PARTS)
            made = msgspec.structs.replace(made, factors=(*made.factors[1:], lost))
        pages.append(made)
        first = next((one for one in ids[:3] if one in SMALL), None)
        if first is not None:
            told: dict[str, Any] = {
                "user": None,
                "session": f"s{n}",
                "animal_id": first,
                "at": n * MINUTE + 9,
            }
            opened.append(event(f"e{n}", **told))
    shown.append(pages)
    log.append(opened)


def learn(animals: Animals, shown: Impressions, log: EventLog) -> ChoiceModel:
    return learn_choices(shown, log, animals, through=log.head())


def test_sizes_that_visitors_open_are_learned_from_what_they_scrolled_past(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    fill(animals, shown, log)
    model = learn(animals, shown, log)
    assert model.is_fitted
    assert model.pages == VISITS
    assert model.log_offset == log.head()
    assert model.through == shown.newest_pages(1)[0].recommendation_id
    sizes = model.levels["size"]
    assert sizes["2/1"] > sizes["2/4"] + 0.3


@pytest.mark.parametrize("who", ["boosters", "crawlers", "bots"])
def test_boosters_and_crawlers_teach_nothing(
    animals: Animals, shown: Impressions, log: EventLog, who: str
) -> None:
    fill(animals, shown, log)
    before = learn(animals, shown, log)
    for n in range(10):
        ids = [*SMALL, *LARGE] if who == "crawlers" else [*LARGE[:5], "large9", *SMALL[:4]]
        shown.append([page(VISITS + n, f"odd {n}", ids)])
        opened = {"crawlers": ids, "boosters": ["large9"] * 30, "bots": ids[:6]}[who]
        told: dict[str, Any] = {
            "user": None,
            "session": f"odd {n}",
            "at": (VISITS + n) * MINUTE + 5,
        }
        log.append([event(f"o{n} {m}", animal_id=one, **told) for m, one in enumerate(opened)])
    after = learn(animals, shown, log)
    assert after.pages - (10 if who == "bots" else 0) == before.pages == VISITS
    # What machines did is in no row. How much visitors differ is searched from another start.
    for name, counts in before.counts.items():
        assert after.counts[name] == pytest.approx(counts, rel=0.02, abs=0.02)
    for trait, levels in before.levels.items():
        assert after.levels[trait] == pytest.approx(levels, abs=0.02)


def test_rankings_teach_once_events_name_them_and_the_model_remembers_the_kind(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    fill(animals, shown, log, question=ANIMAL_RANKING)
    assert not learn(animals, shown, log).is_fitted, "else only those with an opening would count"
    first = shown.newest_pages(1)[0]
    assert first.animal_ids is not None
    named = first.animal_ids[0][0]
    told = {"animal_id": named, "recommendation_id": first.recommendation_id}
    log.append([event("named", session="s0", at=VISITS * MINUTE, user=None, **told)])
    everything = learn(animals, shown, log)
    assert everything.pages == VISITS
    assert ANIMAL_RANKING in everything.kinds


def test_nothing_is_learned_where_nothing_was_shown_or_too_little_opened(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    assert learn(animals, shown, log) is UNFITTED
    shown.append([page(50, "s50", ())])
    log.append([event("0", user=None, session="s50", animal_id="gone", at=51 * MINUTE)])
    assert learn(animals, shown, log) is UNFITTED, "nobody was left to show"
    animals.put([animal("rex")], T0)
    shown.append([page(n, f"s{n}", ["rex"]) for n in range(20)])
    log.append([event("1", user=None, session="s1", animal_id="rex", at=MINUTE + 1)])
    assert learn(animals, shown, log) is UNFITTED


def test_a_model_counts_what_was_opened_by_whether_the_visitor_had_answered_a_question(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    fill(animals, shown, log, quizzed={VISITS - 5, VISITS - 3})
    held_out, places = range(VISITS - VISITS // 10, VISITS), 10
    answers = {VISITS - 1: -1, VISITS - 2: -1, VISITS - 3: 1, VISITS - 4: 1}
    log.append(
        [
            event(
                f"pick {n}",
                user=None,
                session=f"s{n}",
                at=(n + after) * MINUTE,
                event_type=PICK,
                animal_id=SMALL[0],
                recommendation_id="RID-of-a-board",
            )
            for n, after in answers.items()
        ]
    )
    rows = {(row.by, row.bin): row for row in learn(animals, shown, log).calibration}
    answered = rows["answered", "a board or the quiz"]
    assert answered.places == 4 * places, "who picks later had not when the page was shown"
    assert answered.places + rows["answered", "no question"].places == len(held_out) * places
    assert rows["all", "all"].places == len(held_out) * places
    assert rows["place", "place 1"].places == len(held_out)


def test_the_same_tables_teach_the_same_and_erased_visitors_teach_nothing(
    animals: Animals, shown: Impressions, log: EventLog, database: Database
) -> None:
    fill(animals, shown, log)
    model = learn(animals, shown, log)
    assert learn(animals, shown, log) == model
    erase_sessions(database, *(f"s{n}" for n in range(VISITS)))
    assert learn(animals, shown, log) is UNFITTED


def test_every_place_of_a_long_page_is_a_row_whatever_was_opened(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    many = [f"a{n:03}" for n in range(120)]
    animals.put([animal(one) for one in many], T0)
    shown.append([page(0, "s0", many), page(1, "s1", many[:40])])
    log.append([event("0", user=None, session="s0", animal_id="a110", at=5)])
    read = read_pages(shown, log, animals, log.head())
    assert read is not None
    assert len(read.shown) == 100 + 40
    assert not read.shown.opened.any(), "nobody counts places beyond the hundredth"


def test_of_an_animal_the_first_visit_counts_until_it_is_opened(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    animals.put([animal("a"), animal("b")], T0)
    pages = [(0, "monday"), (1, "monday"), (2, "monday"), (3, "tuesday")]
    shown.append([replace(page(n, visit, ["a", "b"]), user_id="ann") for n, visit in pages])
    log.append([event("0", session="monday", animal_id="a", at=MINUTE + 5)])
    read = read_pages(shown, log, animals, log.head())
    assert read is not None
    rows = zip(read.shown.animal.tolist(), read.shown.opened.tolist(), strict=True)
    assert list(rows) == [(0, False), (1, False), (0, True), (1, False), (1, False)]
