"""Made-up data are as promised, and growth is read off right."""

import json

import numpy as np
from benchmarks.scale import slopes
from benchmarks.synthetic import EVENTS_PER_USER, synthetic_data

from benchmarks import scale


def test_columns_are_sorted_skewed_and_markov_like() -> None:
    data = synthetic_data(20_000, 500)
    same = data.user[1:] == data.user[:-1]
    assert (np.diff(data.user) >= 0).all()
    assert (np.diff(data.time)[same] > 0).all()
    assert data.n_users == 20_000 // EVENTS_PER_USER
    near = (np.diff(data.item)[same] % 500) <= 10
    assert near.mean() > 0.7
    counts = np.sort(np.bincount(data.item, minlength=500))[::-1]
    assert counts[:50].sum() > 2 * counts[-250:].sum()
    assert data.attributes.codes.shape == (500, 4)
    ids = data.item_ids
    for item in (0, 13, 499):
        parts = zip(data.attributes.values, data.attributes.codes[item], strict=True)
        assert "-".join(values[code] for values, code in parts) == ids[item]


def test_a_slope_of_one_is_linear_growth() -> None:
    rows = [{"items": 10, "events": 10**n, "train_seconds": 3 * 10.0**n} for n in (1, 2, 3)]
    rows.append({"items": 99, "events": 10, "train_seconds": 1.0})
    assert slopes(rows) == [{"items": 10, "slope": 1.0, "last_slope": 1.0}]


def test_it_measures_a_size() -> None:
    row = scale.measure(300, 100)
    assert json.loads(json.dumps(row)) == row
    assert row["train_seconds"] >= 0
    assert row["peak_mb"] >= row["data_mb"] > 0
    assert row["ms_per_request"] > 0
