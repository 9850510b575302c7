"""`pawsonalize animals` from the command line."""

import gzip
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.cli.opening import opened_or_made
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import Conflict, NotFetched, NotFound
from tests.animal_data import animal
from tests.event_data import T0
from tests.feed_server import Answer, FeedServer, feed_server
from tests.plugins.feeds.samples import FILES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Bella, who is available, and Max, who is on hold."""
    file = tmp_path / "petfinder.csv"
    file.write_bytes(FILES["petfinder-csv"])
    return file


def invoked(data_dir: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["animals", *words, "--data-dir", str(data_dir)])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def animals(data_dir: Path, *words: str) -> str:
    done = invoked(data_dir, *words)
    if done.exception is not None:
        raise done.exception
    return done.stdout  # where it looks is said on stderr


def listed(data_dir: Path, *words: str) -> list[str]:
    return [one["animal_id"] for one in json.loads(animals(data_dir, "ls", "--json", *words))]


def test_a_feed_that_is_imported_again_changes_nothing(data_dir: Path, feed: Path) -> None:
    first = json.loads(animals(data_dir, "import", str(feed), "--source", "sp", "--json"))
    again = json.loads(animals(data_dir, "import", str(feed), "--source", "sp", "--json"))
    assert first["created"] == 2
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert listed(data_dir) == ["sp:11", "sp:12"]
    assert listed(data_dir, "--status", "available", "--species", "dog") == ["sp:11"]


def test_a_dry_run_prints_the_numbers_of_the_import_and_writes_nothing(
    data_dir: Path, feed: Path
) -> None:
    tried = json.loads(animals(data_dir, "import", str(feed), "--dry-run", "--json"))
    assert listed(data_dir) == []
    done = json.loads(animals(data_dir, "import", str(feed), "--json"))
    assert tried == {**done, "notes": ["This was a dry run: nothing was written."]}
    assert listed(data_dir) == ["11", "12"]


@pytest.mark.parametrize("columns", ["60", "400"])
def test_a_list_shows_every_id_whole(
    data_dir: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal, which is so wide
    name = "shelter-" + "0123456789" * 9
    with opened_or_made(Settings(data_dir=data_dir)) as adapters:
        adapters.animals.put([animal(name, name="[b]ear")], T0)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", animals(data_dir, "ls"))
    assert "…" not in shown
    assert "".join(line[: line.find(" ")] for line in shown.splitlines()[1:]) == name
    assert "[b]ear" in "".join(shown.split())


def test_rejected_rows_are_kept_with_their_reasons(data_dir: Path, tmp_path: Path) -> None:
    feed, rejected = tmp_path / "own.jsonl", tmp_path / "rejected.jsonl"
    feed.write_text('{"id": "a", "species": "dog"}\n{"id": "", "species": "dog"}\n')
    said = animals(data_dir, "import", str(feed), "--errors", str(rejected))
    assert "1 rejected" in said
    assert len(rejected.read_text().splitlines()) == 1
    assert listed(data_dir) == ["a"]


def test_a_feed_without_one_good_row_has_failed_and_says_how_many_there_are(
    data_dir: Path, tmp_path: Path
) -> None:
    feed = tmp_path / "own.csv"
    feed.write_text("id,species\n" + "".join(f"{one},\n" for one in range(25)))
    done = invoked(data_dir, "import", str(feed))
    assert done.exit_code == 1
    assert "and 5 more such rows" in done.output
    assert invoked(data_dir, "import", str(feed), "--json").exit_code == 1


def test_a_municipal_export_is_imported_by_its_columns(data_dir: Path, tmp_path: Path) -> None:
    feed = tmp_path / "stays.csv"
    feed.write_bytes(
        "Nr;Art;Ankunft;Abgang;Verbleib\nä1;dog;13.4.24;1.5.24;Adoption\n".encode("cp1252")
    )
    columns = "id=Nr,species=Art,intakeAt=Ankunft,outcomeAt=Abgang,outcome=Verbleib"
    said = animals(data_dir, "import", str(feed), "--columns", columns)
    assert said.startswith("1 rows: 1 new")
    assert "read as cp1252" in said
    history = json.loads(animals(data_dir, "show", "ä1", "--json"))["history"]
    assert [one["status"] for one in history] == ["available", "adopted"]


SHELTERS = Path(os.environ.get("PAWSONALIZE_SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.mark.parametrize("rows", [1_000, pytest.param(None, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(
    ("file", "columns", "share"),
    [
        ("stays_sonoma_ca.csv.gz", "", 0.98),
        ("stays_bloomington_in.csv.gz", ",returnedAt=return_date", 0.99),
    ],
)
def test_real_stays_are_imported_with_one_command(
    data_dir: Path, tmp_path: Path, file: str, columns: str, share: float, rows: int | None
) -> None:
    whole = SHELTERS / "shelters" / file
    if not whole.exists():
        pytest.skip(f"no {whole}: set PAWSONALIZE_SHARED_DATA")
    stays = tmp_path / file
    with gzip.open(whole) as every, gzip.open(stays, "wb") as some:
        some.writelines(itertools.islice(every, None if rows is None else rows + 1))
    columns = (
        "id=animal_id,breed=breed_raw,size=size_raw,birthDate=dob,intakeAt=intake_date,"
        f"outcomeAt=outcome_date,outcome=outcome_type{columns}"
    )
    report = json.loads(animals(data_dir, "import", str(stays), "--columns", columns, "--json"))
    assert len(report["rejected"]) < (1 - share) * report["rows"]


@pytest.fixture
def listed_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    with feed_server() as server:
        server.answers["/cats?key=hidden"] = Answer(b"id,species\na,cat\n", headers={"ETag": '"1"'})
        (tmp_path / "feeds.yaml").write_text(f'north: {{url: "{server.url}/cats?key=hidden"}}\n')
        monkeypatch.setenv("PAWSONALIZE_FEEDS_FILE", str(tmp_path / "feeds.yaml"))
        yield server


def test_a_feed_at_an_address_is_imported(
    data_dir: Path, listed_feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_KEY", "s3cret")
    url, header = f"{listed_feed.url}/cats?key=hidden", "Authorization: ${FEED_KEY}"
    report = json.loads(animals(data_dir, "import", url, "--header", header, "--json"))
    assert report["created"] == 1
    assert listed_feed.asked[0][1]["authorization"] == "s3cret"
    with pytest.raises(NotFetched, match="404"):
        animals(data_dir, "import", f"{listed_feed.url}/none")


def test_a_listed_feed_is_fetched_now_and_shown_without_its_secrets(
    data_dir: Path, listed_feed: FeedServer
) -> None:
    with opened(Settings(data_dir=data_dir)):
        pass  # the service was there before its first feed
    assert "never" in animals(data_dir, "feeds")
    assert "1 new" in animals(data_dir, "fetch", "north")
    assert "not changed" in animals(data_dir, "fetch", "north")
    shown = animals(data_dir, "feeds")
    assert "not changed" in shown
    assert "hidden" not in shown
    with pytest.raises(NotFound, match="there are north"):
        animals(data_dir, "fetch", "south")


def test_a_status_changes_by_allowed_steps_and_is_shown(data_dir: Path, feed: Path) -> None:
    animals(data_dir, "import", str(feed))
    assert animals(data_dir, "set-status", "11", "adopted").startswith("11 is adopted since ")
    assert (
        json.loads(animals(data_dir, "show", "11", "--json"))["history"][-1]["status"] == "adopted"
    )
    with pytest.raises(Conflict, match="adopted"):
        animals(data_dir, "set-status", "11", "hold")


def test_a_forgotten_animal_is_not_known_any_more(data_dir: Path, feed: Path) -> None:
    animals(data_dir, "import", str(feed))
    assert animals(data_dir, "delete", "11") == "11 is forgotten\n"
    with pytest.raises(NotFound, match="11"):
        animals(data_dir, "show", "11")


def test_exposure_is_reported_by_what_there_is(data_dir: Path, feed: Path) -> None:
    animals(data_dir, "import", str(feed))
    shares = json.loads(animals(data_dir, "exposure", "--json"))
    assert {"species", "age", "size", "colour"} <= {one["by"] for one in shares}
    assert "of stock" in animals(data_dir, "exposure")


def test_values_that_nobody_knows_are_shown_and_mended_by_a_file(
    data_dir: Path, tmp_path: Path
) -> None:
    feed, mapping = tmp_path / "own.csv", tmp_path / "map.yaml"
    feed.write_text("id,species,breed\na,dog,ZYX QQQ\n")
    said = animals(data_dir, "import", str(feed), "--write-map", str(mapping))
    assert "ZYX QQQ" in said
    assert "--map FILE" in said
    mapping.write_text(mapping.read_text().replace('"ZYX QQQ":', '"ZYX QQQ": Beagle'))
    said = animals(data_dir, "import", str(feed), "--map", str(mapping))
    assert "not recognised" not in said
    assert json.loads(animals(data_dir, "show", "a", "--json"))["breed"] == "Beagle"
