"""A service that stands for Amazon Personalize, a proxy before it, and a service that drives it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.event import Event, Visitor
from pawsonalize.recommend.exploration import ImpressionLog
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.groups import Answer, GroupRecommender
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.recommend.query import Query
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize_remote_amazon.composition import AmazonEngine
from tests.aws.wire.server import Wire, served
from tests.aws_shapes import REGION
from tests.event_data import event
from tests.faulty_proxy import FaultyProxy, faulty_proxy
from tests.service_data import SETTINGS, fill
from tests.waiting import wait_until


@dataclass
class Driving:
    """A service, open in this process, and its Amazon."""

    settings: Settings
    adapters: Adapters
    live: dict[str, LiveModel]
    amazon: Wire
    proxy: FaultyProxy

    def __post_init__(self) -> None:
        self.impressions = ImpressionLog(self.adapters.impressions)

    @property
    def remote(self) -> AmazonEngine:
        assert isinstance(self.adapters.remote, AmazonEngine)
        return self.adapters.remote

    @property
    def group_recommender(self) -> GroupRecommender:
        return GroupRecommender(
            Filtering(self.adapters.log, self.adapters.catalogue),
            self.live[RECOMMENDER],
            self.impressions,
            self.live.get("reranker"),
        )

    def send(self, *events: Event) -> None:
        """Store events here."""
        self.adapters.log.append(list(events))

    def create(self, solution: str = RECOMMENDER, name: str | None = None) -> SolutionVersion:
        """A version that waits for its training."""
        now = clock.now()
        return self.adapters.versions.create(solution, as_of=now, now=now, name=name)

    def train(self, solution: str = RECOMMENDER) -> SolutionVersion:
        """A new version that Amazon trained."""
        return self.adapters.trainer.train(self.create(solution).name)

    def serve(self, version: SolutionVersion) -> None:
        """Ask for a version, and wait until it is live."""
        campaign = version.solution
        self.adapters.campaigns.update(campaign, version.name, clock.now())
        wait_until(lambda: self.look(campaign) == version.name)

    def look(self, campaign: str = RECOMMENDER) -> str | None:
        """What serves after one more look."""
        live = self.live[campaign]
        live.refresh(clock.now())
        return live.current.version.name if live.is_ready else None

    def recommend(self, user: str | None = "seed 0", limit: int = 3, **more: Any) -> Answer:
        now = clock.now()
        return self.group_recommender.recommend(Query(Visitor(user), now, now, limit=limit, **more))

    def versions_there(self, solution: str = RECOMMENDER) -> list[dict[str, Any]]:
        arn = self.remote.personalize.versions.find_solution(solution)
        found = self.amazon.personalize.list_solution_versions(solutionArn=arn)
        return list(found["solutionVersions"])


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """What stands for Amazon Personalize."""
    with served(tmp_path_factory.mktemp("amazon"), max_dataset_groups=50) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(amazon: Wire) -> Iterator[FaultyProxy]:
    """The way to it."""
    with faulty_proxy(amazon.url) as between, pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        for service in ("", "_EVENTS", "_RUNTIME"):
            patch.setenv(f"AWS_ENDPOINT_URL_PERSONALIZE{service}", between.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "an id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
        patch.setenv("no_proxy", "127.0.0.1")
        yield between


def settings_of(folder: Path, **more: Any) -> Settings:
    """Those of a service that drives an Amazon."""
    return Settings.of(
        data_dir=folder,
        engine="amazon-personalize",
        amazon_region=REGION,
        amazon_check_seconds=0.05,
        **SETTINGS | more,
    )


@pytest.fixture
def driving(tmp_path: Path, amazon: Wire, proxy: FaultyProxy, request: Any) -> Iterator[Driving]:
    """A service of its own, which calls its things there after the test."""
    group = request.node.name.replace("_", "-")[-45:].strip("-")
    with driven(settings_of(tmp_path, amazon_dataset_group=group), amazon, proxy) as driving:
        yield driving


@contextmanager
def driven(settings: Settings, amazon: Wire, proxy: FaultyProxy) -> Iterator[Driving]:
    """A service with these settings, filled."""
    proxy.mend()
    proxy.asked.clear()
    with opened(settings) as adapters:
        fill(adapters)
        driving = Driving(settings, adapters, adapters.live_models(), amazon, proxy)
        yield driving
        driving.impressions.close()
    proxy.mend()


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, amazon: Wire, proxy: FaultyProxy
) -> Iterator[Driving]:
    """A service whose recommender and reranker are live at Amazon."""
    settings = settings_of(tmp_path_factory.mktemp("trained"), amazon_dataset_group="trained")
    with driven(settings, amazon, proxy) as one:
        one.serve(one.train())
        one.serve(one.train("reranker"))
        yield one


@pytest.fixture
def live(trained: Driving) -> Iterator[Driving]:
    """The same; whatever went wrong in a test is mended after it."""
    trained.proxy.mend()
    trained.proxy.asked.clear()
    yield trained
    trained.proxy.mend()


def events_there(driving: Driving, user: str) -> list[dict[str, Any]]:
    """What Amazon was given of a user, in order, every time that it was."""
    return [
        one
        for operation, asked in driving.proxy.asked
        if operation == "PutEvents" and asked.get("userId") == user
        for one in asked["eventList"]
    ]


def views(user: str, count: int, **more: Any) -> list[Event]:
    """Events of one user in one session."""
    return [
        event(f"{user} {n}", user=user, session=f"of {user}", at=n, **more) for n in range(count)
    ]
