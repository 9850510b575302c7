"""Events as a Parquet file, which is written whole or not at all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pawsonalize.core.errors import StorageUnavailable, needing
from pawsonalize.core.event import LoggedEvent
from pawsonalize.core.objects.store import sync, whole_file

_GROUP_BYTES = 32_000_000  # of Arrow memory, which become one row group of the file
_AT_ONCE = 10_000  # events
_TEXTS = ("event_id", "user_id", "session_id", "event_type", "item_id")
_MORE_TEXTS = ("properties", "dataset_group", "raw")

Write = Callable[[Sequence[LoggedEvent]], int]
"""Takes events; returns how many those were."""


def check_parquet() -> None:
    """InvalidInput if what writes Parquet is not installed."""
    _pyarrow()


@contextmanager
def parquet_file(path: Path) -> Iterator[Write]:
    """Takes events while the block runs; the file is in its place when it ends without an error.

    Without any event there is no file then, nor one of before. Times are UTC with milliseconds,
    `impression` is a list, all other columns are plain.
    """
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, replaces=True) as file, _writing(file) as write:

            def counted(rows: Sequence[LoggedEvent]) -> int:
                nonlocal written
                written += len(rows)
                for start in range(0, len(rows), _AT_ONCE):
                    write(rows[start : start + _AT_ONCE])
                return len(rows)

            yield counted
        if not written:
            path.unlink()
            with suppress(OSError):  # a folder that holds something else stays
                path.parent.rmdir()
        else:
            sync(path.parent)
    except OSError as error:
        raise StorageUnavailable(
            f"{path} cannot be written ({error.strerror}): check that its disk has space and its"
            " folder is writable"
        ) from error


@contextmanager
def _writing(file: Any) -> Iterator[Callable[[Sequence[LoggedEvent]], None]]:
    arrow = _pyarrow()
    schema = _schema(arrow)
    names = [name for name in schema.names if name != "offset"]
    with arrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        waiting: list[Any] = []

        def flush() -> None:
            if waiting:
                writer.write_table(arrow.concat_tables(waiting))
                waiting.clear()

        def write(rows: Sequence[LoggedEvent]) -> None:
            columns = {name: [getattr(row.event, name) for row in rows] for name in names}
            columns["offset"] = [row.offset for row in rows]
            waiting.append(arrow.Table.from_pydict(columns, schema=schema))
            if sum(table.nbytes for table in waiting) >= _GROUP_BYTES:
                flush()

        yield write
        flush()


def _schema(arrow: Any) -> Any:
    text, moment = arrow.string(), arrow.timestamp("ms", tz="UTC")
    return arrow.schema(
        [
            arrow.field("offset", arrow.int64(), nullable=False),
            *((name, text) for name in _TEXTS),
            arrow.field("sent_at", moment, nullable=False),
            arrow.field("received_at", moment, nullable=False),
            ("animal_id", text),
            ("event_value", arrow.float64()),
            ("recommendation_id", text),
            ("impression", arrow.list_(text)),
            *((name, text) for name in _MORE_TEXTS),
        ]
    )


def _pyarrow() -> Any:
    with needing("parquet", "Parquet needs pyarrow", "parquet"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    return pyarrow
