"""GET /v1/outcomes: what came of what was shown."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app import app as running
from pawsonalize.app.asgi import build_app
from tests.http_fixtures import error_of
from tests.service_data import CATS, client_of, make_service, view


def told(client: TestClient, **query: str) -> Any:
    answer = client.get("/v1/outcomes", params=query)
    assert answer.status_code == 200
    return answer.json()


def test_an_adoption_is_counted_in_the_next_report(client: TestClient, user: str) -> None:
    before = told(client)["total"]
    adoption = view(user, CATS[0], eventType="adoption", eventId=f"adoption by {user}")
    assert client.post("/v1/events", json=adoption).json()["accepted"] == 1
    after = told(client, within="7")
    assert after["withinDays"] == 7
    assert after["total"]["adoptions"] == before["adoptions"] + 1
    assert after["total"]["adoptionsPer1000Sessions"] > 0
    assert {line["name"] for line in after["policies"]} == {
        "recommended",
        "explored",
        "ranked",
        "board",
        "alert",
        "none",
    }


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"within": "0"}, {"within": "x"}, {"since": "2099-01-01"}]
)
def test_bad_bounds_are_named(client: TestClient, query: dict[str, str]) -> None:
    answer = client.get("/v1/outcomes", params=query)
    assert answer.status_code == 400
    assert error_of(answer)["field"] in query


_WAITING = """
import os, sys, time
folder = {folder!r}
with open(folder + "/pid", "w") as noted:
    noted.write(str(os.getpid()))
while not os.path.exists(folder + "/go"):
    time.sleep(0.01)
module = "pawsonalize.app.cli.low_priority"
command = [sys.executable, "-m", module, "report_outcomes", *sys.argv[1:]]
os.execv(sys.executable, command)
"""


def test_visitors_and_other_pages_are_answered_while_another_process_makes_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (sys.executable, "-c", _WAITING.format(folder=str(tmp_path)))
    monkeypatch.setattr(running, "REPORT_COMMAND", command)
    app = build_app(make_service(tmp_path / "data"))
    with client_of(app) as client, ThreadPoolExecutor(2) as asking:
        page = asking.submit(client.get, "/console/outcomes")
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        report = asking.submit(client.get, "/v1/outcomes")
        assert client.post("/v1/recommendations", json={"userId": "seed 1"}).status_code == 200
        assert client.get("/console").status_code == 200
        assert not page.done()
        assert not report.done()
        (tmp_path / "go").touch()
        assert page.result().status_code == 200
        assert report.result().status_code == 200
    assert int((tmp_path / "pid").read_text()) != os.getpid()


def test_why_there_is_no_report_is_told_to_who_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = """print('{"reason": "the disk is full"}'); raise SystemExit(1)"""
    monkeypatch.setattr(running, "REPORT_COMMAND", (sys.executable, "-c", refusing))
    with client_of(build_app(make_service(tmp_path / "data"))) as client:
        for path in ("/v1/outcomes", "/v1/console/outcomes"):
            answer = client.get(path)
            assert answer.status_code == 503
            told = error_of(answer)
            assert told["code"] == "report_failed"
            assert told["message"] == "the report was not made: the disk is full"
        page = client.get("/console/outcomes")
        assert page.status_code == 503
        assert "he report was not made: the disk is full" in page.text
