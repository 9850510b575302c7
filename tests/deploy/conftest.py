"""What functions find where they run: their environment, Parameter Store, a topic and a queue."""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.core.event import Event
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize_functions import configuration
from pawsonalize_functions.clients import client
from tests.aws.wire.server import Wire, served
from tests.aws_shapes import ACCOUNT, REGION
from tests.deploy.templates import ENV, FORMS, Template, read_template, settings_of
from tests.event_data import T0
from tests.plugins.notifications.receivers import Topic
from tests.service_data import make_service
from tests.training import train

ARN = f"arn:aws:personalize:{REGION}:{ACCOUNT}:"


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service that knows cat people and dog people, with both models live."""
    folder = tmp_path_factory.mktemp("data")
    with served(live(folder)) as running:
        yield running


def live(folder: Path, more: Sequence[Event] = ()) -> Path:
    """A data folder whose two campaigns serve a version each."""
    with opened(make_service(folder, train=False)) as adapters:
        adapters.log.append(more)
        for solution in (RECOMMENDER, RERANKER):
            version = train(adapters, T0 + 1000, solution=solution)
            adapters.campaigns.update(solution, version.name, T0 + 1000)
    return folder


class Deployment:
    """The environment of the functions, and what its names lead to."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.name = uuid.uuid4().hex
        self.set(
            RERANKING_ENABLED="true",
            PROMOTION_THRESHOLD="0.01",
            MIN_PROVISIONED_TPS="1",
            RERANK_MIN_PROVISIONED_TPS="2",
            EXPLORATION_WEIGHT="0.1",
            EXPLORATION_ITEM_AGE_CUT_OFF="30",
            AWS_MAX_ATTEMPTS="2",
        )
        self.put("EVENT_TRACKER_ID_PATH", "pawsonalize")
        for model in ("recommender", "reranker"):
            self.put(f"{model.upper()}_CAMPAIGN_ARN_PATH", f"{ARN}campaign/{model}")
            self.put(f"{model.upper()}_SOLUTION_ARN_PATH", f"{ARN}solution/{model}")
            self.put(f"{model.upper()}_SOLUTION_VERSION_ARN_PATH", "the first one")

    @cached_property
    def topic(self) -> Topic:
        """Where notifications go, as soon as a test asks for it."""
        topic = Topic()
        self.set(NOTIFICATION_TOPIC_ARN=topic.name)
        return topic

    def make_dead_letter_queue(self) -> None:
        queue = boto3.client("sqs").create_queue(QueueName=f"dead-{self.name}")
        self.set(DEAD_LETTER_QUEUE_URL=queue["QueueUrl"])

    def dead_letters(self) -> list[dict[str, Any]]:
        """What lies in the queue."""
        taken = boto3.client("sqs").receive_message(
            QueueUrl=os.environ["DEAD_LETTER_QUEUE_URL"], MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in taken.get("Messages", [])]

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def put(self, variable: str, value: str) -> None:
        """Name an entry of Parameter Store in a variable, and give it a value."""
        path = f"/{self.name}/{variable.lower()}"
        self.set(**{variable: path})
        boto3.client("ssm").put_parameter(Name=path, Value=value, Type="String", Overwrite=True)
        configuration.forget()

    @contextmanager
    def without_parameter_store(self) -> Iterator[None]:
        """In the block nobody can read an entry."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:9")
            client.cache_clear()
            yield
        client.cache_clear()

    def value(self, variable: str) -> str:
        path = f"/{self.name}/{variable.lower()}"
        value: str = boto3.client("ssm").get_parameter(Name=path)["Parameter"]["Value"]
        return value


@pytest.fixture
def deployment(wire: Wire, aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Functions of this process that talk to the module's service, and else to moto."""
    for kind in ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{kind}", wire.url)
    client.cache_clear()
    yield Deployment(monkeypatch)
    client.cache_clear()
    configuration.forget()


@pytest.fixture(scope="session")
def written_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Both forms, written once for all processes of a test run: it takes half a minute."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "templates"
    with (shared / "templates.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            from pawsonalize_deploy.stack.app import write_templates

            making = shared / "templates-in-the-making"
            for engine in FORMS:
                write_templates(ENV, settings_of(engine), making / engine)
            making.rename(folder)
    return {engine: read_template(engine, folder / engine) for engine in FORMS}


@pytest.fixture(params=FORMS)
def template(request: pytest.FixtureRequest, written_templates: dict[str, Template]) -> Template:
    """Each form."""
    return written_templates[request.param]


@pytest.fixture
def self_hosted(written_templates: dict[str, Template]) -> Template:
    """The form with our service."""
    return written_templates["pawsonalize"]


@pytest.fixture
def on_amazon(written_templates: dict[str, Template]) -> Template:
    """The form with Amazon Personalize itself."""
    return written_templates["amazon-personalize"]
