"""Any Spark Connect server: Apache Spark, or Sail. The cluster sorts and sums."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import narwhals as nw
from numpy.typing import NDArray

from pawsonalize.wings.out_of_core.base import Frame
from pawsonalize.wings.out_of_core.embedded import arrow_table, imported
from pawsonalize.wings.out_of_core.files import Columns

_ALL_ROWS = 2**62


class SparkEngine:
    """A server at a URL such as `sc://host:15002`.

    It reads the files of the training table, and keeps what it stores in `scratch`, a folder or an
    object store URL: both must be the same for the server's workers as for this machine.
    """

    rows_per_part = _ALL_ROWS
    """The cluster splits a log by itself."""

    def __init__(
        self, url: str, scratch: str, emptied: Callable[[], object] = lambda: None
    ) -> None:
        """`emptied` is to remove what is in the scratch, at the end."""
        sql = imported("pyspark.sql", "spark")
        self._session = sql.SparkSession.builder.remote(url).create()
        self._scratch = scratch
        self._numbers = count()
        self._emptied = emptied

    def scan(self, files: Sequence[str]) -> Frame:
        """See `CountingEngine`, as for all methods."""
        frame: Frame = nw.from_native(self._session.read.parquet(*files))
        return frame

    def table(self, columns: Mapping[str, list[str] | NDArray[Any]]) -> Frame:
        """See `CountingEngine`."""
        frame: Frame = nw.from_native(self._session.createDataFrame(arrow_table(columns)))
        return frame

    def store(self, frame: Frame, name: str) -> Frame:
        """See `CountingEngine`."""
        path = f"{self._scratch}/{name}-{next(self._numbers)}"
        frame.to_native().write.mode("overwrite").parquet(path)
        return self.scan([path])

    @contextmanager
    def stored(self, frame: Frame, name: str) -> Iterator[Frame]:
        """See `CountingEngine`."""
        yield self.store(frame, name)

    def store_parts(self, frame: Frame, name: str, parts: int) -> Sequence[Frame]:  # noqa: ARG002
        """See `CountingEngine`."""
        return [self.store(frame.drop("part"), name)]

    def collect(self, frame: Frame) -> Columns:
        """See `CountingEngine`."""
        table = frame.to_native().toArrow()
        return {name: table[name].to_numpy() for name in table.column_names}

    def close(self) -> None:
        """See `CountingEngine`."""
        self._session.stop()
        self._emptied()
