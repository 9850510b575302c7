"""A client that a generator makes of the API document: typed, and good for a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.openapi import openapi
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from tests.adoption_site import serving
from tests.service_data import make_key, make_service

PROGRAM = """
import sys

from pawsonalize_client import AuthenticatedClient
from pawsonalize_client.api.animals import put_animals
from pawsonalize_client.api.answers import (
    post_detailed_recommendations,
    post_recommendations,
    post_rerankings,
)
from pawsonalize_client.api.events import post_events
from pawsonalize_client.models import (
    AnimalForm,
    AnimalList,
    AnimalsReceipt,
    DetailedRecommendations,
    ErrorAnswer,
    EventForm,
    EventList,
    EventsReceipt,
    ItemMetadata,
    RecommendationRequest,
    RecommendationRequestIncludeItem,
    RecommendationRequestOf,
    RerankingRequest,
    RerankingResponse,
)
from pawsonalize_client.types import Unset

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])

rex = AnimalForm(id="rex", species="dog", breed="Beagle", size="medium", age="adult", name="Rex")
tom = AnimalForm(id="tom", species="cat", breed="Siamese", size="small", age="baby", name="Tom")
listed = put_animals.sync(client=client, body=AnimalList(animals=[rex, tom]))
assert isinstance(listed, AnimalsReceipt), listed
created: int = listed.created
print("animals", created)

event = EventForm(session_id="s-1", user_id="ann", event_type="favorite", animal_id="rex")
receipt = post_events.sync(client=client, body=EventList(events=[event]))
assert isinstance(receipt, EventsReceipt), receipt
accepted: int = receipt.accepted
print("events", accepted)

question = RecommendationRequest(
    user_id="ann",
    of=RecommendationRequestOf.ANIMALS,
    include=[RecommendationRequestIncludeItem.ANIMAL],
)
found = post_recommendations.sync(client=client, body=question)
assert isinstance(found, list), found
names: list[str] = []
for one in found:
    assert not isinstance(one.animal, Unset) and not isinstance(one.animal.name, Unset)
    names.append(one.animal.name)
print("recommended", *sorted(names))

groups = post_recommendations.sync(client=client, body=RecommendationRequest(limit=2))
assert isinstance(groups, list), groups
ids: list[str] = [one.id for one in groups]
print("groups", len(ids))

detailed = post_detailed_recommendations.sync(client=client, body=question)
assert isinstance(detailed, DetailedRecommendations), detailed
reasons: list[list[str]] = [one.reasons for one in detailed.recommendations]
print("detailed", len(reasons))

asked = RerankingRequest(
    user_id="ann",
    item_metadata_list=[ItemMetadata(item_id="tom"), ItemMetadata(item_id="rex")],
)
ranked = post_rerankings.sync(client=client, body=asked)
assert isinstance(ranked, RerankingResponse), ranked
ranking: list[str] = ranked.ranking
shares: list[float] = [one.score for one in ranked.personalize_response.personalized_ranking]
print("ranking", *sorted(ranking), round(sum(shares), 6))

wrong = post_rerankings.sync(client=client, body=RerankingRequest(item_metadata_list=[]))
assert isinstance(wrong, ErrorAnswer), wrong
field = wrong.error.field
assert not isinstance(field, Unset)
print("error", wrong.error.code, field)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the generated client lies, with a program that uses it."""
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_text(json.dumps(openapi()))
    config = folder / "config.json"
    config.write_text(json.dumps({"post_hooks": []}))
    package = folder / "pawsonalize_client"
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", document, "--output-path", package, "--config", config),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "Warning" not in made.stdout + made.stderr, "nothing of the document may be left out"
    (folder / "program.py").write_text(PROGRAM)
    (package / "py.typed").touch()
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("asked"), access_keys="required")


@pytest.fixture(scope="module")
def address(service: Settings) -> Iterator[str]:
    with serving(build_app(service)) as address:
        yield address


def test_it_asks_a_real_server(folder: Path, service: Settings, address: str) -> None:
    ran = subprocess.run(
        [sys.executable, "program.py", address, make_key(service, Scope.SITE)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "animals 2",
        "events 1",
        "recommended Rex Tom",
        "groups 2",
        "detailed 2",
        "ranking rex tom 1.0",
        "error invalid_input userId",
    ]


def test_its_types_say_what_answers_hold(folder: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "program.py"],
        cwd=folder,
        env={**os.environ, "MYPY_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
