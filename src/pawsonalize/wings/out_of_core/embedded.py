"""Engines inside this process: DuckDB, which spills to disk, and Polars, which streams."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import narwhals as nw
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.wings.out_of_core.base import Frame
from pawsonalize.wings.out_of_core.files import Columns

_MEGABYTES_PER_MILLION_ROWS = 160  # what sorting and shifting takes, with a margin


class _Scratch:
    """A folder that goes with the engine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder
        self._numbers = count()

    def file(self, name: str) -> Path:
        return self.path / f"{name}-{next(self._numbers)}.parquet"

    def folder(self, name: str) -> Path:
        return self.path / f"{name}-{next(self._numbers)}"

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class PolarsEngine:
    """Polars: part by part, by its streaming engine where it has one for an operation."""

    def __init__(self, scratch: Path, megabytes: int) -> None:
        self._polars = imported("polars", "out-of-core")
        self._scratch = _Scratch(scratch)
        self.rows_per_part = _rows_within(megabytes)

    def scan(self, files: Sequence[str]) -> Frame:
        """See `CountingEngine`, as for all methods."""
        frame: Frame = nw.from_native(
            self._polars.scan_parquet(list(files), hive_partitioning=False)
        )
        return frame

    def table(self, columns: Mapping[str, list[str] | NDArray[Any]]) -> Frame:
        """See `CountingEngine`."""
        frame: Frame = nw.from_native(
            self._polars.LazyFrame(
                {
                    name: self._polars.Series(name, column, self._polars.String)
                    if isinstance(column, list)
                    else column
                    for name, column in columns.items()
                }
            )
        )
        return frame

    def store(self, frame: Frame, name: str) -> Frame:
        """See `CountingEngine`."""
        return self.scan([str(self._written(frame, name))])

    @contextmanager
    def stored(self, frame: Frame, name: str) -> Iterator[Frame]:
        """See `CountingEngine`."""
        file = self._written(frame, name)
        yield self.scan([str(file)])
        file.unlink()

    def _written(self, frame: Frame, name: str) -> Path:
        file = self._scratch.file(name)
        frame.to_native().sink_parquet(file, compression="lz4", maintain_order=False)
        return file

    def store_parts(self, frame: Frame, name: str, parts: int) -> Sequence[Frame]:
        """See `CountingEngine`."""
        folder = self._scratch.folder(name)
        target = self._polars.PartitionBy(folder, key="part", include_key=False)
        frame.to_native().sink_parquet(target, compression="lz4", maintain_order=False, mkdir=True)
        return [self.scan(files) for files in _files_of(folder, parts)]

    def collect(self, frame: Frame) -> Columns:
        """See `CountingEngine`."""
        found = frame.to_native().collect(engine="streaming")
        return {name: found[name].to_numpy() for name in found.columns}

    def close(self) -> None:
        """See `CountingEngine`."""
        self._scratch.remove()


class DuckDbEngine:
    """DuckDB within a limit of memory; what does not fit goes through a folder."""

    def __init__(self, scratch: Path, megabytes: int) -> None:
        duckdb = imported("duckdb", "out-of-core")
        self._scratch = _Scratch(scratch)
        self.rows_per_part = _rows_within(megabytes)
        self._connection = duckdb.connect(
            config={
                "memory_limit": f"{megabytes}MB",
                "temp_directory": str(self._scratch.path / "spilled"),
                "preserve_insertion_order": "false",
            }
        )

    def scan(self, files: Sequence[str]) -> Frame:
        """See `CountingEngine`, as for all methods."""
        frame: Frame = nw.from_native(
            self._connection.read_parquet(list(files), hive_partitioning=False)
        )
        return frame

    def table(self, columns: Mapping[str, list[str] | NDArray[Any]]) -> Frame:
        """See `CountingEngine`."""
        frame: Frame = nw.from_native(self._connection.from_arrow(arrow_table(columns)))
        return frame

    def store(self, frame: Frame, name: str) -> Frame:
        """See `CountingEngine`."""
        return self.scan([str(self._written(frame, name))])

    @contextmanager
    def stored(self, frame: Frame, name: str) -> Iterator[Frame]:
        """See `CountingEngine`."""
        file = self._written(frame, name)
        yield self.scan([str(file)])
        file.unlink()

    def _written(self, frame: Frame, name: str) -> Path:
        file = self._scratch.file(name)
        frame.to_native().write_parquet(str(file), compression="lz4")
        return file

    def store_parts(self, frame: Frame, name: str, parts: int) -> Sequence[Frame]:
        """See `CountingEngine`."""
        folder = self._scratch.folder(name)
        frame.to_native().write_parquet(str(folder), compression="lz4", partition_by=["part"])
        return [self.scan(files) for files in _files_of(folder, parts)]

    def collect(self, frame: Frame) -> Columns:
        """See `CountingEngine`."""
        table = frame.to_native().to_arrow_table()
        return {name: table[name].to_numpy() for name in table.column_names}

    def close(self) -> None:
        """See `CountingEngine`."""
        self._connection.close()
        self._scratch.remove()


def _files_of(folder: Path, parts: int) -> Iterator[list[str]]:
    """The files of each part that has any."""
    for part in range(parts):
        if files := sorted(map(str, (folder / f"part={part}").glob("*.parquet"))):
            yield files


def arrow_table(columns: Mapping[str, list[str] | NDArray[Any]]) -> Any:
    """The columns as a table of pyarrow."""
    arrow = imported("pyarrow", "out-of-core")
    texts = {
        name: arrow.array(one, arrow.string())
        for name, one in columns.items()
        if isinstance(one, list)
    }
    return arrow.table({**columns, **texts})


EMBEDDED: Mapping[str, Callable[[Path, int], PolarsEngine | DuckDbEngine]] = MappingProxyType(
    {"polars": PolarsEngine, "duckdb": DuckDbEngine}
)
"""The engines by name: of a folder of their own, and of how many megabytes they may take."""


def _rows_within(megabytes: int) -> int:
    return max(1, megabytes * 1_000_000 // _MEGABYTES_PER_MILLION_ROWS)


def imported(name: str, extra: str) -> Any:
    """The module; InvalidInput says how to install it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"this training engine needs {name.partition('.')[0]}: install pawsonalize[{extra}]",
            field="training_engine",
        ) from error
