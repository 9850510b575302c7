"""The tutorials as their readers walk them: each block is run, and each promise looked at."""

import html
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pawsonalize.core import clock
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.train.retraining.runs import RunOutcome
from tests.e2e.retraining import make_world
from tests.e2e.walking import Checks, Walk, steps, unchecked, wait

TUTORIALS = Path("docs/tutorials")
_NONE = ""
"""For what promises nothing that a reader could see here."""
_NOTHING_NEW = "tests/train/retraining/test_whole_runs.py::test_nothing_new_is_not_trained_on_again"
_BUSY_PORT = (
    "tests/e2e/test_serving.py"
    "::test_a_port_that_is_taken_is_one_line_with_the_next_move_and_nothing_is_made"
)
_NO_REQUEST_LOST = (
    "tests/e2e/test_campaign_updates.py::test_updates_in_a_row_cost_no_request_and_mix_no_answer"
)
_ON_DISK = (
    "tests/e2e/test_crash.py::test_after_kill_9_each_acknowledged_event_is_there_exactly_once"
)
_UPLOAD = "tests/browser/test_uploads.py::test_a_file_with_wrong_columns_is_mended_and_imported"
_EXPLORED = (
    "tests/recommend/test_exploration.py::test_each_place_is_explored_as_often_as_the_weight_says"
)
_NO_RANKER = (
    "tests/e2e/test_first_model.py"
    "::test_the_first_model_of_a_demo_that_begins_on_any_day_is_promoted"
)
_ONE_OF_TWO = "tests/train/retraining/test_fates.py::test_the_fates_add_up_to_the_outcome"
_BLOCKS = (
    "tests/train/retraining/test_checking.py"
    "::test_events_from_the_future_are_found_and_too_little_data_end_the_run"
)
_ATTENTION = "tests/app/test_doctor_command.py::test_a_standing_problem_needs_attention"
_NOTIFIED = (
    "tests/train/retraining/test_news.py"
    "::test_every_outcome_is_told_in_its_own_kind_with_the_reason"
)
_DEMO = "tests/e2e/test_demo.py::test_the_demo_is_a_live_adoption_site_that_learns_from_a_click"
_SHELTERS = ("Rex", "Bella", "Hugo", "Mimi", "Tom", "Luna", "Clover", "Pip")
_SHOPS = ("Rex", "Bella", "Mimi", "Luna", "Pip")


@pytest.fixture
def walk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Walk]:
    walk = Walk(request.param, tmp_path)
    yield walk
    for server in walk.servers:
        server.stop()


def page_of(walk: Walk, path: str = "", port: str = "8080", **cookies: str) -> httpx.Response:
    page = walk.page_of(port, path, **cookies)
    assert page is not None
    assert page.status_code == 200
    return page


def names(text: str, *wanted: str) -> list[str]:
    """Those of the names that a page has, in its order."""
    return sorted(
        (name for name in wanted if f">{name}<" in text), key=lambda n: text.index(f">{n}<")
    )


def says(*wanted: str) -> Callable[[Walk], None]:
    """The last block printed all of it."""

    def look(walk: Walk) -> None:
        assert [text for text in wanted if not re.search(text, walk.last)] == [], walk.last

    return look


# The shelter's page.


def stays_in_the_folder(walk: Walk) -> None:
    def look() -> None:
        made = {path.name for path in walk.folder.iterdir() if "output" not in path.name}
        assert made == {"animals.csv", "pawsonalize-data"}

    walk.later.append(look)


def loads_from_nowhere_else(walk: Walk) -> None:
    def look() -> None:
        text = page_of(walk).text
        assert "<link" in text
        assert not re.search(
            r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//", text
        )

    walk.later.append(look)


def list_of(text: str) -> list[str]:
    """The animals of the site's list, in its order, by their ids."""
    return re.findall(r'id="to-(A-\d+)"', text)


def it_asks_whom_you_would_like_to_meet(walk: Walk) -> None:
    assert "<h1>Whom would you like to meet first?</h1>" in page_of(walk).text


def those_who_wait_come_first(walk: Walk) -> None:
    # One place in ten explores: whoever waits longest is among the first three.
    assert {"A-1003", "A-1005"} <= {*list_of(page_of(walk).text)[:3]}


