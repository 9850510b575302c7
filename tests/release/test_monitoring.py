"""The dashboard and the alert rules fit the metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.core import clock
from pawsonalize.core.metrics import REFRESHES
from pawsonalize.train.retrained import EVERYTHING
from pawsonalize.train.retraining.runs import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Trigger,
    as_work,
    begun,
)
from tests.animal_data import animal
from tests.event_data import T0
from tests.service_data import client_of, make_service

ROOT = Path(__file__).parents[2]
RULES = ROOT / "packaging/prometheus/pawsonalize.rules.yml"
DASHBOARD = ROOT / "packaging/grafana/pawsonalize.json"
SUFFIXES = ("_bucket", "_count", "_sum", "_total")


def metrics(text: str) -> set[str]:
    """The names that the text form declares."""
    return set(re.findall(r"^# TYPE (\S+)", text, re.M))


def named(expression: str) -> set[str]:
    return set(re.findall(r"pawsonalize_[a-z_]+", expression))


def expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a service with a model, a run and an inventory says of itself."""
    settings = make_service(tmp_path_factory.mktemp("service"))
    with opened(settings) as adapters:
        adapters.animals.put([animal("a1"), animal("a2"), animal("a3", adopted=T0 + 1)], T0)
        adapters.work.add([as_work(ended_run(RunOutcome.NOT_PROMOTED, "retrain-1"))])
    REFRESHES.labels("died").inc()
    with client_of(build_app(settings)) as client:
        return str(client.get("/metrics").text)


def ended_run(outcome: RunOutcome, name: str) -> RunRecord:
    now = clock.now()
    half = Half(
        campaign="recommender",
        dataset_group="pawsonalize",
        solution_version="v",
        fate=Fate.NOT_PROMOTED,
    )
    record = begun(name, Trigger.SCHEDULE, now, now, {}, EVERYTHING)
    return msgspec.structs.replace(record, outcome=outcome, ended_at=now, halves=(half,))


def test_every_metric_of_a_panel_or_a_rule_exists(text: str) -> None:
    declared = metrics(text)
    there = declared | {name + suffix for name in declared for suffix in SUFFIXES}
    missing = {(where, name) for where, found in expressions() for name in named(found) - there}
    assert missing == set()


def test_a_metric_that_is_gone_would_be_noticed(text: str) -> None:
    assert named("sum(rate(pawsonalize_gone_total[5m]))") - metrics(text)


@pytest.mark.parametrize(
    "line",
    [
        'pawsonalize_animals{status="available"} 2.0',
        'pawsonalize_animals{status="adopted"} 1.0',
        'pawsonalize_retraining_runs{outcome="not-promoted"} 1.0',
        'pawsonalize_queue_length{queue="trainings"} 0.0',
        'pawsonalize_gate_verdict{campaign="recommender",dataset_group="pawsonalize",'
        'verdict="not-promoted"} 1.0',
    ],
)
def test_metrics_say_how_the_service_is(text: str, line: str) -> None:
    assert line in text.splitlines()


def test_metrics_say_how_old_each_model_is(text: str) -> None:
    found = re.findall(r'^pawsonalize_model_age_seconds\{campaign="(\w+)".*\} (\S+)$', text, re.M)
    assert {campaign for campaign, _ in found} == {"recommender"}
    assert all(float(seconds) > 0 for _, seconds in found)


def test_many_scrapes_read_the_tables_once(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    with client_of(build_app(settings)) as client:
        before = client.get("/metrics").text
        with opened(settings) as adapters:
            adapters.animals.put([animal("new")], T0)
        assert "pawsonalize_animals{" not in before
        assert "pawsonalize_animals{" not in client.get("/metrics").text


def test_the_rules_are_valid_and_fire_when_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: install Debian's package of that name")
    for command in (
        ["check", "rules", RULES.name],
        ["test", "rules", "pawsonalize.rules.test.yml"],
    ):
        done = subprocess.run(
            [promtool, *command], cwd=RULES.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len(panels) > 5
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
