"""The console's overview, models and outcomes: what they say, and what an operator does there."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.pages.period import PagePeriod
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Delivery
from pawsonalize.plugins.console.models import run_report
from pawsonalize.plugins.console.outcomes import OutcomeReports, OutcomesOverTime
from pawsonalize.plugins.feeds.importing import FILES, FeedReport, keep_newest_import
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.solutions import Solution
from pawsonalize.testing.recipe_checks import NOW
from pawsonalize.train.retraining.runs import CANCELLING, RETRAINING, Fate, Half, Trigger, begun
from tests.animal_data import animal
from tests.console_world import HOSTILE, make_console_world, running_run, store_run
from tests.evidence import evidence
from tests.service_data import client_of, make_service
from tests.training import train

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PAGES = (
    "/console",
    "/console/models",
    "/console/models/solutions/recommender",
    "/console/outcomes",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_console_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def app(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service), raise_server_exceptions=False) as client:
        yield client


def words(page: httpx.Response) -> str:
    """What the page says, without its tags."""
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def last_run(app: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = app.get("/v1/console/overview").json()["verdict"]
    return found


def post(app: TestClient, path: str, page: httpx.Response, **changes: str) -> httpx.Response:
    """Send the form of a page that asked."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    sent: httpx.Response = app.post(
        path, data=fields | changes, headers=_FORM, follow_redirects=False
    )
    return sent


def test_the_overview_says_why_last_nights_model_did_not_go_live(app: TestClient) -> None:
    verdict = last_run(app)
    page = app.get("/console")
    assert verdict["status"] == "not-promoted"
    assert "No new model went live." in words(page)
    reason = verdict["campaigns"][0]["reason"]
    assert "not surely better than the live version" in reason
    assert reason in words(page).replace("&#39;", "'")
    assert f'href="/console/models/runs/{verdict["runId"]}"' in page.text


def test_a_page_and_its_json_say_the_same(app: TestClient) -> None:
    solution = app.get("/v1/console/models/recommender").json()
    page = words(app.get("/console/models/solutions/recommender"))
    assert len(solution["versions"]) == 2
    for version in solution["versions"]:
        assert version["name"] in page
    run = app.get(f"/v1/console/runs/{last_run(app)['runId']}").json()
    page = words(app.get(f"/console/models/runs/{run['runId']}"))
    for rule in run["campaigns"][0]["rules"]:
        assert rule["message"][1:] in page.replace("&#39;", "'")
    assert "Popularity 0.1100" in page
    assert "Repeat own history 0.1200" in page
    assert run["campaigns"][0]["baselineNdcgAt5"] == 0.12
    outcomes = app.get("/v1/console/outcomes?days=180").json()
    page = words(app.get("/console/outcomes?days=180"))
    assert f"{outcomes['report']['total']['adoptions']:,}" in page
    assert (
        sum(one["arrivals"] for one in outcomes["periods"])
        == (outcomes["report"]["total"]["stays"]["arrivals"])
    )


def test_the_page_of_recipes_says_of_each_what_it_does_and_that_it_is_built_in(
    app: TestClient,
) -> None:
    page = html.unescape(words(app.get("/console/models/recipes")))
    recipes = app.get("/v1/recipes").json()["recipes"]
    assert len(recipes) > 10
    for one in recipes:
        says = one["description"].partition("\n")[0].replace("`", "")
        assert f"{one['name']} {says} built in" in page
    assert "/console/models/recipes" in app.get("/console/models").text


def test_a_record_from_before_there_were_other_baselines_has_popularity_alone() -> None:
    half = Half(campaign="c", solution_version="v", evidence=msgspec.to_builtins(evidence()))
    earlier = {**(half.evidence or {}), "popularity": {"theirs": 0.11}}
    del earlier["baselines"]
    record = begun("run", Trigger.API, NOW, NOW, {})
    (told,) = run_report(replace(record, halves=(replace(half, evidence=earlier),)), NOW).campaigns
    assert told.baselines == {"popularity": 0.11}
    assert (told.popularity_ndcg_at5, told.baseline_ndcg_at5) == (0.11, 0.11)


@pytest.mark.parametrize("path", _PAGES)
def test_a_page_is_small_and_hostile_text_is_only_text(app: TestClient, path: str) -> None:
    page = app.get(path)
    assert len(page.content) < 100_000
    assert "<img src=x" not in page.text


def test_what_goes_wrong_needs_attention_on_the_overview(app: TestClient) -> None:
    found = app.get("/v1/console/overview").json()
    assert found["health"] == "attention"
    assert any(HOSTILE in one["message"] for one in found["attention"])
    assert f"{len(found['attention'])} thing" in found["headline"]