def the_other_rabbit_moves_up(walk: Walk) -> None:
    base, browser = f"http://127.0.0.1:{walk.ports['8080']}", {"User-Agent": "Mozilla/5.0"}
    with httpx.Client(base_url=base, headers=browser, trust_env=False) as site:
        before = list_of(site.get("/").text)
        site.get("/animals/A-1007").raise_for_status()
        looked = {"eventType": "view"}  # what the page's script sends
        site.post("/animals/A-1007/events", data=looked, follow_redirects=True).raise_for_status()
        after = list_of(site.get("/").text)
    assert len(before) == len(_SHELTERS)
    assert after.index("A-1008") < before.index("A-1008")


def nothing_was_trained(walk: Walk) -> None:
    answer = walk.call("/v1/recommendations?detail=full", {"sessionId": "new", "limit": 1}).json()
    assert answer["solutionVersion"] == "untrained"


def rabbits_come_first(walk: Walk) -> None:
    answer = json.loads(walk.last[walk.last.index('{"recommendationId"') :])
    assert [one["id"] for one in answer["recommendations"]][:2] == ["A-1007", "A-1008"]
    assert all(one["reasons"] for one in answer["recommendations"][:2])


def pip_is_gone(walk: Walk) -> None:
    assert {*names(page_of(walk).text, *_SHELTERS)} == {*_SHELTERS} - {"Pip"}


def a_wrong_row_is_named(walk: Walk) -> None:
    (walk.folder / "output-wrong.csv").write_text("id,species\nA-1,dog\n,cat\n")
    said = walk.printed("animals import output-wrong.csv --dry-run")
    assert "1 new" in said
    assert "1 rejected" in said
    assert "place animal reason 3 it has no id" in said


def a_strange_breed_is_named(walk: Walk) -> None:
    (walk.folder / "output-strange.csv").write_text("id,species,breed\nA-1,dog,Qwertzhund\n")
    said = walk.printed("animals import output-strange.csv --dry-run")
    assert re.search("not recognised.*Qwertzhund", said), said


def who_is_not_in_the_file_leaves(walk: Walk) -> None:
    def look() -> None:
        file = walk.folder / "animals.csv"
        file.write_text(re.sub("A-1003.*\n", "", file.read_text()))
        (importing,) = [text for text in walk.texts.values() if "animals import" in text]
        walk.run(importing)
        assert "Hugo" not in names(page_of(walk).text, *_SHELTERS)

    walk.later.append(look)


SHELTER: Checks = {
    "In ten minutes you have a page on your own computer that shows them in an order that"
    " follows what each visitor likes.": _NONE,
    "Nothing leaves your computer.": loads_from_nowhere_else,
    "Everything that follows stays in it.": stays_in_the_folder,
    "The names on the left of each `=` are Pawsonalize's, those on the right are your"
    " columns.": _NONE,
    "The page shows what each column was taken for, by its name, and what the import would"
    " do; you correct it there.)": _UPLOAD,
    "The report says how many animals were taken.": says(
        "8 rows: 8 new, 0 changed, 0 unchanged, 0 removed, 0 rejected"
    ),
    "Its first line says that all 8 will be shown, as no column of this file says who is still"
    " there.": says("^no column says who is still there: all 8 will be shown"),
    "If a row is wrong, it says which one and why; all the others are in.": a_wrong_row_is_named,
    "If a breed or another word was not recognised, it says so too, and you can say what it"
    " means.": a_strange_breed_is_named,
    "If another program has port 8080, the command says so: add `--port 8081`, and write"
    " 8081 in all that follows.": _BUSY_PORT,
    "The page first asks whom you would like to meet; leave that for now.": (
        it_asks_whom_you_would_like_to_meet
    ),
    "In the list below it, animals that have waited long come first: nothing is known of you"
    " yet.": those_who_wait_come_first,
    "Open a rabbit, go back, and the other rabbit has moved up.": the_other_rabbit_moves_up,
    "You need no account, and no training: the order follows from what you looked"
    " at.": nothing_was_trained,
    "The two rabbits come first, each with its reasons.": rabbits_come_first,
    "(One place in ten is given to animals that are seldom shown, so another animal may"
    " stand between.)": _EXPLORED,
    "It is gone from the very next page.": pip_is_gone,
    "If you import a new file every day with `--complete`, this happens by itself: an"
    " animal that is no longer in the file leaves.": who_is_not_in_the_file_leaves,
    "Put the animals into a page that you have: two lines of HTML, or a site in under 60"
    " lines, or hand that page to whoever makes your site.": _NONE,
    "Which animals come first, and why.": _NONE,
}


