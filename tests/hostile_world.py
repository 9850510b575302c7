"""An installation to look at on the console, with hostile names and with dead letters."""

from functools import partial
from pathlib import Path
from typing import Any

from pawsonalize.animals.tables.animals import add_shown_animals
from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.times import DAY
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.plugins.feeds.importing import FILES, BadRow, FeedReport, keep_newest_import
from pawsonalize.recommend.tables import ANIMALS, Impression
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.train.solutions import DatasetGroups
from tests.animal_data import animal
from tests.event_data import event
from tests.service_data import CATS, DOGS, make_service
from tests.training import train

MARKUP = "<script>alert('x')</script><b>"
RTL = "مأوى الحيوانات الأليفة"
LONG = "w" * 256
HOSTILE = (MARKUP, RTL, LONG)
NOW = clock.now()
RECOMMENDATION = "RID-01a21905-d676-7709-82e5-bd1f3682cf46"
SHOP = "the-shop"
OTHER_VERSION = "by-popularity"


def make_world(folder: Path, **more: Any) -> Settings:
    """The data folder, with a model that is served and another one."""
    settings = make_service(folder, max_dataset_groups=10, **more)
    with opened(settings) as adapters:
        train(adapters, NOW - DAY, recipe="popularity-count", name=OTHER_VERSION)
        DatasetGroups(adapters.registry).create(SHOP, NOW)
        _put_animals(adapters)
        _put_events(adapters)
        _put_letters(adapters)
        keep_newest_import(adapters.registry, FILES, "north", _report(), NOW)
    return settings


def _put_animals(adapters: Adapters) -> None:
    animals = [
        animal(f"cat-{n}", CATS[n], name=f"Cat {n}", listed=NOW - (9 + n) * DAY) for n in range(5)
    ]
    animals += [
        animal(f"dog-{n}", DOGS[n], name=f"Dog {n}", listed=NOW - (3 + n) * DAY) for n in range(5)
    ]
    animals += [
        animal(f"odd-{n} {name[:200]}", CATS[0], name=name, shelter=name, listed=NOW - 30 * DAY)
        for n, name in enumerate(HOSTILE)
    ]
    adapters.animals.put(animals, NOW)
    with adapters.database.writing() as connection:
        shown = [f"cat-{n}" for n in range(5)] * 20 + ["dog-1"]
        add_shown_animals(connection, [(NOW, shown)])


def _put_events(adapters: Adapters) -> None:
    adapters.impressions.append(
        [
            Impression(
                RECOMMENDATION,
                ANIMALS,
                "looker",
                "looking",
                NOW - DAY,
                NOW - DAY,
                "a-version",
                (CATS[0], CATS[1]),
                animal_ids=(("cat-0",), ("cat-1",)),
            )
        ]
    )
    seen: dict[str, Any] = {"animal_id": "cat-1", "recommendation_id": RECOMMENDATION}
    sent: dict[str, Any] = {"sent_at": NOW - DAY, "received_at": NOW - DAY}
    events = [
        event("ok", user="looker", session="looking", item=CATS[1], **seen, **sent),
        event("odd", session="s-odd", user=None, event_type="wiggle", **sent),
    ]
    events += [
        event(f"hostile {n}", user=name, session=name, event_type=name, item=CATS[0], **sent)
        for n, name in enumerate(HOSTILE)
    ]
    events += [
        event(
            f"bot {n}",
            user="crawler",
            session="crawling",
            item=(CATS + DOGS)[n % 9],
            sent_at=NOW - DAY + n * 50,
            received_at=NOW - DAY + n * 50,
        )
        for n in range(400)
    ]
    adapters.log.append(events)
    adapters.log.append([event("shops", user="shopper", dataset_group=SHOP, **sent)])


def _put_letters(adapters: Adapters) -> None:
    refused = partial(
        DeadLetter, code="invalid_input", message=f"it is wrong {MARKUP}", field="sessionId"
    )
    raws = [f'{{"eventId": "lost-{n}", "sessionId": "{n}"}}'.encode() for n in range(3)]
    raws += [MARKUP.encode() + b'"userId": "looker"', b"\xff\xfe", LONG.encode() * 90]
    for group in (DATASET_GROUP, SHOP):
        DeadLetters(adapters.database).keep(
            [refused("http", group, NOW + n, raw) for n, raw in enumerate(raws)]
        )


def _report() -> FeedReport:
    return FeedReport(
        rows=9,
        created=4,
        rejected_rows=1,
        rejected=[BadRow(3, MARKUP, f"species {MARKUP!r} is none that we know")],
        unrecognised={"breed": {MARKUP: 3, RTL: 1}, "size": {LONG: 1}, "species": {"dgo / x": 1}},
        notes=[f"left out, as nothing here is called so: {MARKUP}"],
    )
