"""Tables and ranker as plain arrays and a few numbers for the card, and back."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.recipes.artefact import (
    check_codes,
    check_offsets,
    pack_strings,
    take,
    take_weights,
    unpack_strings,
)
from pawsonalize.recipes.counts.rows import SparseRows
from pawsonalize.recipes.data import Arrays
from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.factors import Factors
from pawsonalize.recipes.learned.features import feature_names
from pawsonalize.recipes.learned.likeness import likeness_of
from pawsonalize.recipes.learned.linear import Linear
from pawsonalize.recipes.learned.neighbours import Postings
from pawsonalize.recipes.learned.ranker import Ranker
from pawsonalize.recipes.learned.tables import Tables, Trend, Usual
from pawsonalize.recipes.learned.trees import Trees
from pawsonalize.recipes.mixture import Mixture

_PRE = "learned."
_NUMBERS = ("weight", "heat", "recall")


def pack(t: Tables, r: Ranker) -> dict[str, NDArray[Any]]:
    """Every array, named `learned.…`."""
    p, trees = t.postings, b"" if r.trees is None else r.trees.text.encode()
    arrays = {
        **t.forward.arrays("forward"),
        **t.backward.arrays("backward"),
        "log.offsets": p.offsets,
        "log.items": p.items,
        "postings.starts": p.starts,
        "postings.users": p.users,
        "postings.positions": p.positions,
        "postings.idf": p.idf,
        "popularity": t.trend.total,
        "recent": t.trend.recent[:, -1],
        "codes": t.likeness.codes,
        **pack_strings("columns", t.likeness.columns),
        "source": t.factors.source,
        "targets": t.factors.target,
        "linear.columns": r.linear.columns,
        "linear.numbers": np.stack([r.linear.mean, r.linear.spread, r.linear.weights]),
        "trees": np.frombuffer(trees, np.uint8),
    }
    return {f"{_PRE}{name}": array for name, array in arrays.items()}


def numbers_of(r: Ranker) -> dict[str, Any]:
    """Figures of the ranker for the card."""
    numbers = {name: getattr(r, name) for name in _NUMBERS}
    trees = r.trees.count if r.trees else 0
    return {**numbers, "held_out": list(r.held_out), "trees": trees, "features": list(r.names)}


def unpack(
    arrays: Arrays, numbers: Mapping[str, Any], mixture: Mixture, design: Design
) -> tuple[Tables, Ranker]:
    """Rebuild; CorruptArtefact when arrays and numbers do not fit together."""
    own = {k.removeprefix(_PRE): array for k, array in arrays.items() if k.startswith(_PRE)}
    n = len(mixture.index.ids)
    columns = unpack_strings("columns", own)
    codes = take(own, "codes", np.int32, (n, len(columns)))
    recent = _finite(own, "recent", np.float32, (None, n))
    source = _finite(own, "source", np.float32, (n, None))
    total, likeness = take_weights(own, "popularity", (n,)), likeness_of(codes, columns)
    tables = Tables(
        design=design,
        index=mixture.index,
        forward=SparseRows.from_arrays("forward", own, n, n),
        backward=SparseRows.from_arrays("backward", own, n, n),
        postings=_postings(own, n),
        trend=Trend(total, recent[:, np.newaxis], np.zeros(len(recent[:1]))),
        likeness=likeness,
        factors=Factors.of(source, _targets(own, source.shape)),
        mixture=mixture,
        usual=Usual.of(total, mixture.index, mixture.availability, likeness),
    )
    return tables, _ranker(own, numbers, feature_names(tables))


def _targets(own: Arrays, shape: tuple[int, ...]) -> NDArray[Any]:
    """The factors of the targets, item by item; older artefacts hold them factor by factor."""
    if "target" in own:
        return _finite(own, "target", np.float32, shape[::-1]).T
    return _finite(own, "targets", np.float32, shape)


def _postings(own: Arrays, n: int) -> Postings:
    offsets = take(own, "log.offsets", np.int64, (None,))
    items = take(own, "log.items", np.int32, (None,))
    starts = take(own, "postings.starts", np.int64, (n + 1,))
    users = take(own, "postings.users", np.int32, (None,))
    positions = take(own, "postings.positions", np.int32, users.shape)
    check_offsets("log.offsets", offsets, len(items))
    check_offsets("postings.starts", starts, len(users))
    check_codes("log.items", items, n)
    check_codes("postings.users", users, len(offsets) - 1)
    if len(users) and not (positions < np.diff(offsets)[users]).all():
        raise CorruptArtefact("array 'postings.positions' points outside the log")
    idf = take_weights(own, "postings.idf", (n,))
    return Postings(starts, users, positions, idf, offsets, items)


def _ranker(own: Arrays, numbers: Mapping[str, Any], usual: tuple[str, ...]) -> Ranker:
    """The ranker; one that does not name its features was trained on the `usual` ones."""
    columns = take(own, "linear.columns", np.int64, (None,))
    mean, spread, weights = _finite(own, "linear.numbers", np.float64, (3, len(columns)))
    text = take(own, "trees", np.uint8, (None,)).tobytes()
    try:
        values = [float(numbers[name]) for name in _NUMBERS]
        held_out = tuple(float(value) for value in numbers["held_out"])
        names = tuple(str(name) for name in numbers.get("features", usual))
        trees = Trees.of_text(text.decode()) if text else None
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtefact(f"the ranker of the artefact does not fit: {error}") from error
    if not all(map(math.isfinite, values)) or (trees and trees.n_features != len(names)):
        raise CorruptArtefact("the ranker of the artefact does not fit its tables")
    check_codes("linear.columns", columns, len(names))
    linear, (weight, heat, recall) = Linear(columns, mean, spread, weights), values
    return Ranker(names, linear, trees, weight, heat, recall, held_out)


def _finite(
    arrays: Arrays, name: str, dtype: type[Any], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    array = take(arrays, name, dtype, shape)
    if not np.isfinite(array).all():
        raise CorruptArtefact(f"array {name!r} holds numbers without a value")
    return array