# The developer's page.


def the_site_is_as_long_as_said(walk: Walk) -> None:
    walk.later.append(lambda: assert_length(walk, 56))


def assert_length(walk: Walk, lines: int) -> None:
    site = (walk.folder / "shop.py").read_text()
    assert len(site.splitlines()) == lines
    imported = set(re.findall(r"^(?:from|import) (\w+)", site, re.M))
    assert imported <= sys.stdlib_module_names


def it_answers_and_keeps_its_data(walk: Walk) -> None:
    assert walk.call("/healthz").status_code == 200
    assert (walk.folder / "pawsonalize-data" / "pawsonalize.sqlite3").exists()


def no_key_is_asked_for(walk: Walk) -> None:
    walk.later.append(lambda: answers_have_an_id(walk))  # once it has animals


def every_call_is_shown(walk: Walk) -> None:
    text = page_of(walk, "docs").text
    pages = set(re.findall(r'href="(/docs/[^"#]+)', text))
    text += "".join(page_of(walk, path.removeprefix("/")).text for path in sorted(pages))
    shown = re.sub(r"<[^>]*>", "", html.unescape(text))
    paths = walk.call("/openapi.json").json()["paths"]
    assert len(paths) > 50
    assert [path for path in paths if path not in shown] == []


def the_other_cat_moves_up(walk: Walk) -> None:
    first = page_of(walk, "", "9000", visit="a-visit")
    assert {*names(first.text, *_SHOPS)} == {*_SHOPS}
    clicked = page_of(walk, "?pet=mimi", "9000", visit="a-visit")
    assert {*names(clicked.text, *_SHOPS)[:2]} == {"Mimi", "Luna"}
    assert names(first.text, *_SHOPS)[0] == "Rex"


def a_new_visitor_has_the_first_order(walk: Walk) -> None:
    for other in ("another", "one more"):
        assert names(page_of(walk, "", "9000", visit=other).text, *_SHOPS) == [*_SHOPS]


def answers_have_an_id(walk: Walk) -> None:
    answer = walk.call("/v1/recommendations?detail=full", {"sessionId": "new"})
    assert answer.json()["recommendationId"] == answer.headers["X-Recommendation-Id"]


DEVELOPER: Checks = {
    "At the end of this page you have a whole small site of your own, in 56 lines of"
    " Python without a library, that shows its list in an order of its own for each"
    " visitor.": the_site_is_as_long_as_said,
    "Then go to an empty folder, in both terminals, and start the service in the first:": _NONE,
    "If another program has port 8080, it says so: add `--port 8081`, and write that in"
    " what follows.": _BUSY_PORT,
    "It answers on `http://127.0.0.1:8080`, and keeps everything in"
    " `pawsonalize-data`.": it_answers_and_keeps_its_data,
    "On your own machine it asks for no key.": no_key_is_asked_for,
    "`http://127.0.0.1:8080/docs` shows every call.": every_call_is_shown,
    "The other cat moves up, with the very next page.": the_other_cat_moves_up,
    "Open a private window: a new visitor has the first order"
    " again.": a_new_visitor_has_the_first_order,
    "An answer of 202 means that the event is on disk.": _ON_DISK,
    "`POST /v1/rerankings` puts your list in order.": _NONE,
    "Models learn most from what visitors were shown and then did.": _NONE,
    "Each answer has a `recommendationId` (`X-Recommendation-Id` in its head).": answers_have_an_id,
}


# The operator's page.


def the_first_models_go_live(walk: Walk) -> None:
    wait(lambda: "Retrained: recommender and reranker went live" in walk.log())


def newest_runs(walk: Walk) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(walk.run("pawsonalize runs ls --json"))
    return runs