def test_a_fresh_service_is_new_and_says_how_to_begin(tmp_path: Path) -> None:
    with client_of(build_app(load_settings({"data_dir": tmp_path / "data"}))) as client:
        assert client.get("/v1/console/overview").json()["health"] == "new"
        page = client.get("/console")
        said = words(page)
        assert "Next steps" in said
        assert "does not work" not in said
        assert '<li><a href="/console/animals/upload">' in page.text
        assert client.get("/console/animals/upload").status_code == 200


def test_requests_and_events_are_counted_with_the_times_they_took(app: TestClient) -> None:
    before = app.get("/v1/console/overview").json()["traffic"]
    app.post("/v1/recommendations", json={"userId": "user 1"})
    app.post("/v1/recommendations", json={"userId": 7.5})
    after = app.get("/v1/console/overview").json()["traffic"]
    assert before["kinds"][0]["kind"] == "recommendations"
    counted = [one["kinds"][0]["requests"] for one in (before, after)]
    assert counted[1] == counted[0] + 2
    assert after["kinds"][0]["refused"] == before["kinds"][0]["refused"] + 1
    assert after["kinds"][0]["p99Ms"] > 0


def test_a_promotion_is_asked_with_what_it_changes_and_then_rolled_back(app: TestClient) -> None:
    solution = app.get("/v1/console/models/recommender").json()
    new, live = (one["name"] for one in solution["versions"])
    asked = app.get(f"/console/models/promote?campaign=recommender&version={new}")
    assert f"Campaign recommender serves {live} now." in words(asked)
    assert "The gate did not let it go live." in words(asked)
    gate = solution["versions"][0]["gate"]
    told = (
        f"Its NDCG@5 is {gate['ndcgAt5']:.4f}, that of what was live then {gate['liveNdcgAt5']:.4f}"
    )
    assert told in words(asked), "the numbers that the gate decided by"
    page = words(app.get("/console/models/solutions/recommender"))
    assert f"NDCG@5 {gate['ndcgAt5']:.4f}" in page
    assert re.search(r"User-split NDCG@5 0\.\d{3}", page)
    assert campaign(app)["serves"] == live, "asking changes nothing"
    done = post(app, "/console/models/promote", asked)
    assert done.headers["location"] == "/console/models/solutions/recommender"
    assert f"is about to serve {new}" in words(app.get(done.headers["location"]))
    served(app, new)
    again = app.get("/console/models/solutions/recommender")
    assert "is about to serve" not in words(again), "a notice is said once"
    asked = app.get("/console/models/roll-back?campaign=recommender")
    assert f"It will serve {live} again" in words(asked)
    post(app, "/console/models/roll-back", asked)
    served(app, live)
    audit = app.get("/v1/audit?limit=2").json()["actions"]
    assert [one["what"] for one in audit] == [
        "POST /console/models/roll-back",
        "POST /console/models/promote",
    ]
    assert {one["target"] for one in audit} == {"recommender"}


