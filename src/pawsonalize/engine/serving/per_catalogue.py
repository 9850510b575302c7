"""What was made of models' catalogues, kept as long as they are served."""

from typing import Generic, TypeVar

T = TypeVar("T")
# Of so many models, so that those served no more go.
_KEPT = 8


class PerCatalogue(Generic[T]):
    """Values by catalogue: a tuple of thousands, which is known by its identity while it is here.

    The newest `_KEPT` stay.
    """

    def __init__(self) -> None:
        self._kept: tuple[tuple[tuple[str, ...], T], ...] = ()

    @property
    def catalogues(self) -> tuple[tuple[str, ...], ...]:
        """Those of which something is kept."""
        return tuple(item_ids for item_ids, _ in self._kept)

    def get(self, item_ids: tuple[str, ...]) -> T | None:
        """What is kept of this very catalogue; None if nothing is."""
        return next((value for known, value in self._kept if known is item_ids), None)

    def put(self, item_ids: tuple[str, ...], value: T) -> T:
        """Keep the value, and return it."""
        others = tuple(one for one in self._kept if one[0] is not item_ids)
        self._kept = ((item_ids, value), *others[: _KEPT - 1])
        return value