def it_is_done_again_while_promoted(walk: Walk) -> None:
    for _ in range(2):
        if "is promoted" in walk.last:
            assert "the first one, which learned no ranker" in walk.last
            walk.again()


def the_old_model_stays(walk: Walk) -> None:
    assert "is not-promoted" in walk.last
    for half in newest_runs(walk)[0]["halves"]:
        assert half["fate"] == "not-promoted"
        assert f"solution version {half['live_version']}" in walk.printed(
            f"campaigns show {half['campaign']}"
        )


def the_newest_run_is_first(walk: Walk) -> None:
    runs = newest_runs(walk)
    assert len(runs) >= 2
    begun = [run["started_at"] for run in runs]
    assert begun == sorted(begun, reverse=True)
    places = [walk.last.index(run["run_id"]) for run in runs]
    assert places == sorted(places)


def every_status_is_explained(walk: Walk) -> None:
    rows = [step for step in steps(walk.page) if isinstance(step, str) and step.startswith("|")]
    explained = {word for row in rows for word in row.split("|")[1].strip().split(", ")}
    assert {outcome.value for outcome in RunOutcome} <= explained


def each_campaign_has_its_half(walk: Walk) -> None:
    halves = newest_runs(walk)[0]["halves"]
    assert [half["campaign"] for half in halves] == ["recommender", "reranker"]


def runs_are_json_too(walk: Walk) -> None:
    for run in newest_runs(walk):
        assert run["run_id"] in walk.last
        assert run["outcome"] in {outcome.value for outcome in RunOutcome}


def the_console_has_the_run_and_its_reason(walk: Walk) -> None:
    run = newest_runs(walk)[0]
    text = html.unescape(page_of(walk, "console").text)
    assert run["halves"][0]["reason"] in text
    (link,) = set(re.findall(rf'href="/([^"]*{run["run_id"]})"', text))
    rules = html.unescape(re.sub("<[^>]*>", "", page_of(walk, link).text)).lower()
    for half in run["halves"]:
        for verdict in half["decision"]["verdicts"]:
            assert verdict["message"].lower() in rules


def findings_stand_above_the_rules(walk: Walk) -> None:
    (finding, *_) = newest_runs(walk)[0]["findings"]
    assert walk.last.index(finding["message"]) < walk.last.index("test cases, at least")


def served_version(walk: Walk) -> str:
    answer = walk.call("/v1/recommendations?detail=full", {"sessionId": "new", "limit": 1})
    return str(answer.json()["solutionVersion"])


def the_server_serves_the_other_version(walk: Walk) -> None:
    half = newest_runs(walk)[0]["halves"][0]
    wait(lambda: served_version(walk) == half["solution_version"])


def a_rollback_brings_the_version_back(walk: Walk) -> None:
    live = newest_runs(walk)[0]["halves"][0]["live_version"]
    assert f"solution version {live}" in walk.printed("campaigns rollback recommender")
    wait(lambda: served_version(walk) == live)


