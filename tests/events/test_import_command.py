"""`pawsonalize import` from the command line."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pawsonalize.app.cli.main import app

ROWS = "USER_ID;ITEM_ID;TIMESTAMP\nZoé;2-Beagle-1-1;1656408773\n"


def imported(tmp_path: Path, content: bytes, *words: str) -> Result:
    file = tmp_path / "interactions.csv"
    file.write_bytes(content)
    options = ["--interactions", str(file), *words, "--data-dir", str(tmp_path / "data"), "--json"]
    return CliRunner().invoke(app, ["import", *options])


def test_a_file_as_a_spreadsheet_saves_it_is_imported(tmp_path: Path) -> None:
    first = imported(tmp_path, gzip.compress(ROWS.encode("cp1252")))
    again = imported(tmp_path, ROWS.encode("utf-16"), "--encoding", "utf-16", "--separator", ";")
    assert [json.loads(done.stdout)[0]["accepted"] for done in (first, again)] == [1, 0]


def test_events_of_the_inventorys_animals_count_for_their_groups(tmp_path: Path) -> None:
    data, listed = ["--data-dir", str(tmp_path / "data")], tmp_path / "animals.csv"
    listed.write_text("id,species,breed,size,age\na,dog,Beagle,medium,adult\n")
    assert CliRunner().invoke(app, ["animals", "import", str(listed), *data]).exit_code == 0
    content = b"USER_ID,ITEM_ID,TIMESTAMP\nann,a,1656408773\nann,gone,1656408774\n"
    assert [json.loads(imported(tmp_path, content).stdout)[0]["accepted"] for _ in "ab"] == [2, 0]
    done = CliRunner().invoke(app, ["history", "--user", "ann", *data, "--json"])
    found = {(one["itemId"], one.get("animal_id")) for one in json.loads(done.stdout)["events"]}
    assert found == {("2-Beagle-2-3", "a"), ("gone", None)}


def test_a_file_without_one_good_row_has_failed(tmp_path: Path) -> None:
    done = imported(tmp_path, b"USER_ID,ITEM_ID,TIMESTAMP\n" + b"a,,1\n" * 30)
    assert done.exit_code == 1
    assert json.loads(done.stdout)[0]["rejected"] == 30


def test_a_column_without_a_name_is_left_out_and_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = imported(tmp_path, b",USER_ID,ITEM_ID,TIMESTAMP\n0,ann,a,1656408773\n")
    assert json.loads(done.stdout)[0]["accepted"] == 1
    assert "column without a name is left out" in done.stderr + capfd.readouterr().err


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["import", *map(str, words)])


def found(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    (report,) = json.loads(done.stdout)
    return dict(report)


def log(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "log"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def history(data: Path, user: str) -> list[tuple[str, str, str, float | None]]:
    words = ["history", "--user", user, "--data-dir", str(data), "--json"]
    return [
        (one["itemId"], one["eventType"], one["sentAt"], one.get("eventValue"))
        for one in json.loads(CliRunner().invoke(app, words).stdout)["events"]
    ]


MOVIELENS = {
    "movielens": ["userId,movieId,rating,timestamp", "7,31,2.5,1260759144"],
    "movielens-100k": ["7\t31\t2.5\t1260759144"],
    "movielens-1m": ["7::31::2.5::1260759144"],
}


@pytest.mark.parametrize("preset", MOVIELENS)
def test_a_log_of_movielens_is_recognised_and_told(tmp_path: Path, preset: str) -> None:
    file, data = log(tmp_path, *MOVIELENS[preset]), tmp_path / "data"
    done = run("--interactions", file, "--data-dir", data)
    assert done.exit_code == 0, done.output
    assert f"(--preset {preset})" in done.stdout
    assert "was taken for the user" in done.stdout
    assert history(data, "7") == [("31", "view", "2009-12-14T02:52:24.000Z", 2.5)]
    again = run("--interactions", file, "--preset", preset, "--data-dir", data, "--json")
    assert found(again)["duplicates"] == 1


GA4: list[dict[str, Any]] = [
    {"event_name": "session_start", "items": []},
    {"event_name": "view_item_list", "items": [{"item_id": "a"}, {"item_id": "b"}]},
    {"event_name": "view_item", "items": [{"item_id": "a", "item_name": "A"}]},
    {"event_name": "purchase", "user_id": "u7", "items": [{"item_id": "a"}, {"item_id": "b"}]},
    {"event_name": "add_to_cart", "items": [{"item_id": "(not set)"}]},
    {"event_name": "view_item", "event_timestamp": "soon", "items": [{"item_id": "a"}]},
]
ROW: dict[str, Any] = {
    "event_timestamp": "1612069512766593",
    "user_id": None,
    "user_pseudo_id": "102.44",
}


def test_an_export_of_ga4_brings_an_event_for_each_item_and_counts_the_rest(tmp_path: Path) -> None:
    lines = [json.dumps(ROW | event) for event in GA4]
    data = tmp_path / "data"
    report = found(run("--interactions", log(tmp_path, *lines, "{"), "--data-dir", data, "--json"))
    assert (report["accepted"], report["rejected"]) == (3, 2)
    assert report["left_out"] == {
        "session_start (without an item)": 1,
        "view_item_list (shown, not chosen)": 1,
        "add_to_cart (without an item)": 1,
    }
    wrong = [(one["line"], one["column"], one.get("value")) for one in report["first_errors"]]
    assert wrong == [(6, "event_timestamp", "soon"), (7, None, None)]
    moment = "2021-01-31T05:05:12.766Z"
    assert history(data, "102.44") == [("a", "view_item", moment, None)]
    assert sorted(history(data, "u7")) == [(item, "purchase", moment, None) for item in "ab"]


def test_an_export_of_segment_is_read_by_its_products(tmp_path: Path) -> None:
    row = {"messageId": "m", "anonymousId": "anon", "timestamp": "2021-01-31T05:05:12.766Z"}
    viewed = {"type": "track", "event": "Product Viewed", "properties": {"product_id": "a"}}
    products = {"products": [{"product_id": "a"}, {"product_id": "b"}]}
    ordered = {"type": "track", "event": "Order Completed", "userId": "u", "properties": products}
    listed = {"type": "track", "event": "Product List Viewed", "properties": products}
    page = {"type": "page", "properties": {"url": "https://shop.example/"}}
    lines = [json.dumps(row | event) for event in (viewed, ordered, listed, page)]
    data = tmp_path / "data"
    report = found(run("--interactions", log(tmp_path, *lines), "--data-dir", data, "--json"))
    assert report["left_out"] == {
        "Product List Viewed (shown, not chosen)": 1,
        "page (without an item)": 1,
    }
    assert [one[:2] for one in history(data, "anon")] == [("a", "Product Viewed")]
    assert {one[:2] for one in history(data, "u")} == {(i, "Order Completed") for i in "ab"}


def test_a_dry_run_says_what_would_come_in_and_writes_nothing(tmp_path: Path) -> None:
    rows = ["who,what,when,shelf", "ann,a,1656408773,x", "bob,a,1656408774,y", "bob,b,late,z"]
    file, data = log(tmp_path, *rows), tmp_path / "data"
    told = ["--columns", "user=who,item=what", "--columns", "time=when"]
    report = found(run("--interactions", file, *told, "--dry-run", "--data-dir", data, "--json"))
    assert not data.exists()
    assert (report["accepted"], report["users"], report["items"]) == (2, 2, 1)
    assert (report["first"], report["last"]) == (
        "2022-06-28T09:32:53.000Z",
        "2022-06-28T09:32:54.000Z",
    )
    assert report["columns"] == {"USER_ID": "who", "ITEM_ID": "what", "TIMESTAMP": "when"}
    (wrong,) = report["first_errors"]
    assert (wrong["line"], wrong["column"], wrong["value"]) == (4, "when", "late")
    assert found(run("--interactions", file, *told, "--data-dir", data, "--json"))["accepted"] == 2


def test_columns_that_nobody_named_are_guessed_and_the_guess_is_said(tmp_path: Path) -> None:
    file = log(tmp_path, "customer_id\tArticle-ID\tt_dat\tprice", "c\ta\t2020-09-22\t3")
    done = run("--interactions", file, "--dry-run", "--data-dir", tmp_path / "data")
    assert done.exit_code == 0, done.output
    assert "customer_id was taken for the user" in done.stdout
    assert "Article-ID was taken for the item" in done.stdout
    assert "t_dat was taken for the time" in done.stdout


def test_items_have_the_columns_that_were_named(tmp_path: Path) -> None:
    items, data = log(tmp_path, "movieId,title,rating", "31,Dangerous Minds,R"), tmp_path / "data"
    for words in ([], ["--columns", "user=userId,item=movieId"]):  # those of the log as well
        report = found(run("--items", items, *words, "--data-dir", data, "--json"))
        assert (report["accepted"], report["columns"]) == (1, {"ITEM_ID": "movieId"})


@pytest.mark.parametrize(
    ("header", "words", "message"),
    [
        (
            "userId,film,timestamp",
            [],
            "no column looks like the item among userId, film, timestamp",
        ),
        ("a,b,c", ["--columns", "user=a,item=x,time=c"], "there is no column x among a, b, c"),
        ("a,b,c", ["--columns", "film=a"], "--columns takes user, item, time, type, value, not"),
        ("a,b,c", ["--preset", "netflix"], "there is no preset netflix: take one of movielens"),
        ("user_id,who,item,ts", ["--columns", "user=who"], "the file has a column USER_ID beside"),
    ],
)
def test_what_a_log_lacks_is_said_with_the_next_move(
    tmp_path: Path, header: str, words: list[str], message: str
) -> None:
    done = run("--interactions", log(tmp_path, header), *words, "--data-dir", tmp_path / "data")
    assert message in str(done.exception)


REAL = Path(__file__).parents[3] / "shared/data/sequences/ml-100k.inter"


@pytest.mark.skipif(not REAL.is_file(), reason="needs the shared data")
def test_a_real_log_comes_in_whole(tmp_path: Path) -> None:
    report = found(run("--interactions", REAL, "--dry-run", "--json"))
    assert (report["accepted"], report["rejected"]) == (100_000, 0)
    assert (report["users"], report["items"]) == (943, 1682)
