"""Everything at once, in threads that take turns as often as they can: nothing fails."""

import itertools
import os
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from pawsonalize.app import app as running
from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.event import Visitor
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import MINUTE
from pawsonalize.core.work import tasks
from pawsonalize.recommend.query import Query
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.kind import new_recommendation_id
from tests.event_data import T0
from tests.page_data import page
from tests.service_data import CATS, DOGS, client_of, make_key, make_service, metadata, view
from tests.training import train

SHORT_SECONDS = 4.0
LONG_SECONDS = float(os.environ.get("PAWSONALIZE_STRESS_SECONDS", "600"))
KEPT = 300  # animals, of which the oldest leave
OFTEN = 0.01  # seconds between what is else done every few seconds


class Stress:
    """One service, and what is done to it; `answers` counts them by what was asked and status."""

    def __init__(
        self, client: TestClient, adapters: Adapters, versions: list[str], errors: list[str]
    ) -> None:
        self.client = client
        self.adapters = adapters
        self.versions = versions
        self.answers: Counter[tuple[str, int]] = Counter()
        self.errors = errors
        self.numbers = itertools.count()
        self.there: deque[str] = deque()
        self.began = clock.now()

    def call(self, what: str, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.request(method, path, json=body)
        self.answers[what, answer.status_code] += 1
        if answer.status_code >= 400:
            self.errors.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def ask_now(self, rng: random.Random) -> None:
        """A page of animals, and one of them opened."""
        visitor = f"s{next(self.numbers)}"
        asked = {"of": "animals", "sessionId": visitor, "limit": 200}
        page = self.call("now", "POST", "/v1/recommendations/detailed", asked)
        for place in rng.sample(page["recommendations"], min(3, len(page["recommendations"]))):
            opened = {"sessionId": visitor, "eventType": "view", "animal_id": place["id"]}
            opened["recommendationId"] = page["recommendationId"]
            self.call("event", "POST", "/v1/events", opened)

    def ask_past(self, rng: random.Random) -> None:
        """The same of another moment; now and then of one that was asked for before."""
        at = self.began - rng.randrange(6) * MINUTE
        asked: dict[str, Any] = {"of": rng.choice(("animals", "groups")), "at": at}
        self.call("past", "POST", "/v1/recommendations", asked | {"userId": "seed 1"})

    def page_now(self, _rng: random.Random) -> None:
        """A page of animals without a door, which is quicker: so threads meet more often.

        And one of another server, of animals that were never shown before.
        """
        now, number = clock.now(), next(self.numbers)
        self.recommend(now)
        shown = page(new_recommendation_id(now), *(f"gone{number}-{n}" for n in range(25)))
        self.adapters.impressions.append([replace(shown, answered_at=now, as_of=now)])

    def page_past(self, rng: random.Random) -> None:
        """The same of another moment."""
        self.recommend(self.began - rng.randrange(100))

    def recommend(self, at: int) -> None:
        app: Any = self.client.app
        now = max(at, clock.now())
        query = Query(Visitor(None, f"s{next(self.numbers)}"), at, now, limit=200)
        app.state.services.animal_recommender.recommend(query)
        self.answers["page", 200] += 1

    def ask_groups(self, rng: random.Random) -> None:
        """Groups, and a list in order."""
        user = f"seed {rng.randrange(20)}"
        self.call("groups", "POST", "/v1/recommendations", {"userId": user})
        listed = [
            {"itemId": f"x{n}", "animalMetadata": metadata(group)}
            for n, group in enumerate((*CATS, *DOGS))
        ]
        asked = {"userId": user, "itemMetadataList": listed}
        self.call("ranking", "POST", "/v1/rerankings", asked)

    def send_events(self, rng: random.Random) -> None:
        """Events of many users."""
        events = [view(f"u{next(self.numbers)}", rng.choice(CATS + DOGS)) for _ in range(20)]
        self.call("event", "POST", "/v1/events", events)

    def change_animals(self, rng: random.Random) -> None:
        """Animals come, and go home."""
        number = next(self.numbers)
        new: list[dict[str, Any]] = [
            {"id": f"a{number}-{n}", "species": "dog", "breed": f"Breed {rng.randrange(60)}"}
            | {"size": "medium", "age": "adult", "shelter": f"shelter {rng.randrange(5)}"}
            for n in range(10)
        ]
        self.call("inventory", "PUT", "/v1/animals", new)
        self.there.extend(one["id"] for one in new)
        while len(self.there) > KEPT:
            path = f"/v1/animals/{self.there.popleft()}/status"
            self.call("inventory", "POST", path, {"status": "adopted"})

    def promote(self, rng: random.Random) -> None:
        """Another version is served, with newer counts; and somebody looks how all is."""
        version = rng.choice(self.versions)
        self.adapters.campaigns.update(RECOMMENDER, version, clock.now())
        self.adapters.refresher.refresh(version, clock.now())
        for path in ("/readyz", "/metrics"):
            self.answers[path, self.client.get(path).status_code] += 1
        time.sleep(0.2)

    def go(self, act: Callable[[random.Random], None], until: float) -> None:
        """Do it again and again."""
        rng = random.Random(act.__name__)
        while time.monotonic() < until:
            try:
                act(rng)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test is to tell of it
                self.errors.append(f"{act.__name__}: {error!r}")


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("stress"), access_keys="required")


@contextmanager
def begun(settings: Settings) -> Iterator[Stress]:
    """The service, whose answers are made in threads as on PostgreSQL, and a second program."""
    key = make_key(settings, Scope.SITE, Scope.OPERATOR, Scope.MONITOR)
    errors: list[str] = []

    def failed(name: str, reason: str, *_: object) -> None:
        if name != "answer in time":  # nobody is, here
            errors.append(f"{name}: {reason}")

    with pytest.MonkeyPatch.context() as patch, opened(settings) as adapters:
        adapters.impressions.append(
            [page(f"RID-{n}", *(f"gone{n}-{m}" for m in range(25)), at=n) for n in range(200)]
        )
        versions = [train(adapters, T0 + n).name for n in range(2_000, 2_006)]
        for often in ("CHOICES", "SHOWN", "FOLLOW"):
            patch.setattr(running, f"_{often}_SECONDS", OFTEN)
        patch.setattr(running, "_USES_SECONDS", OFTEN)
        patch.setattr(tasks, "_failed", failed)
        patch.setattr(Adapters, "answers_at_once", property(lambda _: False))
        with client_of(build_app(settings), raise_server_exceptions=False) as client:
            client.headers["Authorization"] = f"Bearer {key}"
            before = sys.getswitchinterval()
            sys.setswitchinterval(1e-6)
            try:
                yield Stress(client, adapters, versions, errors)
            finally:
                sys.setswitchinterval(before)


@pytest.mark.parametrize(
    "seconds", [SHORT_SECONDS, pytest.param(LONG_SECONDS, marks=pytest.mark.nightly)]
)
def test_nothing_fails_while_everything_is_done_at_once(service: Settings, seconds: float) -> None:
    with begun(service) as stress:
        acts = (
            *(stress.ask_now, stress.ask_past, stress.ask_groups, stress.send_events),
            *(stress.change_animals, stress.promote, stress.page_now, stress.page_past),
        )
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(len(acts)) as threads:
            list(threads.map(lambda act: stress.go(act, until), acts))
    print(sorted(stress.answers.items()))
    assert stress.errors == []
    assert {what for what, _ in stress.answers} >= {"now", "past", "groups", "ranking", "event"}
