"""`pawsonalize demo`, used only from outside."""

from pathlib import Path

import httpx
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.http.examples import RERANKING
from pawsonalize.plugins.demo.commands import prepare
from pawsonalize.plugins.demo.settings import WorldSettings
from tests.e2e.conftest import Server, Start
from tests.e2e.retraining import SMALL, make_world
from tests.service_data import view
from tests.waiting import wait_until

_TRAINING_SECONDS = 900


def detailed(client: httpx.Client, session: str) -> list[dict[str, object]]:
    """The full recommendations of a session."""
    answer = client.post(
        "/v1/recommendations", params={"detail": "full"}, json={"sessionId": session}
    )
    recommendations: list[dict[str, object]] = answer.json()["recommendations"]
    return recommendations


def wait_for_the_first_model(client: httpx.Client) -> None:
    """It trains behind the server, after all other work of the machine."""
    wait_until(
        lambda: client.get("/learning").status_code == 204,
        pause=0.5,
        told=lambda: client.get("/learning").text,
    )


@pytest.mark.parametrize(
    "animals",
    [
        pytest.param(SMALL.animals, id="small"),
        pytest.param(WorldSettings().animals, id="its own", marks=pytest.mark.nightly),
    ],
)
def test_the_demo_is_a_live_adoption_site_that_learns_from_a_click(
    start: Start, tmp_path: Path, animals: int
) -> None:
    folder = tmp_path / "data"
    settings = {"retrain_schedule": "0 3 * * *"}
    if animals == SMALL.animals:
        make_world(folder, end=clock.now())  # a folder that is filled stays as it is
        # At some hours, a model of so few events is not surely better than repeating own history.
        settings["gate_beat_popularity"] = "false"
    server: Server = start(folder, command="demo", **settings)
    with server.client() as client:
        page = client.get("/")
        assert page.status_code == 200
        assert f"{animals} animals looking for a home" in page.text
        assert "No model is live yet" in page.text, "it is served at once"
        wait_for_the_first_model(client)
        before = detailed(client, "click")
        last = str(before[-1]["id"])
        assert (
            client.post("/v1/events", json=view(None, last, sessionId="click")).status_code == 202
        )
        after = detailed(client, "click")
        assert after[0]["id"] == last
        assert after[0]["reasons"]
        assert detailed(client, "another") == before
        ranking = client.post("/v1/rerankings", json=RERANKING).json()["ranking"]
        assert sorted(ranking) == ["a-1", "a-2", "a-3"]


def test_an_empty_folder_gets_a_world_and_a_filled_one_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path)
    prepare(settings)
    assert ", 3,000 adopters, " in capsys.readouterr().err
    with opened(settings) as adapters:
        events = adapters.log.head()
    prepare(settings)
    assert capsys.readouterr().err == ""
    with opened(settings) as adapters:
        assert adapters.log.head() == events
