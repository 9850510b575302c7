"""A server whose live model is damaged serves the one before, and says so."""

import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.recommend.live_model import LiveModel, Loader, ServingSettings
from tests.event_data import T0
from tests.service_data import client_of, make_service
from tests.training import train


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A service that serves `two`, and served `one` before."""
    settings = make_service(tmp_path, train=False)
    with opened(settings) as adapters:
        live = LiveModel(
            "recommender",
            adapters.campaigns,
            Loader(adapters.registry, adapters.artefacts),
            ServingSettings(),
        )
        for at, name in ((T0 + 1, "one"), (T0 + 2, "two")):
            train(adapters, at, recipe="popularity-count", name=name)
            adapters.campaigns.update("recommender", name, at)
            live.refresh(at)
    return settings


def test_after_a_restart_the_version_before_answers_and_readiness_and_metrics_say_so(
    settings: Settings,
) -> None:
    card = settings.models_dir / "two" / "card.json"
    card.write_bytes(b"broken")
    with client_of(build_app(settings)) as client:
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["solutionVersion"] == "one"
        (problem,) = ready.json()["problems"]
        assert problem["name"] == "model of campaign recommender"
        assert "the model of two cannot be used" in problem["message"]
        assert "one serves instead" in problem["message"]
        assert client.post("/v1/recommendations", json={}).status_code == 200
        name = 'pawsonalize_problem{name="model of campaign recommender"} 1.0'
        assert name in client.get("/metrics").text


def test_an_update_to_a_damaged_model_is_a_problem_until_a_good_one_serves(
    settings: Settings,
) -> None:
    with opened(settings) as adapters:
        train(adapters, T0 + 3, recipe="popularity-count", name="three")
        (settings.models_dir / "three" / "card.json").write_bytes(b"broken")
        with client_of(build_app(settings)) as client:
            adapters.campaigns.update("recommender", "three", T0)
            ready = until(client, problems=1)
            assert ready["solutionVersion"] == "two"
            assert "the update to three failed" in ready["problems"][0]["message"]
            adapters.campaigns.update("recommender", "one", T0)
            assert until(client, problems=0)["solutionVersion"] == "one"


def until(client: TestClient, problems: int) -> Any:
    """What /readyz says as soon as so many problems named a model."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        ready = client.get("/readyz").json()
        found = [one for one in ready["problems"] if one["name"].startswith("model of")]
        if len(found) == problems:
            return {**ready, "problems": found}
        time.sleep(0.1)
    pytest.fail("the problems did not change")
