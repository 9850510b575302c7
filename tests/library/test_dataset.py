"""Interactions of others: files and frames, and what is said of what cannot be read."""

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawsonalize import Dataset, InvalidInput
from pawsonalize.library import dataset

ROWS = [("u2", "b", 1_700_000_300), ("u1", "a", 1_700_000_100), ("u1", "b", 1_700_000_200)]


def written(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text, encoding="utf-8")
    return path


def same(one: Dataset, other: Dataset) -> bool:
    columns = ("user", "item", "time", "event_type")
    return (one.user_ids, one.item_ids) == (other.user_ids, other.item_ids) and all(
        (getattr(one.events, name) == getattr(other.events, name)).all() for name in columns
    )


@pytest.fixture
def log(tmp_path: Path) -> Dataset:
    rows = "".join(f"{user},{item},{time}\n" for user, item, time in ROWS)
    return Dataset.from_csv(written(tmp_path, "USER_ID,ITEM_ID,TIMESTAMP\n" + rows))


def test_rows_are_sorted_by_user_and_time_whatever_their_order(log: Dataset) -> None:
    assert (log.user_ids, log.item_ids) == (("u1", "u2"), ("a", "b"))
    assert log.events.user.tolist() == [0, 0, 1]
    assert log.events.item.tolist() == [0, 1, 1]
    assert log.events.time.tolist() == [1_700_000_100_000, 1_700_000_200_000, 1_700_000_300_000]
    assert log.events.as_of == 1_700_000_300_000


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.text('ab,"\n\r é', min_size=1), st.text("xyz", min_size=1))),
    between=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    characters=st.integers(1, 40),
)
def test_a_file_is_what_the_csv_module_reads_of_it(
    rows: list[tuple[str, str]], between: str, characters: int, tmp_path: Path
) -> None:
    lines = [
        ",".join('"' + v.replace('"', '""') + '"' if {*v} & {*',"\n\r'} else v for v in row)
        for row in [("user", "item"), *rows]
    ]
    text = between.join([*lines, ""])
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8", newline="")
    _, *wanted = filter(None, csv.reader(StringIO(text, newline="")))
    assert [*map(tuple, wanted)] == rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "_CHARACTERS", characters)
        found = Dataset.from_csv(path)
    events = found.events
    codes = zip(events.user.tolist(), events.item.tolist(), strict=True)
    read = [(found.user_ids[user], found.item_ids[item]) for user, item in codes]
    assert read == sorted(map(tuple, wanted), key=lambda row: row[0])


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_frame_of_any_library_is_the_same_data_as_the_file(log: Dataset, library: str) -> None:
    columns: dict[str, list[Any]] = dict(
        zip(("person", "pet", "when"), map(list, zip(*ROWS, strict=True)), strict=True)
    )
    columns["when"] = [datetime.fromtimestamp(time, UTC) for time in columns["when"]]
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library]
    meanings = {"person": "user", "pet": "item", "when": "time"}
    assert same(Dataset.from_frame(make(columns), meanings), log)


def test_columns_are_named_by_their_header_or_by_their_order(tmp_path: Path, log: Dataset) -> None:
    rows = "".join(f"{user}::{item}::5::{time}\n" for user, item, time in ROWS)
    path = written(tmp_path, rows)
    order = ["user", "item", "rating", "time"]
    found = Dataset.from_csv(path, order, separator="::")
    assert same(found, log)
    assert found.unused == ("rating",)
    assert "without rating" in repr(found)


def test_without_a_time_the_order_of_the_rows_counts(tmp_path: Path) -> None:
    found = Dataset.from_csv(written(tmp_path, "user,item\nu,b\nu,a\nu,c\n"))
    assert [found.item_ids[item] for item in found.events.item] == ["b", "a", "c"]


def test_types_and_values_of_events_are_read(tmp_path: Path) -> None:
    text = "user,item,time,type,value\nu,a,1700000000,Favorite,2.5\nu,b,1700000001,view,\n"
    events = Dataset.from_csv(written(tmp_path, text)).events
    assert [events.event_types[code] for code in events.event_type] == ["favorite", "view"]
    assert events.value[0] == 2.5
    assert np.isnan(events.value[1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,item\nu,a\n", "log.csv has no column that is a user: name it, as columns="),
        ("user,item,user_id\nu,a,v\n", "log.csv has two columns that are a user"),
        ("user,item\nu,a\nu,\n", "log.csv, row 2: item is empty"),
        ("user,item\nu,a\n\nu,a,b\n", "log.csv, row 2: 3 values for 2 columns: is ',' the sep"),
        ("user,item,time\nu,a,1700000000\nu,a,soon\n", "log.csv, row 2: time must be .* 'soon'"),
        ("user,item,time\nu,a,17\n", "log.csv, row 1: time lies outside the years .*, and is '17'"),
        ("user,item,value\nu,a,much\n", "log.csv, row 1: value is 'much', not a number"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Dataset.from_csv(written(tmp_path, text))


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "user,item\nu,a\n")
    with pytest.raises(InvalidInput, match="no 'userId' that is a 'user'"):
        Dataset.from_csv(path, {"userId": "user", "item": "item"})


ITEMS = {
    "item": [f"i{k}" for k in range(40)],
    "genre": ["Drama|Comedy" if k % 2 else "Drama" for k in range(40)],
    "year": [1960 + k for k in range(40)],
    "plot": [
        f"A long story about {'cats and their winter' if k < 9 else 'somebody else'} number"
        for k in range(40)
    ],
}


@pytest.mark.parametrize("form", ["mapping", "file", "frame"])
def test_attributes_of_items_are_categories_bins_and_words(tmp_path: Path, form: str) -> None:
    path = tmp_path / "items.csv"
    pd.DataFrame(ITEMS).to_csv(path, index=False)
    items = {"mapping": ITEMS, "file": path, "frame": pl.DataFrame(ITEMS)}[form]
    data = Dataset.from_csv(written(tmp_path, "user,item\nu,i1\nu,other\n"), items=items)
    assert len(data.item_ids) == 41
    attributes = data.events.attributes

    def values(item: str) -> set[tuple[str, str]]:
        codes = attributes.codes[data.item_ids.index(item)].tolist()
        columns = zip(attributes.names, attributes.values, codes, strict=True)
        return {(name, known[code]) for name, known, code in columns if code >= 0}

    assert values("i1") >= {("genre", "Drama"), ("genre", "Comedy"), ("plot", "cats")}
    assert ("year", "below 1967.8") in values("i1")
    assert ("year", "from 1991.2") in values("i39")
    assert values("other") == set()


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("genre\nx\n", "no column `item` or `ITEM_ID`, but genre"),
        ("item,genre\na,x\nb\n", "items.csv, row 2: 1 values for 2 columns"),
        ("item,genre\na,x\n,y\n", "the items, row 2: the id '' stands 1 times"),
        ("item,genre\na,x\nb,y\na,z\n", "the items, row 1: the id 'a' stands 2 times"),
        ("", "no column `item` or `ITEM_ID`, but "),
    ],
)
def test_items_that_cannot_be_read_are_refused(tmp_path: Path, items: str, message: str) -> None:
    path = written(tmp_path, "user,item\nu,a\n")
    (tmp_path / "items.csv").write_text(items)
    with pytest.raises(InvalidInput, match=message):
        Dataset.from_csv(path, items=tmp_path / "items.csv")