OPERATOR: Checks = {
    "Every night the service trains a new model, and lets it go live only if it proved"
    " itself.": _NONE,
    "This morning you see that the old model still serves.": _NONE,
    "Wait until its log says *Retrained: recommender and reranker went live* (some"
    " minutes), and leave it running.": the_first_models_go_live,
    "In a second terminal, activate the same environment (the last of the three lines), go to"
    " the same folder, let a visitor look at a dog, and then do by hand what happens every"
    " night:": _NONE,
    "The first model of each campaign learns no ranker, so that it serves within a"
    " minute.": _NO_RANKER,
    "The next model learns one, and may replace the first if it is about as good.": _NO_RANKER,
    "So if the last command says *is promoted*, do the same again, two times at"
    " most.": it_is_done_again_while_promoted,
    "The new model is not surely better than the one that serves, and the old one stays:"
    " the last command says *is not-promoted*.": the_old_model_stays,
    "(Where nothing has happened since the model that serves was trained, nothing is trained: the"
    " run is *skipped*.": _NOTHING_NEW,
    "After the first model, which learned no ranker, one is trained all the same.)": _NO_RANKER,
    "Each line is one retraining, the newest first.": the_newest_run_is_first,
    "*status* says how it ended:": every_status_is_explained,
    "One retraining trains a model for each campaign: by default `recommender`, which"
    " chooses animals, and `reranker`, which orders lists.": each_campaign_has_its_half,
    "If one of them went live, the status is *promoted*.": _ONE_OF_TWO,
    "The last column says for each what became of it and why, such as": says(
        "recommender: Not promoted: .*reranker: Not promoted: "
    ),
    "To ask a machine instead, `pawsonalize runs ls --json` has everything.": runs_are_json_too,
    "The console has the same: open"
    " <http://127.0.0.1:8080/console>.": the_console_has_the_run_and_its_reason,
    "The last retraining and its reason are on its first page, and a link leads to every"
    " rule with its numbers.": the_console_has_the_run_and_its_reason,
    "(`runs show` takes the run's name from the list.)": _NONE,
    "For each campaign you see the rules of the gate, each with its verdict and its numbers.": says(
        "recommender-.*passed .* test cases, at least", "reranker-.*failed .* the live version"
    ),
    "*Findings* say what was odd in the data.": findings_stand_above_the_rules,
    "A finding that blocks ends the run before anything is trained, and says how to mend"
    " it.": _BLOCKS,
    "It shows what serves, how old that is, how the newest retraining ended, what goes"
    " wrong at the moment, and what to do about it.": says(
        "campaign recommender +serves recommender-.* trained as of 20",
        "retraining +retrain-\\S+ is not-promoted",
        "problems +none stands",
    ),
    "It ends with exit code 1 if something needs attention; `|| true` is for scripts that"
    " are to go on.": _ATTENTION,
    "says which version serves, since when, and what became of the latest update.": says(
        "solution version +recommender-", "updated at +20", "latest update .* status ACTIVE"
    ),
    "Nothing is lost: the new version is kept.": _NONE,
    "You may serve it all the same, and go back in a second:": _NONE,
    "A running server serves it within a second, without dropping a"
    " request.": the_server_serves_the_other_version,
    "If you do not like what you see, `pawsonalize campaigns rollback recommender` brings"
    " the version before it back.": a_rollback_brings_the_version_back,
    "Get notified by e-mail or webhook: every verdict comes with its reason, and so does"
    " every problem that lasts.": _NOTIFIED,
}


# The quickstart.


def the_demo_is_as_large_as_said(walk: Walk) -> None:
    demo = WorldSettings()
    assert (demo.animals, demo.adopters, demo.days) == (400, 3_000, 180)


def the_site_is_served_at_once(walk: Walk) -> None:
    assert "animals looking for a home" in page_of(walk).text


def an_adopted_animal_has_left(walk: Walk) -> None:
    asked = {"sessionId": "new", "of": "animals", "limit": 1}
    ((animal),) = walk.call("/v1/recommendations", asked).json()
    walk.call(f"/v1/animals/{animal['id']}/status", {"status": "adopted"}).raise_for_status()
    others = walk.call("/v1/recommendations", {**asked, "limit": 500}).json()
    assert len(others) > 100
    assert animal["id"] not in {other["id"] for other in others}


def the_list_is_bare(walk: Walk) -> None:
    answer = walk.call("/v1/recommendations", {"sessionId": "my-session", "limit": 3}).json()
    assert [*answer[0]] == ["id"]
    assert "2-Beagle-2-2" in {group["id"] for group in answer}


