"""The file that lists feeds."""

from pathlib import Path

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.plugins.feeds.polling import ListedFeed, next_page, read_feeds, read_header
from pawsonalize.plugins.feeds.rows import DateOrder

KEY = {"KEY": "s3cret"}


def read(tmp_path: Path, text: str) -> dict[str, ListedFeed]:
    file = tmp_path / "feeds.yaml"
    file.write_text(text)
    return read_feeds(file, KEY)


def test_a_feed_is_written_as_the_options_of_an_import(tmp_path: Path) -> None:
    feeds = read(
        tmp_path,
        """
north:
  url: https://example.org/cats?key=${KEY}
  headers: {Authorization: "Bearer ${KEY}"}
  format: csv
  complete: true
  source: north
  columns: {id: "Animal, ID", size: ""}
  separator: tab
  dates: us
  schedule: "0 6 * * *"
  time_zone: America/Chicago
south: {url: "https://example.org/dogs"}
""",
    )
    north, south = feeds["north"], feeds["south"]
    assert north.source.url == "https://example.org/cats?key=s3cret"
    assert north.source.headers == {"Authorization": "Bearer s3cret"}
    assert (north.source.how.complete, north.source.how.source) == (True, "north")
    table = north.source.form.table
    assert (table.separator, table.dates) == ("\t", DateOrder.US)
    assert table.columns == {"ID": "ANIMAL, ID", "SIZE": ""}
    noon = 1_716_033_600_000  # 2024-05-18T12:00:00Z, 07:00 in Chicago
    assert (north.schedule, north.latest(noon)) == ("0 6 * * *", noon - 3_600_000)
    assert (south.schedule, south.source.how.complete) == ("rate(1 hour)", False)
    assert "s3cret" not in repr(north)


def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("north: {format: csv}", "feed north: .*url"),
        ("north: {url: 'https://x/y', colums: {}}", "feed north: .*colums"),
        ("north: {url: 'ftp://x/y'}", "feed north: .*https://host/path"),
        ("north: {url: 'https://x/y?k=${NOPE}'}", "NOPE is not set"),
        ("north: {url: 'https://x/y', dates: uk}", "us, eu, iso, not uk"),
        ("north: {url: 'https://x/y', headers: {'a b': c}}", "the header 'a b' is none"),
        ("no rth: {url: 'https://x/y'}", "letters, digits"),
        ("- url", "must have a name"),
        ("a: [", "cannot be read"),
        (
            "a: {url: 'https://x/y', complete: true}\nb: {url: 'https://x/z'}",
            "feeds a and b have the same source",
        ),
    ]
    for text, message in cases:
        with subtests.test(text=text, message=message), pytest.raises(InvalidInput, match=message):
            read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.yaml cannot be read"):
        read_feeds(tmp_path / "none.yaml", {})


def test_headers_are_written_as_http_writes_them() -> None:
    assert read_header("Authorization: Bearer ${KEY}", KEY) == ("Authorization", "Bearer s3cret")
    for bad in ("Authorization", "A: b\nC: d", "A: ключ"):
        with pytest.raises(InvalidInput, match="header"):
            read_header(bad, KEY)


def test_a_secret_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    assert read_header("X-Key: ${KEY}", {"KEY_FILE": str(file)}) == ("X-Key", "s3cret")
    with pytest.raises(InvalidInput, match="KEY_FILE cannot be read"):
        read_header("X-Key: ${KEY}", {"KEY_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("url", "page", "after"),
    [
        ("/v1/animals", '{"animals": [{}, {}], "has_more": true}', "/v1/animals?offset=2"),
        ("/a?offset=2", '{"animals": [{}], "has_more": true}', "/a?offset=3"),
        ("/a", '{"animals": [{}], "has_more": false}', None),
        ("/a", '{"animals": [], "has_more": true}', None),
        (
            "/q?f=json",
            '{"features": [{}], "exceededTransferLimit": true}',
            "/q?f=json&resultOffset=1",
        ),
        ("/r.json?$limit=2", "[{}, {}]", "/r.json?$limit=2&$offset=2"),
        ("/r.json?$limit=2&$offset=2", "[{}]", None),
        ("/r.json", "[{}, {}]", None),
        (
            "/p",
            '{"pets": [], "end_number": 50, "total_pets": "70"}',
            "/p?start_number=51&end_number=100",
        ),
        ("/p", '{"pets": [], "end_number": 70, "total_pets": "70"}', None),
        ("/feed.csv", "id,species", None),
    ],
)
def test_pages_follow_as_each_system_counts_them(url: str, page: str, after: str | None) -> None:
    host = "https://example.org"
    found = next_page(host + url, page.encode())
    assert found == (None if after is None else host + after)
