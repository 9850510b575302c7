"""Boosted trees as one table of splits: for the few rows of a request quicker than LightGBM.

Every split of every tree is compared at once. Bit k of a tree's word stands for its leaf k, from
left to right; a split that sends a row right rules out the leaves on its left, and the first leaf
that is left over is the row's (QuickScorer: Lucchese et al., SIGIR 2015).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact

Array = NDArray[Any]
_CHUNK = 512  # rows whose comparisons fit the cache
_WORDS = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}  # by the bits they have


@dataclass(frozen=True, slots=True)
class Forest:
    """T trees of up to S splits each, filled up with splits that send every row left."""

    features: Array
    """The feature each split reads, shape (S, T)."""
    bounds: Array
    """A row goes right if it is above, shape (S, T, 1) float32."""
    ruled_out: Array
    """The leaves that are then out of the question, shape (S, T, 1)."""
    leaves: Array
    """Values of the leaves, tree by tree."""
    first: Array
    """First leaf of each tree, shape (T, 1)."""

    @classmethod
    def of(cls, dumped: Mapping[str, Any]) -> "Forest":
        """From what LightGBM's `dump_model` says; CorruptArtefact for what it cannot hold."""
        roots = [tree["tree_structure"] for tree in dumped["tree_info"]]
        worth = [[float(leaf["leaf_value"]) for leaf in _leaves(root)] for root in roots]
        sizes = np.array([len(values) for values in worth], np.int64)
        most = int(sizes.max(initial=1))
        word = next((kind for bits, kind in _WORDS.items() if most <= bits), None)
        if word is None:
            raise CorruptArtefact(f"a tree of the artefact has {most} leaves; 64 are possible")
        shape = (most - 1, len(roots))
        features = np.zeros(shape, np.int64)
        bounds, ruled_out = np.full(shape, np.inf, np.float32), np.zeros(shape, word)
        for tree, root in enumerate(roots):
            for k, (node, leaf, left) in enumerate(_splits(root, 0)):
                if node["decision_type"] != "<=":
                    raise CorruptArtefact("the trees of the artefact do not split by size")
                features[k, tree] = node["split_feature"]
                bounds[k, tree] = _rounded_down(node["threshold"])
                ruled_out[k, tree] = ((1 << left) - 1) << leaf
        return cls(
            features,
            bounds[:, :, None],
            ruled_out[:, :, None],
            np.concatenate([np.zeros(0), *worth]),
            (np.cumsum(sizes) - sizes)[:, None],
        )

    def predict(self, x: Array) -> Array:
        """The trees' sum for features (N, F) float32, shape (N,): bit for bit LightGBM's."""
        parts = [self._sums(x[k : k + _CHUNK]) for k in range(0, len(x), _CHUNK)]
        return np.concatenate([np.zeros(0), *parts])

    def _sums(self, x: Array) -> Array:
        # Of places that are known to be right `clip` takes fastest.
        read = np.ascontiguousarray(x.T).take(self.features, axis=0, mode="clip")
        out = np.bitwise_or.reduce((read > self.bounds) * self.ruled_out, axis=0)
        leaf = np.bitwise_count((~out & (out + 1)) - 1)  # how many bits below the lowest 0
        return np.asarray(self.leaves.take(self.first + leaf, mode="clip").sum(axis=0))


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """From left to right."""
    if "split_feature" not in node:
        yield node
        return
    yield from _leaves(node["left_child"])
    yield from _leaves(node["right_child"])


def _splits(node: Mapping[str, Any], first: int) -> Iterator[tuple[Mapping[str, Any], int, int]]:
    """Splits with the first leaf below each, and how many leaves its left side has."""
    if "split_feature" not in node:
        return
    left = sum(1 for _ in _leaves(node["left_child"]))
    yield node, first, left
    yield from _splits(node["left_child"], first)
    yield from _splits(node["right_child"], first + left)


def _rounded_down(bound: float) -> Array:
    """The largest float32 that is no larger: what is above one is above the other."""
    near = np.float32(bound)
    return np.asarray(near if float(near) <= bound else np.nextafter(near, np.float32(-np.inf)))