QUICKSTART: Checks = {
    "sets everything up and makes a demo world: 400 animals that wait for a home, and half"
    " a year of 3,000 adopters' events.": the_demo_is_as_large_as_said,
    "It serves the adoption site on <http://127.0.0.1:8080> at once.": the_site_is_served_at_once,
    "Meanwhile it trains the first models in the background, which takes less than a minute"
    " on a laptop.": the_first_models_go_live,
    "Until then it orders animals by what you look at and how long they wait.": _NONE,
    "The page says how far it is, and switches by itself.": _DEMO,
    "If another program has port 8080, it says `cannot listen on port 8080`.": _BUSY_PORT,
    "Then take another one, and write that port in all that follows:": _NONE,
    "Look at some animals and go back: the order has changed.": _DEMO,
    "Adopt one: it has left every list, for everybody.": an_adopted_animal_has_left,
    "Everything lives in `pawsonalize-data`; `.venv/bin/pawsonalize destroy` takes it away"
    " to start anew.": it_answers_and_keeps_its_data,
    "The answer comes when the event is on disk.": _ON_DISK,
    "Without `?detail=full` the answer is just the list, best first:": the_list_is_bare,
    "Put a list of your own in order:": _NONE,
    "`ranking` in the answer has your animals in order; the rest are the scores of their"
    " groups.": says('"ranking":\\["(rex|tom)","(rex|tom)"\\]'),
    "The command line answers too, with the reasons; it needs no running service:": _NONE,
    "Then retrain: a new version goes live if it is better.": _NONE,
    "A running service serves the new model within a second, without dropping a"
    " request.": _NO_REQUEST_LOST,
    "Import your data, read events from a stream, send your inventory, show animals, embed"
    " animals in your pages, run an adoption site, generate a client, send context, run the"
    " service, configure it, back up and restore, keep the disk small, keep models in a"
    " bucket, keep the archive in S3, train on more than memory holds, filter and promote,"
    " retrain, tune, judge outcomes, get notified, erase a visitor, mend what could not be"
    " taken, how it works.": _NONE,
}


PAGES = {
    TUTORIALS / "shelter.md": SHELTER,
    TUTORIALS / "developer.md": DEVELOPER,
    TUTORIALS / "operator.md": OPERATOR,
    Path("docs/quickstart.md"): QUICKSTART,
}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_each_promise_of_a_page_is_looked_at(page: Path) -> None:
    assert unchecked(page, PAGES[page]) == []


def test_a_promise_that_nobody_looks_at_is_found() -> None:
    page, checks = TUTORIALS / "shelter.md", dict(SHELTER)
    gone = checks.pop("It is gone from the very next page.")
    found = unchecked(
        page, {**checks, "It stays for ever.": gone, "No": "tests/house/test_docs.py::test_no"}
    )
    assert [problem.partition(": ")[2] for problem in found[:3]] == [
        *("It is gone from the very next page.", "It stays for ever.", "No")
    ]


@pytest.mark.parametrize("walk", [TUTORIALS / "shelter.md"], indirect=True)
def test_a_shelter_goes_from_its_file_to_a_page_in_order(walk: Walk) -> None:
    walk.take(SHELTER)


@pytest.mark.parametrize("walk", [TUTORIALS / "developer.md"], indirect=True)
def test_a_developer_has_a_site_in_order(walk: Walk) -> None:
    walk.take(DEVELOPER)


@pytest.mark.parametrize("walk", [TUTORIALS / "developer.md"], indirect=True)
def test_the_site_shows_its_own_order_while_the_service_is_away(walk: Walk) -> None:
    walk.take()
    walk.servers[0].stop()
    page = page_of(walk, "", "9000", visit="a-visit")
    assert names(page.text, "Rex", "Bella", "Mimi") == ["Rex", "Bella", "Mimi"]


@pytest.mark.parametrize("walk", [TUTORIALS / "operator.md"], indirect=True)
@pytest.mark.parametrize(
    "learns", [False, pytest.param(True, marks=pytest.mark.nightly)], ids=["counts", "rankers"]
)
def test_an_operator_finds_out_why_last_nights_model_did_not_go_live(
    walk: Walk, learns: bool
) -> None:
    if not learns:
        make_world(walk.folder / "pawsonalize-data", end=clock.now())  # a small one
        # In so few events a visitor's own history is sometimes as good as a model.
        walk.settings["gate_beat_popularity"] = "false"
    walk.take(OPERATOR)


@pytest.mark.parametrize("walk", [Path("docs/quickstart.md")], indirect=True)
def test_the_quickstart_is_so_from_the_first_line_to_the_last(walk: Walk) -> None:
    make_world(walk.folder / "pawsonalize-data", end=clock.now())
    walk.settings["gate_beat_popularity"] = "false"  # as above
    walk.shells = ("",)
    walk.take(QUICKSTART)
    wait(lambda: "went live" in walk.log())
    assert "name group score why" in walk.printed("recommend --session a --animals --explain")
