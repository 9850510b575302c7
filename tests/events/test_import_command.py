"""`pawsonalize import` from the command line."""

import gzip
import json
from pathlib import Path

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
