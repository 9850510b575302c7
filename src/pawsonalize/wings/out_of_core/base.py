"""What counting needs of an engine."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from narwhals import LazyFrame
from numpy.typing import NDArray

from pawsonalize.wings.out_of_core.files import Columns

Frame = LazyFrame[Any]


class CountingEngine(Protocol):
    """Evaluates frames of narwhals, in memory that does not grow with the rows."""

    @property
    def rows_per_part(self) -> int:
        """How many rows are sorted at a time; the engine goes through a log in such parts."""
        ...

    def scan(self, files: Sequence[str]) -> Frame:
        """The rows of these Parquet files, at least one, which have the same columns."""
        ...

    def table(self, columns: Mapping[str, list[str] | NDArray[Any]]) -> Frame:
        """A small table of texts and numbers; it may have no rows."""
        ...

    def store(self, frame: Frame, name: str) -> Frame:
        """The same rows, evaluated and kept until the engine is closed."""
        ...

    def stored(self, frame: Frame, name: str) -> AbstractContextManager[Frame]:
        """The same, kept until the block ends."""
        ...

    def store_parts(self, frame: Frame, name: str, parts: int) -> Sequence[Frame]:
        """The same by their column `part`, from 0 on: a frame for each part, without the column."""
        ...

    def collect(self, frame: Frame) -> Columns:
        """The rows as columns in any order; texts are objects, None is none."""
        ...

    def close(self) -> None:
        """Give back memory and disk."""
        ...


Numbers = NDArray[np.int64]
