"""The data sets' forms are read as they are meant."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.interactions import (
    HOUR,
    Interactions,
    read_attributes,
    read_interactions,
    read_sequences,
)


def histories(data: Interactions, names: dict[str, str]) -> list[list[str]]:
    """Each user's items by their names in the file, users in any order."""
    spans = zip(data.start[:-1], data.start[1:], strict=True)
    return sorted([names[data.item_ids[code]] for code in data.item[a:b]] for a, b in spans)


def test_sequences_keep_their_order_and_end_together(tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    file.write_text("1 7 8 9\n2 8 8\n")
    (tmp_path / "attributes.json").write_text('{"7": [3], "9": [1, 2]}')
    data = read_sequences(file, tmp_path / "attributes.json", seed=4)
    assert (data.n_users, data.n_items, len(data.item)) == (2, 3, 5)
    (seven,) = (code for code, has in enumerate(data.attributes) if has == ("3",))
    (nine,) = (code for code, has in enumerate(data.attributes) if has == ("1", "2"))
    names = dict.fromkeys(data.item_ids, "8")
    names |= {data.item_ids[seven]: "7", data.item_ids[nine]: "9"}
    assert histories(data, names) == [["7", "8", "9"], ["8", "8"]]
    last = data.time[data.start[1:] - 1]
    assert last[0] == last[1]
    assert set(np.diff(data.time)[data.user[1:] == data.user[:-1]].tolist()) == {HOUR}


@pytest.mark.parametrize("separator", ["\t", ","])
def test_tables_are_sorted_by_time_then_place(tmp_path: Path, separator: str) -> None:
    names = ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
    if separator == ",":
        names = ["USER_ID", "ITEM_ID", "EVENT_VALUE", "TIMESTAMP"]
    rows = [
        ("9", "2-Saint-Bernard-1-1", "1", "20"),
        ("9", "2-Cat-1-1", "1", "10"),
        ("9", "2-Dog-1-1", "", "20"),
    ]
    file = tmp_path / "data"
    file.write_text("\n".join(separator.join(row) for row in [tuple(names), *rows]) + "\n")
    data = read_interactions(file, None, seed=0)
    ids = {name: name for name in data.item_ids}
    assert histories(data, ids) == [["2-Cat-1-1", "2-Saint-Bernard-1-1", "2-Dog-1-1"]]
    assert data.time.tolist() == [10_000, 20_000, 20_000]
    assert data.event_types == ("view",)


def test_numbers_say_nothing_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    file.write_text("1 " + " ".join(map(str, range(1, 201))))
    one, other = (read_sequences(file, None, seed) for seed in (1, 2))
    assert one.item.tolist() != other.item.tolist()
    assert abs(np.corrcoef(one.item, np.arange(200))[0, 1]) < 0.3
    assert one.item.tolist() == read_sequences(file, None, 1).item.tolist()


def test_the_control_moves_only_what_it_may(tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    file.write_text("1 " + " ".join(map(str, range(30))))
    data = read_sequences(file, None, 0)
    keep = np.arange(30) >= 29
    moved = data.shuffled(0, keep)
    assert moved.item[29] == data.item[29]
    assert moved.item.tolist() != data.item.tolist()
    assert sorted(moved.item.tolist()) == sorted(data.item.tolist())


def test_recbole_items_give_their_tokens_but_the_title(tmp_path: Path) -> None:
    file = tmp_path / "films.item"
    file.write_text(
        "item_id:token\ttitle:token_seq\tyear:token\tclass:token_seq\n7\tToy\t1995\tA B\n"
    )
    assert read_attributes(file) == {
        "7": ["year:token 1995", "class:token_seq A", "class:token_seq B"]
    }
