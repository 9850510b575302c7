"""Attributes of items or users as columns, each made when a filter first needs it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.filters.expression import number_text
from pawsonalize.domain.filters.values import read_number

Attributes = Mapping[str, str | float | None]
Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of text: the rows of each value, and the rows with any value, shape (rows,)."""

    positions: Mapping[str, Positions]
    known: Mask

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, str]], rows: int) -> "Texts":
        """From pairs of row and value; a row may have several, or none."""
        places: dict[str, list[int]] = {}
        known = np.zeros(rows, np.bool_)
        for row, value in pairs:
            places.setdefault(value, []).append(row)
        positions = {value: np.array(rows, np.intp) for value, rows in places.items()}
        for found in positions.values():
            known[found] = True
        return cls(positions, known)

    def rows_having(self, values: Iterable[str]) -> Mask:
        """True for rows that have one of the values, shape (rows,)."""
        mask = np.zeros(len(self.known), np.bool_)
        for value in values:
            found = self.positions.get(value)
            if found is not None:
                mask[found] = True
        return mask


class AttributeColumns:
    """Rows of attributes; text that holds `|` is several values, a number is also its text."""

    def __init__(self, ids: Sequence[str], rows: Sequence[Attributes]) -> None:
        self.ids = ids
        self._rows = rows
        self._texts: dict[str, Texts] = {}
        self._numbers: dict[str, NDArray[np.float64]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """The row of each id."""
        return {row_id: place for place, row_id in enumerate(self.ids)}

    def texts(self, name: str) -> Texts:
        """The attribute as text."""
        column = self._texts.get(name)
        if column is None:
            pairs = (
                (place, text)
                for place, row in enumerate(self._rows)
                for text in texts_of(row.get(name))
            )
            column = self._texts[name] = Texts.of(pairs, len(self))
        return column

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The attribute as numbers, shape (rows,); NaN for null and for text that is none."""
        column = self._numbers.get(name)
        if column is None:
            values = [number_of(row.get(name)) for row in self._rows]
            column = self._numbers[name] = np.array(values, np.float64)
        return column


def texts_of(value: str | float | None) -> list[str]:
    """The values that an attribute holds, as text."""
    if value is None:
        return []
    if isinstance(value, str):
        return list(filter(None, value.split("|")))
    return [number_text(float(value))]


def number_of(value: str | float | None) -> float:
    """The number that an attribute is or reads as, NaN if none."""
    number = read_number(value) if isinstance(value, str) else value
    return float("nan") if number is None else float(number)
