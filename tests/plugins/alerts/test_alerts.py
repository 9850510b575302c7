"""Alerts in each database: once, within bounds whoever writes, and gone with the visitor."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, User
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, USER, visitor_digest
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Deliveries
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.erasure.tables import ErasedNames, Erasure, VisitorRows
from pawsonalize.plugins.alerts import AlertSettings
from pawsonalize.plugins.alerts.book import AlertBook
from pawsonalize.plugins.alerts.matching import Audience
from pawsonalize.plugins.alerts.messages import Alert, news_id
from pawsonalize.recommend.tables import ALERT, Impression, Impressions
from pawsonalize.resources.kind import new_recommendation_id

NOW = 1_795_000_000_000
SETTINGS = AlertSettings(alerts=True, alerts_per_animal=3, alerts_per_visitor_week=2)


@pytest.fixture
def book(database: Database) -> AlertBook:
    users = [User(one, {"ALERTS": "yes"}) for one in ("ann", "bob", "cat", "dan", "eve")]
    Catalogue(database).put_users([*users, User("loud", {"ALERTS": "YES"}), User("mum", {})])
    return AlertBook(database, SETTINGS, ["webhook"])


def alert(user: str, animal: str, search: str | None = None) -> Alert:
    name = new_recommendation_id(NOW)
    shown = Impression(
        name, ALERT, user, None, NOW, NOW, "v", ("1-Manx-1-1",), (0.5,), animal_ids=((animal,),)
    )
    kind, details = NotificationKind.ALERT, {"userId": user}
    news = Notification(news_id(user, name), kind, "Nina", "waits", NOW, details=details)
    return Alert(user, animal, shown, news, search)


def test_of_many_who_write_at_once_the_bounds_let_as_many_through_as_they_say(
    book: AlertBook, database: Database
) -> None:
    pairs = [(user, animal) for user in ("ann", "bob", "cat", "dan") for animal in ("x", "y", "z")]
    wanted = [alert(*pair) for pair in pairs * 3]
    with ThreadPoolExecutor(4) as threads:
        written = list(threads.map(partial(book.add, now=NOW), wanted))
    stored = [one for one, is_new in zip(wanted, written, strict=True) if is_new]
    assert len(stored) == len({(one.user_id, one.animal_id) for one in stored})
    assert all(len(book.sent(one)) <= 2 for one in ("ann", "bob", "cat", "dan"))
    assert len(stored) >= 7
    assert all(book.room(NOW).of_animal(one) >= 0 for one in "xyz")
    news = [one.notification for one in Deliveries(WorkTable(database)).newest(100)]
    assert {one.notification_id for one in news} == {one.news.notification_id for one in stored}
    ids = [one.impression.recommendation_id for one in stored]
    assert Impressions(database).get_many(ids).keys() == set(ids)
    assert not any(book.add(one, NOW + 6 * DAY) for one in wanted)
    assert book.add(alert("ann", "w"), NOW + 8 * DAY)


def test_only_whose_word_stands_at_that_moment_is_written_to(
    book: AlertBook, database: Database
) -> None:
    audience = Audience(database)
    assert (audience.newest(9), audience.count()) == (["ann", "bob", "cat", "dan", "eve"], 5)
    Catalogue(database).set_attributes("ann", {"ALERTS": "no"})
    assert [book.add(alert(one, "x"), NOW) for one in ("ann", "loud", "mum", "nobody")] == [
        False
    ] * 4
    book.save("mum", "species=1", NOW)
    assert not book.add(alert("mum", "x", "species=2"), NOW)
    assert book.add(alert("mum", "x", "species=1"), NOW)


def test_an_erasure_takes_all_that_is_held_of_the_visitor_and_nothing_of_others(
    book: AlertBook, database: Database
) -> None:
    for one in ("ann", "bob"):
        book.save(one, "species=1", NOW)
        assert book.add(alert(one, "x"), NOW)
        book.report_stop(alert(one, "stop").news)
    rows = VisitorRows(database)
    digests = {one: visitor_digest(USER, one) for one in ("ann", "bob")}
    known = [(USER, one, digests[one]) for one in ("ann", "bob")]
    assert rows.find(DEFAULT_DATASET_GROUP, set(digests.values())) == known
    rows.erase(Erasure("e", DEFAULT_DATASET_GROUP, NOW, 0), ErasedNames(("ann",)))
    assert rows.find(DEFAULT_DATASET_GROUP, set(digests.values())) == known[1:]
    assert (book.sent("ann"), len(book.sent("bob"))) == (frozenset(), 1)
    assert [one.user_id for one in book.searches(9)] == ["bob"]
    left = Deliveries(WorkTable(database)).newest(9)
    assert [one.notification.details["userId"] for one in left] == ["bob", "bob"]


def test_all_servers_sign_links_with_one_key(book: AlertBook, database: Database) -> None:
    assert book.key() == AlertBook(database, SETTINGS, []).key()
