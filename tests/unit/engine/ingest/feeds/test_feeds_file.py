"""The file that lists feeds."""

from pathlib import Path

import pytest

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.wings.feeds.rows import DateOrder
from pawsonalize.wings.feeds.sources import ListedFeed, read_feeds, read_header

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
