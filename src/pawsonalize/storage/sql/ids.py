"""Many ids, in parts that one statement can take."""

from collections.abc import Iterator, Sequence

_AT_ONCE = 500


def in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in their order, a few hundred at a time."""
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
