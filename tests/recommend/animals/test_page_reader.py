"""What one visitor was shown before a moment, and what they opened of it."""

import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import Visitor
from pawsonalize.core.preferences import WantedValues
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.animals.pages import PAGES_READ, PageReader, Pages
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.query import context_of
from pawsonalize.recommend.tables import ANIMAL_RANKING, SEARCH, Impression, Impressions
from tests.event_data import T0, event
from tests.page_data import page

NOW = T0 + 60 * MINUTE
NONE: frozenset[str] = frozenset()


@pytest.fixture
def reader(shown: Impressions, log: EventLog, database: Database) -> PageReader:
    return PageReader(shown, log, Animals(database))


def read(reader: PageReader, *waiting: Impression, at: int = NOW) -> Pages:
    return reader.of(Visitor(None, "s1"), at, waiting, NONE)


def test_the_newest_page_comes_first_with_what_was_opened_of_it(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    shown.append([page("R1", "a", "b"), page("R2", "c", "d", at=5)])
    log.append(
        [
            event("1", user=None, animal_id="b", recommendation_id="R1", at=9),
            event("2", user=None, animal_id="c", at=9, event_type="dislike"),
        ]
    )
    found = read(reader)
    assert found.animals == ("c", "d", "a", "b")
    assert found.place.tolist() == [0, 1, 0, 1]
    assert found.opened.tolist() == [False, False, False, True]


def test_what_was_opened_before_a_wish_that_speaks_against_it_says_nothing(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    cat, dog = "1-Manx-1-3", "2-Pug-1-1"
    shown.append([replace(page("R1", "a", "b", "c", "d"), item_ids=(cat, cat, dog, cat))])
    openings = [("a", 9), ("c", 9), ("d", 9), ("d", 30)]
    log.append(
        [
            event(str(n), user=None, animal_id=one, recommendation_id="R1", at=at)
            for n, (one, at) in enumerate(openings)
        ]
    )
    wish = WantedValues("species", frozenset({"2"}), T0 + 20)
    found = reader.of(Visitor(None, "s1"), NOW, (), NONE, wishes=[wish])
    assert found.animals == ("b", "c", "d")
    assert found.opened.tolist() == [False, True, True], "what was opened later counts"
    assert read(reader).animals == ("a", "b", "c", "d")


def test_an_answer_that_is_not_written_yet_counts_and_only_once_when_it_is(
    reader: PageReader, shown: Impressions
) -> None:
    new = page("R1", "a", at=5)
    assert read(reader, new).animals == ("a",)
    shown.append([new])
    assert read(reader, new).animals == ("a",)


def test_nothing_of_the_moment_itself_or_of_later_counts_written_or_not(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    before = page("R1", "a")
    shown.append([before, page("R2", "b", at=5)])
    log.append([event("1", user=None, animal_id="a", at=6)])
    found = read(reader, page("R3", "c", at=5), page("R4", "d", at=9), at=T0 + 5)
    assert found.animals == ("a",)
    assert found.opened.tolist() == [False]


def test_rankings_and_replays_count_if_the_site_shows_them(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    shown.append([page("R1", "a", question=ANIMAL_RANKING), page("R2", "b", as_of=T0 - 5)])
    assert read(reader).animals == ()
    known = reader.of(Visitor(None, "s1"), NOW, (), frozenset({ANIMAL_RANKING}))
    assert known.animals == ("a",)
    log.append([event("1", user=None, animal_id="a", recommendation_id="R1", at=9)])
    assert read(reader).animals == ("a",)


def test_a_search_tells_of_animals_only_by_what_sets_them_apart_on_its_page(
    reader: PageReader, shown: Impressions
) -> None:
    def searched(name: str, first: float, second: float) -> Impression:
        rest = (0.5,) * (len(PARTS) - 2)  # of before the quiz was a part
        rows = ((*rest, first), (*rest, second))
        return replace(page(name, "a", "b", question=SEARCH), factors=rows)

    def factors() -> list[list[float]]:
        found = reader.of(Visitor(None, "s1"), NOW, (), frozenset({SEARCH}))
        return [list(row) for row in found.factors]

    shown.append([searched("R1", 1.0, 1.0)])
    assert factors() == [[0.5] * (len(PARTS) - 2) + [0.0, 0.0]] * 2
    shown.append([replace(searched("R2", 1.0, 0.5), answered_at=T0 + 5, as_of=T0 + 5)])
    assert [row[-2] for row in factors()] == [0.25, -0.25, 0.0, 0.0]


def test_a_visitor_without_pages_has_none_and_of_many_the_newest_count(
    reader: PageReader, shown: Impressions
) -> None:
    assert read(reader).animals == ()
    many = [page(f"R{n:02}", f"a{n:02}", at=n) for n in range(PAGES_READ + 5)]
    shown.append(many)
    assert read(reader).animals == tuple(f"a{n:02}" for n in range(PAGES_READ + 4, 4, -1))


def test_what_was_shown_within_the_hour_is_of_this_visit(
    reader: PageReader, shown: Impressions
) -> None:
    shown.append([page("R1", "a"), page("R2", "b", at=1)])
    found = read(reader, at=NOW + 1)
    assert (found.animals, found.lately.tolist()) == (("b", "a"), [True, False])


def test_no_event_is_read_of_somebody_who_was_shown_nothing_and_picked_nothing(
    reader: PageReader, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([event("1", user=None, animal_id="a")])
    context = context_of(log, Visitor(None, "s1"), NOW)
    assert not context.picked
    monkeypatch.setattr(EventLog, "interactions_of", None)
    assert reader.of(Visitor(None, "s1"), NOW, (), NONE, picked=context.picked).animals == ()
    log.append([event("2", user=None, animal_id="a", event_type="pick", recommendation_id="B1")])
    assert context_of(log, Visitor(None, "s1"), NOW).picked


def test_an_animal_that_was_opened_on_an_earlier_page_is_known_and_is_passed_over_no_more(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    shown.append([page("R1", "a", "b"), page("R2", "b", "a", at=5), page("R3", "a", at=9)])
    log.append([event("1", user=None, animal_id="a", recommendation_id="R2", at=7)])
    found = read(reader)
    assert found.animals == ("a", "b", "a", "a", "b")
    assert found.known.tolist() == [True, False, False, False, False]
    assert found.opened.tolist() == [False, False, True, False, False]


def test_every_place_of_a_long_page_is_read_whatever_was_opened(
    reader: PageReader, shown: Impressions
) -> None:
    shown.append([page("R1", *(f"a{n:03}" for n in range(40)))])
    assert len(read(reader).animals) == 40
