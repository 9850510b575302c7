"""The next-item benchmark asks and judges as its protocol says."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from benchmarks.contenders import OURS, PEERS
from benchmarks.interactions import Interactions, numbered
from benchmarks.next_item_task import judge, make_task
from benchmarks.ours import VARIANTS, context, item_attributes, training_data
from numpy.typing import NDArray

from benchmarks import next_item
from pawsonalize.models.recipes.catalogue import recipe_named


def data_of(*histories: str) -> Interactions:
    rows = [
        (str(user), item, 1000 * at, "view")
        for user, history in enumerate(histories)
        for at, item in enumerate(history)
    ]
    return numbered(rows, {}, seed=0)


def test_leave_one_out_learns_from_all_but_the_last_two() -> None:
    data = data_of("abcd", "ab", "xyz")
    test, validation = make_task(data, "test"), make_task(data, "validation")
    assert (test.train == validation.train).all()
    lengths = {
        int(b - a): int(test.train[a:b].sum())
        for a, b in zip(data.start[:-1], data.start[1:], strict=True)
    }
    assert lengths == {4: 2, 2: 2, 3: 1}
    assert (test.target - validation.target).tolist() == [1, 1]
    assert set(test.target.tolist()) < set((data.start[1:] - 1).tolist())


def test_by_time_the_last_event_of_each_later_user_is_asked() -> None:
    """User 0 has two events after the cut; 1 ends before it; 2 came after it; 3 has one event."""
    rows = [("0", f"i{at}", at, "view") for at in range(36)]
    rows += [("1", "i1", 1, "view"), ("1", "i2", 2, "view")]
    rows += [("0", "late", 90, "view"), ("0", "later", 91, "view")]
    rows += [("2", "new", 92, "view"), ("2", "i3", 93, "view"), ("3", "i4", 94, "view")]
    data = numbered(rows, {}, seed=0)
    task = make_task(data, "time")
    assert data.time[task.train].max() < 90 <= data.time[~task.train].min()
    assert sorted(data.time[task.target].tolist()) == [91, 93]
    before = context(data, int(task.target[data.time[task.target] == 91][0]))
    assert before.events[0].time == 90


def test_sequences_without_times_are_not_split_by_time(sequences: Path) -> None:
    with pytest.raises(SystemExit):
        next_item.main(["--sequences", str(sequences), "--split", "time"])


def test_a_tie_gets_its_expected_rank_and_a_masked_target_is_a_miss() -> None:
    data = data_of("abcde", "xyx")
    task = make_task(data, "test")
    judged = judge(task, lambda _target: np.zeros(data.n_items))
    # "e" is one of 3 tied items that are not masked; "x" was seen, so it counts nothing.
    gain = (1 + 1 / math.log2(3) + 1 / 2) / 3
    assert judged.ndcg_at_10 == pytest.approx(gain / 2)
    assert judged.hr_at_10 == pytest.approx(1 / 2)
    assert judged.users == 2


def test_a_target_at_rank_eleven_is_no_hit() -> None:
    data = data_of("abc" + "defghijklmno")
    task = make_task(data, "test")

    def scores(place: int) -> NDArray[np.float64]:
        answer = np.zeros(data.n_items + 12)
        answer[data.n_items :] = 2
        answer[data.n_items + place :] = 0.5
        answer[data.item[task.target[0]]] = 1
        return answer

    assert judge(task, lambda _target: scores(9)).hr_at_10 == 1
    assert judge(task, lambda _target: scores(10)).hr_at_10 == 0


def test_the_recipe_sees_the_rows_before_the_target_only() -> None:
    data = data_of("abcde")
    task = make_task(data, "test")
    assert training_data(task).item.tolist() == data.item[:3].tolist()
    seen = context(data, int(task.target[0]))
    assert [event.item for event in seen.events] == [
        data.item_ids[code] for code in data.item[[3, 2, 1, 0]]
    ]


def test_an_attribute_of_several_values_takes_several_columns() -> None:
    rows = [("u", name, at, "view") for at, name in enumerate("abc")]
    described = item_attributes(numbered(rows, {"a": ["red", "big"], "c": ["red"]}, 0))
    assert described.names == ("attribute", "attribute")
    assert described.values == (("big", "red"), ("big", "red"))
    assert sorted(described.codes.tolist()) == [[-1, -1], [1, -1], [1, 0]]
    assert item_attributes(numbered(rows, {}, 0)).names == ()


def test_every_variant_has_a_name_on_the_command_line() -> None:
    assert set(VARIANTS) == set(OURS)
    assert recipe_named("user-personalization").settings()


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """Thirty users who walk a ring of twenty items."""
    file = tmp_path / "ring.txt"
    lines = [
        f"{user} " + " ".join(str((user + step) % 20 + 1) for step in range(6))
        for user in range(1, 31)
    ]
    file.write_text("\n".join(lines))
    return file


def test_the_default_learns_a_ring(sequences: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next_item.main(
        ["--sequences", str(sequences), "--seeds", "1", "--only", "default", "--control", "--json"]
    )
    result = json.loads(capsys.readouterr().out)
    default, control = result["results"]
    assert (default["name"], default["seeds"], default["users"]) == ("default", 1, 30)
    assert default["ndcg_at_10"] > 0.6
    assert control["ndcg_at_10"] < default["ndcg_at_10"]
    assert min(default[key] for key in ("train_seconds", "peak_mb", "ms_per_request")) > 0


def test_what_is_not_installed_is_skipped(
    sequences: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next_item.main(["--sequences", str(sequences), "--seeds", "1", "--only", "sasrec", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["results"] == []
    assert (
        "rectools" in result["skipped"][0]["reason"] or "pandas" in result["skipped"][0]["reason"]
    )
    assert PEERS[-1] == "sasrec"
