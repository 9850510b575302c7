"""How visitors behave: what the log shows to one who looks for it."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from pawsonalize.core.event import Event
from pawsonalize.core.times import DAY
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import ADOPTION, EVENT_TYPES, VIEW, World, generate
from tests.plugins.demo.conftest import END, People


def test_what_stands_first_is_clicked_most(world: World) -> None:
    columns = world.events.columns
    clicks = np.bincount(columns.position[columns.position >= 0], minlength=24)

    assert clicks[0] > 2 * clicks[6] > 2 * clicks[23]
    assert clicks[0] > 1.2 * clicks[1] > 1.2 * clicks[3]


def test_without_position_bias_every_place_is_clicked_alike() -> None:
    flat = generate(WorldSettings(position_bias=0, animals=300, events=20_000), 1, END)
    columns = flat.events.columns
    full = np.asarray((flat.events.pages >= 0).all(axis=1))  # short pages have no low places
    clicks = np.bincount(columns.position[(columns.page >= 0) & full[columns.page]], minlength=24)

    assert clicks[:6].mean() == pytest.approx(clicks[-6:].mean(), rel=0.08)
    assert clicks.max() < 1.35 * clicks.min()


def test_the_clicked_item_was_shown_at_its_position(world: World) -> None:
    with_page = [event for event in world.events[:3_000] if event.impression]

    assert len(with_page) > 2_000
    for event in with_page:
        position = int((event.properties or "").removeprefix('{"position": ').removesuffix("}"))
        assert event.impression[position] == event.item_id
        assert len(event.impression) <= 24


def test_a_page_shows_each_animal_once_and_has_no_gaps(world: World) -> None:
    pages = world.events.pages
    shown = np.sort(pages, axis=1)
    twice = (shown[:, 1:] == shown[:, :-1]) & (shown[:, 1:] >= 0)

    assert not twice.any()
    assert not ((pages[:, :-1] < 0) & (pages[:, 1:] >= 0)).any()


def test_pages_know_nothing_of_tastes(world: World) -> None:
    """Wanted animals stand on top no more often than below: the log can judge other rankings."""
    columns = world.events.columns
    rows = np.flatnonzero(columns.page >= 0)[:10_000]
    page = world.events.pages[columns.page[rows]]
    odds = world.oracle.utility.of_animals(columns.visitor[rows][:, None], page)
    odds = odds[(page >= 0).all(axis=1)]

    assert odds[:, :12].mean() == pytest.approx(odds[:, 12:].mean(), abs=0.05)


def test_people_click_what_they_truly_want(world: World) -> None:
    columns = world.events.columns
    rows = np.flatnonzero((columns.page >= 0) & (columns.visitor < world.settings.adopters))
    page = world.events.pages[columns.page[rows]]
    odds = world.oracle.utility.of_animals(columns.visitor[rows][:, None], page)
    odds = np.where(page >= 0, odds, np.nan)
    picked = odds[np.arange(len(rows)), columns.position[rows]]
    above = (picked[:, None] > odds).sum(axis=1) / (page >= 0).sum(axis=1)

    assert above.mean() > 0.7


def test_the_next_animal_is_like_the_one_before(world: World, people: People) -> None:
    utility = world.oracle.utility
    moved = (people.previous >= 0) & (people.previous != people.animal)
    now, before = utility.breed[people.animal[moved]], utility.breed[people.previous[moved]]
    visitor = people.visitor[moved]
    by_visitor = np.argsort(visitor, kind="stable")
    another = np.roll(now[by_visitor], 7)  # mostly the same visitor, some other time
    same = np.roll(visitor[by_visitor], 7) == visitor[by_visitor]

    assert (now == before).mean() > 1.3 * (now[by_visitor] == another)[same].mean()


def test_some_views_repeat_the_item_before(world: World, people: People) -> None:
    later = people.previous >= 0
    group = world.oracle.group
    repeats = group[people.animal[later]] == group[people.previous[later]]

    assert 0.1 < repeats.mean() < 0.35


def test_each_step_towards_adoption_is_rarer(world: World) -> None:
    counts = np.bincount(world.events.columns.kind, minlength=len(EVENT_TYPES))

    assert counts[0] > 10 * counts[1] > 0
    assert list(counts) == sorted(counts, reverse=True)
    assert counts[ADOPTION] > 200


def test_adoptions_follow_a_look_an_application_and_desire(events: Sequence[Event]) -> None:
    told = defaultdict(list)
    for event in events:
        told[event.user_id, event.animal_id].append(event.event_type)
    stories = [types for types in told.values() if "adoption" in types]

    assert len(stories) > 200
    for types in stories:
        assert types[-1] == "adoption"
        assert types.count("adoption") == 1
        assert {"view", "application"} <= set(types)


def test_nobody_adopts_twice(world: World) -> None:
    columns = world.events.columns
    adopter = columns.visitor[columns.kind == ADOPTION]

    assert len(np.unique(adopter)) == len(adopter)


def test_most_adopters_stop_looking_once_they_have_adopted(world: World) -> None:
    columns = world.events.columns
    home = np.flatnonzero(columns.kind == ADOPTION)
    until = dict(zip(columns.visitor[home].tolist(), columns.moment[home].tolist(), strict=True))
    later = {
        visitor
        for visitor, moment in zip(columns.visitor.tolist(), columns.moment.tolist(), strict=True)
        if moment > until.get(visitor, world.end) + DAY
    }

    assert len(later) < 0.15 * len(until)


def test_bots_look_at_very_much_and_want_nothing(world: World) -> None:
    columns = world.events.columns
    views = np.bincount(columns.visitor[columns.kind == VIEW])
    bots = np.arange(3_000, 3_000 + len(world.bot_ids))
    mine = np.isin(columns.visitor, bots)

    assert world.bot_ids == ("u003000", "u003001", "u003002", "u003003")
    assert views[bots].min() > 10 * views[:3_000].mean()
    assert set(columns.kind[mine]) == {VIEW}
    assert 0.02 < mine.mean() < 0.04


def test_some_visitors_never_have_an_account(events: Sequence[Event]) -> None:
    guests = [event for event in events if event.user_id is None]

    assert 0.3 < len(guests) / len(events) < 0.55
    assert all(event.session_id for event in guests)


def test_some_sessions_log_in_on_the_way(events: Sequence[Event]) -> None:
    known = defaultdict(list)
    for event in events:
        if event.session_id:
            known[event.session_id].append(event.user_id)
    late = [users for users in known.values() if users[0] is None and users[-1] is not None]

    assert len(late) > 0.05 * len(known)
    for users in late:
        login = next(at for at, user in enumerate(users) if user)
        assert set(users[:login]) == {None}
        assert len(set(users[login:])) == 1


def test_the_site_is_busy_all_the_time(world: World) -> None:
    columns = world.events.columns
    person = (columns.visitor < 3_000) | (columns.visitor >= 3_000 + len(world.bot_ids))
    month = np.bincount((columns.moment[person] - world.start) // (30 * DAY))

    assert len(month) == 6
    assert month.max() < 1.4 * month.min()


def test_activity_is_heavy_tailed(people: People) -> None:
    views = np.sort(np.bincount(people.visitor, minlength=3_000))

    assert views[-300:].sum() > 0.35 * views.sum()
    assert np.median(views) < 0.7 * views.mean()
