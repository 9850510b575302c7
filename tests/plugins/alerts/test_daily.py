"""A day's alerts: once, within bounds, and to nobody who does not wish it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.configuration import unusable
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import Conflict
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.times import DAY
from pawsonalize.plugins.alerts import channels_of
from pawsonalize.plugins.alerts.composition import Alerts
from pawsonalize.plugins.alerts.searches import SearchRules
from pawsonalize.recommend.tables import ALERT
from tests.plugins.alerts.conftest import LISTED, animals, fill, put_user
from tests.service_data import client_of, make_service

ON: dict[str, Any] = {
    "alerts": True,
    "alerts_url": "http://127.0.0.1:8080/",
    "notify_webhook_url": "http://127.0.0.1:9/hook",
    "notify_webhook_secret": "c2VjcmV0IG9mIHR3ZW50eS1mb3VyIGJ5dGVz",
    "site": True,
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_service(tmp_path, train=False, **ON)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        fill(client)
        yield client


def alerts_of(client: TestClient) -> Alerts:
    found: Alerts = client.app.state.plugins["alerts"]  # type: ignore[attr-defined]
    return found


def news_of(settings: Settings) -> list[Notification]:
    """The alerts in the outbox, in no order."""
    with opened(settings) as adapters:
        found = adapters.deliveries.newest(1_000)
    assert {one.notifier for one in found} <= {"webhook"}
    return [one.notification for one in found]


def sent(settings: Settings) -> list[tuple[str, str]]:
    """Users and animals."""
    return [
        (one.details["userId"], one.details["animalId"])
        for one in news_of(settings)
        if one.kind is NotificationKind.ALERT
    ]


def test_a_day_is_written_once_within_both_bounds_and_for_those_who_love_the_animal(
    client: TestClient, settings: Settings
) -> None:
    daily, now = alerts_of(client).daily, clock.now()
    daily.send_once(now)
    pairs = sent(settings)
    assert set(Counter(user for user, _ in pairs).values()) == {2}, "a week's bound is used"
    assert max(Counter(animal for _, animal in pairs).values()) <= 5
    assert {user.split()[0] == animal.split("-")[0] for user, animal in pairs} == {True}
    daily.send_once(now)
    daily.send_once(now + DAY)
    assert sent(settings) == pairs, "nobody hears of a third animal in the same week"
    daily.send_once(now + 8 * DAY)
    later = sent(settings)
    assert len(later) == len(set(later)) > len(pairs), "nor of the same animal again"


def test_two_servers_write_nothing_twice(client: TestClient, settings: Settings) -> None:
    now = clock.now()
    with client_of(build_app(settings)) as other, ThreadPoolExecutor(2) as threads:
        rounds = [alerts_of(one).daily.send_once for one in (client, other)]
        for work in [threads.submit(one, now) for one in rounds]:
            work.result()
    pairs = sent(settings)
    assert len(pairs) == len(set(pairs)) == 16
    assert max(Counter(user for user, _ in pairs).values()) == 2


def test_a_round_that_was_broken_off_is_ended_by_the_next(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts, now = alerts_of(client), clock.now()
    add, begun = alerts.book.add, []

    def dies(*arguments: Any) -> bool:
        begun.append(arguments)
        if len(begun) > 3:
            raise KeyboardInterrupt
        return add(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(alerts.book, "add", dies)
        with pytest.raises(KeyboardInterrupt):
            alerts.daily.send_once(now)
    assert len(sent(settings)) == 3
    alerts.daily.send_once(now)
    pairs = sent(settings)
    assert len(pairs) == len(set(pairs)) == 16


def test_an_alert_is_an_answer_that_a_visit_is_joined_to_and_no_page(
    client: TestClient, settings: Settings
) -> None:
    now = clock.now()
    alerts_of(client).daily.send_once(now)
    news = news_of(settings)[0]
    details = news.details
    who = ("Nina waits", "A dog waits", "A cat waits")
    assert any(one in news.text for one in who)
    assert all(one in news.text for one in (*details["reasons"], details["stopUrl"]))
    url = urlsplit(details["url"])
    assert (url.path, url.query) == (
        f"/animals/{details['animalId']}",
        f"from={details['recommendationId']}",
    )
    with opened(settings) as adapters:
        answer = adapters.impressions.get(details["recommendationId"])
        assert answer is not None
        assert (answer.question, answer.user_id) == (ALERT, details["userId"])
        assert answer.propensities is not None
        assert 0 < answer.propensities[0] <= 1
        assert answer.animal_ids == ((details["animalId"],),)
        assert adapters.impressions.newest_pages(10) == []
        shown = adapters.exposures.of([one["id"] for one in animals()])
        assert sum(shown.values()) == 16


def test_hard_rules_and_the_word_of_the_visitor_hold_for_alerts(
    client: TestClient, settings: Settings
) -> None:
    client.put("/v1/animals", json=[{**one, "goodWithKids": "no"} for one in animals()])
    for n in range(4):
        put_user(client, f"dog {n}", ALERTS="yes", KIDS="yes")
        put_user(client, f"cat {n}", ALERTS="no")
    alerts_of(client).daily.send_once(clock.now())
    assert sent(settings) == []


def test_a_visitor_who_stops_while_a_round_goes_on_is_told_no_more(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts, now = alerts_of(client), clock.now()
    matches = alerts.matching.match

    def stops(*arguments: Any) -> Any:
        for n in range(4):
            alerts.stop(f"dog {n}", now)
        return matches(*arguments)

    monkeypatch.setattr(alerts.matching, "match", stops)
    alerts.daily.send_once(now)
    assert {user.split()[0] for user, _ in sent(settings)} == {"cat"}


def test_one_click_stops_alerts_and_programs_that_open_links_do_not(
    client: TestClient, settings: Settings
) -> None:
    alerts, now = alerts_of(client), clock.now()
    put_user(client, "a/b c", ALERTS="yes", KIDS="yes")
    alerts.book.save("a/b c", "species=2", now)
    link = alerts.messages.stop_url("a/b c").removeprefix("http://127.0.0.1:8080")

    def stored() -> dict[str, Any]:
        found: dict[str, Any] = client.get("/v1/users/a%2Fb%20c").json()["attributes"]
        return found

    page = client.get(link)
    assert (page.status_code, "<button" in page.text) == (200, True)
    german = client.get(link, headers={"Accept-Language": "de"}).text
    assert "<h1>Keine Nachrichten über Tiere mehr?</h1>" in german
    assert stored() == {"ALERTS": "yes", "KIDS": "yes"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for wrong in (link[:-1], link.replace("b%20c", "d")):
        assert client.post(wrong, headers=form).status_code == 403
    assert stored()["ALERTS"] == "yes"
    assert client.post(link, headers=form).status_code == 200
    assert stored() == {"ALERTS": "no", "KIDS": "yes"}
    assert alerts.book.searches(9, "a/b c") == []
    [news] = news_of(settings)
    assert (news.kind, news.details) == (NotificationKind.ALERTS_STOPPED, {"userId": "a/b c"})
    with client_of(build_app(settings)) as other:  # all servers sign alike
        assert alerts_of(other).messages.stop_url("a/b c").endswith(link)


def test_who_saved_a_search_is_told_of_new_animals_that_fit_and_of_no_others(
    client: TestClient, settings: Settings
) -> None:
    alerts, now = alerts_of(client), clock.now()
    put_user(client, "saver", KIDS="yes")
    alerts.book.save("saver", "species=2&size-1=on&home=yes&dogs=yes", now - DAY)
    for n in range(4):
        put_user(client, f"dog {n}")
        put_user(client, f"cat {n}")
    listed = {**LISTED, "species": "dog", "breed": "Pug", "listedAt": now - 1_000}
    new = {
        "fits": {},
        "a cat": {"species": "cat"},
        "large": {"size": "large"},
        "no kids": {"goodWithKids": "no"},
        "no dogs": {"goodWithDogs": "no"},
        "old": {"listedAt": "2026-01-02"},
    }
    forms = [{**listed, "id": one, **more} for one, more in new.items()]
    assert client.put("/v1/animals", json=forms).json()["rejected"] == []
    put_user(client, "saver", KIDS="yes", ALERTS="no", LANGUAGE="de-AT")
    alerts.daily.send_once(now - DAY)
    assert sent(settings) == []
    alerts.save("saver", "species=2&size-1=on&home=yes&dogs=yes", now)
    alerts.daily.send_once(now)
    assert sent(settings) == [("saver", "fits")]
    (news,) = news_of(settings)
    details, stop = news.details, "Keine Nachrichten über Tiere mehr: http://127.0.0.1:8080/alerts"
    assert news.subject == "Hund ohne Namen könnte zu dir passen (Pug, erwachsen · klein)"
    assert "Hund ohne Namen wartet auf ein Zuhause: noch weiß niemand, ob es " in news.text
    assert stop in news.text
    assert details["search"] == "species=2&size-1=on&home=yes&dogs=yes"
    assert "nobody knows yet whether it likes dogs" in details["reasons"]
    alerts.book.remove("saver")
    client.put("/v1/animals", json=[{**listed, "id": "fits too"}])
    alerts.daily.send_once(now + 8 * DAY)
    assert sent(settings) == [("saver", "fits")]


def test_whoever_comes_after_a_search_was_saved_is_new_whatever_the_day_of_intake(
    client: TestClient, settings: Settings
) -> None:
    alerts, now = alerts_of(client), clock.now()
    pug = {**LISTED, "species": "dog", "breed": "Pug", "intakeAt": "2026-01-02"}
    client.put("/v1/animals", json=[{**pug, "id": "held", "status": "hold"}, {**pug, "id": "here"}])
    alerts.save("saver", "species=2", now)
    client.post("/v1/animals/held/status", json={"status": "available"})
    client.put("/v1/animals", json=[{**pug, "id": "late"}])
    alerts.daily.send_once(now + DAY)
    assert {one for one in sent(settings) if one[0] == "saver"} == {
        ("saver", "held"),
        ("saver", "late"),
    }


def test_a_search_by_words_fits_who_has_them(client: TestClient, settings: Settings) -> None:
    alerts, now = alerts_of(client), clock.now()
    for one in ("dog 0", "nobody"):
        alerts.book.save(one, f"q={'poodle' if one == 'dog 0' else 'unicorn'}", now - DAY)
    for n in range(4):
        put_user(client, f"dog {n}")
        put_user(client, f"cat {n}")
    listed = {**LISTED, "species": "dog", "listedAt": now - 1_000}
    client.put("/v1/animals", json=[{**listed, "id": b, "breed": b} for b in ("Pug", "Poodle")])
    alerts.daily.send_once(now)
    assert sent(settings) == [("dog 0", "Poodle")]


def test_a_search_is_read_as_words() -> None:
    search = "q=quiet&species=2&home=yes&kids=yes&near=95354&within=50&trained=yes&size-1=on"
    words = "small dogs, for a home with children, house-trained, within 50 km, “quiet”"
    assert SearchRules.of(search).in_words == words


def test_what_is_held_of_a_visitor_is_erased_with_the_visitor(
    client: TestClient, settings: Settings
) -> None:
    alerts, now = alerts_of(client), clock.now()
    alerts.book.save("dog 0", "species=2", now)
    alerts.daily.send_once(now)
    alerts.stop("dog 1", now)
    with opened(settings) as adapters:
        assert mentions(adapters, "dog 0") == 2 + 2 + 1
        assert mentions(adapters, "dog 1") == 2 + 2 + 1
    for user in ("dog 0", "dog 1"):
        erasure = client.delete(f"/v1/users/{user}").json()["erasureId"]
        for _ in range(5):
            client.app.state.services.erasing.work()  # type: ignore[attr-defined]
        assert client.get(f"/v1/erasures/{erasure}").json()["steps"]["tables"]
    with opened(settings) as adapters:
        assert mentions(adapters, "dog 0") == mentions(adapters, "dog 1") == 0
        assert mentions(adapters, "dog 2") == 4
    assert alerts.book.room(now).of_user("dog 2") == 0


def mentions(adapters: Adapters, user_id: str) -> int:
    """Rows of the work table that name the user: alerts, deliveries, saved searches."""
    rows = [
        one
        for kind in ("alert", "saved-search", "delivery")
        for one in adapters.work.newest(kind, 999)
    ]
    return sum(user_id in one.payload for one in rows)


def test_the_link_of_somebody_who_was_erased_brings_nothing_back(client: TestClient) -> None:
    alerts = alerts_of(client)
    link = alerts.messages.stop_url("gone").removeprefix("http://127.0.0.1:8080")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(link, headers=form).status_code == 200
    assert client.get("/v1/users/gone").status_code == 404


def test_a_service_that_can_order_nobody_yet_tries_again_later(tmp_path: Path) -> None:
    settings = Settings.of(data_dir=tmp_path, log_level="error", retrain_here=False, **ON)
    with client_of(build_app(settings)) as client:
        now = clock.now()
        put_user(client, "dog 0", ALERTS="yes")
        alerts_of(client).daily.send_once(now)
        fill(client)
        alerts_of(client).daily.send_once(now)
    assert len(sent(settings)) == 16


def test_old_alerts_are_forgotten_and_a_week_of_them_never(client: TestClient) -> None:
    alerts, now = alerts_of(client), clock.now()
    alerts.daily.send_once(now)
    alerts.book.forget(now + 364 * DAY)
    assert len(alerts.book.sent("dog 0")) == 2
    alerts.book.forget(now + 366 * DAY)
    assert alerts.book.sent("dog 0") == frozenset()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"alerts_url": ""}, "set public_url"),
        ({"alerts_url": "", "public_url": "https://pets.example.org"}, None),
        ({"notify_webhook_url": "", "notify_webhook_secret": ""}, "set notify_webhook_url"),
        ({"alerts": False, "alerts_url": ""}, None),
        ({}, None),
    ],
)
def test_alerts_that_reach_nobody_or_cannot_be_stopped_are_refused_at_the_start(
    changed: dict[str, Any], words: str | None, tmp_path: Path
) -> None:
    found = list(unusable(Settings.of(data_dir=tmp_path, **{**ON, **changed})))
    assert (words is None) == (found == []), found
    assert words is None or words in found[0]


def test_a_user_has_few_saved_searches_each_once(client: TestClient) -> None:
    book, now = alerts_of(client).book, clock.now()
    for n in (0, 1, 2, 3, 4, 4):
        book.save("dog 0", f"q=word {n}", now + n)
    with pytest.raises(Conflict, match="5 searches saved already"):
        book.save("dog 0", "q=another", now)
    assert book.searches(9, "dog 0")[0].search == "q=word 4"
    book.remove("dog 0", "q=word 4")
    assert len(book.searches(9, "dog 0")) == 4


def test_e_mail_takes_alerts_in_the_demo_alone(tmp_path: Path) -> None:
    mail = {
        "notify_email_to": "me@shelter.example",
        "notify_email_from": "pets@shelter.example",
        "notify_smtp_url": "smtp://localhost",
    }
    for is_demo in (True, False):
        settings = Settings.of(data_dir=tmp_path, demo_site=is_demo, **{**ON, **mail})
        assert channels_of(settings) == (("webhook", "email") if is_demo else ("webhook",))