def campaign(app: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = app.get("/v1/console/models/recommender").json()["campaigns"][0]
    return found


def served(app: TestClient, version: str) -> None:
    """Wait until the campaign serves the version."""
    until = clock.now() + 20_000
    while campaign(app)["serves"] != version:
        assert clock.now() < until


def test_what_changed_since_it_was_asked_is_not_done(app: TestClient) -> None:
    new = app.get("/v1/console/models/recommender").json()["versions"][0]["name"]
    asked = app.get(f"/console/models/promote?campaign=recommender&version={new}")
    refused = post(app, "/console/models/promote", asked, revision="1")
    assert refused.status_code == 409
    assert "updated by somebody else meanwhile" in refused.text


def test_a_retraining_is_begun_followed_and_cancelled(app: TestClient, service: Settings) -> None:
    asked = app.get("/console/models/retrain?solution=recommender")
    assert "goes live only if the gate lets it" in words(asked)
    begun = post(app, "/console/models/retrain", asked)
    page = app.get(begun.headers["location"])
    assert "The retraining has begun." in words(page)
    assert "data-every" in page.text, "it fills in as it goes"
    assert "Train to come" in words(page)
    refused = app.get("/console/models/retrain")
    assert refused.status_code == 409
    asked = app.get(f"/console/models/cancel?run={begun.headers['location'].rpartition('/')[2]}")
    assert "Its trainings are stopped." in words(asked)
    assert post(app, "/console/models/cancel", asked).status_code == 303
    with opened(service) as adapters:
        row = adapters.work.open(RETRAINING)
        assert row is not None
        assert row.state == CANCELLING


def test_a_step_that_was_tried_again_says_after_what(tmp_path: Any) -> None:
    settings = make_console_world(tmp_path / "data")
    with opened(settings) as adapters:
        store_run(adapters, running_run(clock.now()))
    with client_of(build_app(settings)) as app:
        page = app.get("/console/models/runs/retrain-running")
        assert "Tried again after: the database was away &lt;img" in page.text
        assert "Train going on for 10 min" in words(page)
        assert "count, 40%" in words(page)
        assert "A retraining goes on" in words(app.get("/console"))


def test_a_page_of_outcomes_asks_for_its_report_once(
    app: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, outcomes = list[tuple[str, str]](), OutcomeReports.outcomes

    def noted(reports: OutcomeReports, dataset_group: str, period: PagePeriod) -> OutcomesOverTime:
        asked.append((dataset_group, period.name))
        return outcomes(reports, dataset_group, period)

    monkeypatch.setattr(OutcomeReports, "outcomes", noted)
    assert app.get("/console/outcomes?days=30").status_code == 200
    assert asked == [("pawsonalize", "30d")]


def test_outcomes_open_with_a_time_in_which_waits_are_known(app: TestClient) -> None:
    page = app.get("/console/outcomes").text
    assert re.search(r'period=180d[^>]*aria-current="true"', page)


def test_pages_of_the_adoption_site_count_as_answers(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False, site=True)
    with opened(settings) as adapters:
        adapters.animals.put([animal("rex")], 1)
    with client_of(build_app(settings)) as client:
        before = client.get("/v1/console/overview").json()["traffic"]["kinds"]
        client.get("/")
        client.get("/animals/rex")
        client.get("/console")
        after = client.get("/v1/console/overview").json()["traffic"]["kinds"]
    counts = {
        one["kind"]: one["requests"] - was["requests"]
        for one, was in zip(after, before, strict=True)
    }
    assert counts["recommendations"] == 2


def test_outcomes_are_refused_for_a_time_that_cannot_be_meant(app: TestClient) -> None:
    assert app.get("/console/outcomes?days=x").status_code == 400
    assert app.get("/v1/console/outcomes?period=soon").status_code == 400
    days = {"from": "2026-05-01", "to": "2026-05-07"}
    assert app.get("/v1/console/outcomes", params=days).json()["days"] == 7
    assert app.get("/console/outcomes?datasetGroup=nowhere").status_code == 404


def test_a_wait_that_goes_on_counts_in_the_part_it_reaches(app: TestClient) -> None:
    found = app.get("/v1/console/outcomes?days=30").json()
    assert len(found["periods"]) == 12
    assert found["periods"][-1]["waiting"] == found["report"]["total"]["stays"]["waiting"] + sum(
        1 for _ in _older(app)
    )


def _older(app: TestClient) -> Iterator[dict[str, Any]]:
    """Animals that wait since before that month."""
    animals = app.get("/v1/animals?status=available&limit=500").json()["animals"]
    for one in animals:
        if one["listedAt"] < app.get("/v1/console/outcomes?days=30").json()["periods"][0]["since"]:
            yield one


def test_a_retraining_of_hundreds_of_shelters_is_still_a_small_page(tmp_path: Any) -> None:
    settings = make_console_world(tmp_path / "data")
    with opened(settings) as adapters:
        last = adapters.runs.newest(1)[0]
        now = clock.now()
        halves = tuple(
            replace(last.halves[0], campaign=f"shelter-{place:03}", fate=fate)
            for place in range(400)
            for fate in ((Fate.FAILED if place == 333 else Fate.NOT_PROMOTED),)
        )
        many = replace(last, run_id="retrain-many", started_at=now, ended_at=now, halves=halves)
        store_run(adapters, many)
    with client_of(build_app(settings)) as app:
        page = app.get("/console/models/runs/retrain-many")
        assert len(page.content) < 100_000
        assert words(page).index("shelter-333") < words(page).index("shelter-000"), "worst first"
        chosen = app.get("/console/models/runs/retrain-many?campaign=shelter-399")
        assert '<h2 id="campaign-1">shelter-399</h2>' in chosen.text
        assert len(app.get("/console").content) < 100_000


def test_promotions_imports_and_problems_of_the_time_are_told(tmp_path: Path) -> None:
    settings = make_console_world(tmp_path / "data", is_hostile=False)
    now = clock.now()
    with opened(settings) as adapters:
        told = Notification("p", NotificationKind.PROBLEM, "Problem: the disk", "It is full", now)
        adapters.deliveries.add([Delivery(told, one) for one in ("log", "webhook")])
        keep_newest_import(adapters.registry, FILES, "north", FeedReport(), now - 9 * DAY)
    with client_of(build_app(settings)) as app:
        found = app.get("/v1/console/happenings?period=7d").json()["happened"]
        first, *promotions = [one["kind"] for one in found]  # how many nights depends on the hour
        assert (first, {*promotions}) == ("bad", {"good"})
        assert found[0]["text"] == "Problem: the disk"
        assert "A new model went live" in found[1]["text"]
        assert "Import of north" in words(app.get("/console/happenings?period=30d"))
        solution = app.get("/console/models/solutions/recommender?period=7d").text
        assert solution.count('<path class="mark good"') >= 2
        assert "There was none in that time." in words(
            app.get("/console/models?from=2020-01-01&to=2020-01-02")
        )


def test_two_versions_stand_side_by_side_for_somebody_new_and_for_a_visitor(
    app: TestClient,
) -> None:
    assert 'href="/console/models/compare"' in app.get("/console/models").text
    new = app.get("/v1/console/comparison").json()
    live, other = new["expected"], new["other"]
    assert (live["isLive"], other["isLive"], new["userId"]) == (True, False, None)
    here = [one["id"] for one in live["places"]]
    for place in other["places"]:
        there = here.index(place["id"]) + 1 if place["id"] in here else None
        assert place["otherPlace"] == there
    shown = app.get("/console/models/compare")
    pictures = list(map(html.unescape, re.findall(r'class="thumbnail" src="([^"]+)"', shown.text)))
    assert pictures == [one["picture"] for one in (*live["places"], *other["places"])]
    assert app.get(pictures[0]).headers["Content-Type"] == "image/svg+xml"
    page = words(shown)
    assert "For somebody new, now." in page
    assert {live["solutionVersion"], other["solutionVersion"]} <= set(page.split())
    assert "For user 3 , now." in words(app.get("/console/models/compare?userId=user+3"))
    assert app.get("/console/models/compare?against=none").status_code == 404
    assert new["estimates"] == []
    judged = app.get("/v1/console/comparison?estimate=true").json()["estimates"]
    assert [one["policy"] for one in judged] == [live["solutionVersion"], other["solutionVersion"]]
    assert "estimate=true" in app.get("/console/models/compare").text
    told = words(app.get("/console/models/compare?estimate=true"))
    assert "Effective sample: " in told
    assert ("not enough to tell" in told) == any(one["estimate"] is None for one in judged)


def test_a_version_is_compared_with_others_of_its_own_solution(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    with opened(settings) as adapters:
        simple = Solution(name="simple", dataset_group=DATASET_GROUP, recipe="popularity-count")
        adapters.solutions.create(simple, NOW)
        train(adapters, NOW, solution="simple", name="simple-1")
        train(adapters, NOW, solution="simple", name="simple-2")
        own = train(adapters, NOW - DAY)
    with client_of(build_app(settings)) as app:
        report = app.get("/v1/console/comparison").json()
        assert report["other"]["solutionVersion"] == own.name
        assert not [one for one in report["versions"] if one["name"].startswith("simple")]
        report = app.get("/v1/console/comparison?version=simple-1").json()
        assert {one["name"] for one in report["versions"]} == {"simple-1", "simple-2"}
        assert report["other"]["solutionVersion"] == "simple-2"


def test_settings_of_a_campaign_change_while_it_serves_after_one_was_asked(tmp_path: Path) -> None:
    settings = make_console_world(tmp_path / "data", is_hostile=False)
    path, form = "/console/models/settings", {"Content-Type": "application/x-www-form-urlencoded"}
    wanted = {"campaign": "recommender", "exploration_weight": "0.25", "min_provisioned_tps": ""}
    with client_of(build_app(settings)) as app:
        asked = app.get(path, params=wanted)
        assert "exploration_weight is as the service" in words(asked)
        revision = re.search(r'name="revision" value="(\d+)"', asked.text)
        assert revision is not None
        sent = {**wanted, "revision": revision[1]}
        done = app.post(path, data=sent, headers=form)
        assert "The settings of recommender are changed." in words(done)
        for wrong in ("2", "much"):
            refused = app.get(path, params={**wanted, "exploration_weight": wrong})
            assert refused.status_code == 400
            assert f"cannot be exploration_weight {wrong}: Expected" in refused.text
        assert app.get(path, params={"campaign": "recommender"}).status_code == 400
        assert app.post(path, data=sent, headers=form).status_code == 409, "somebody was faster"
    with opened(settings) as adapters:
        assert adapters.registry.get(Campaign, "recommender").exploration_weight == 0.25
