"""The log, read to where a fold or a training ends: what is kept of it, and what came after."""

from collections.abc import Iterator

from pawsonalize.engine.resources.progress import Progress, silent
from pawsonalize.engine.serving.facet_reading import FacetReader
from pawsonalize.engine.training.kept_rows import KeptRows
from pawsonalize.storage.base import EventLog, TrainingRow

_END_OF_TIME = 2**62


def rows_through(
    log: EventLog, reader: FacetReader, through: int, progress: Progress = silent
) -> KeptRows:
    """Everything up to the offset, the future included: a later moment may see it."""
    return KeptRows.of(_rows(log, 0, through, progress), reader)


def rows_since(
    kept: KeptRows,
    after: int,
    log: EventLog,
    reader: FacetReader,
    through: int,
    progress: Progress = silent,
) -> KeptRows:
    """The same, where everything up to the offset `after` is kept: only the rest is read."""
    new = KeptRows.of(_rows(log, after, through, progress), reader)
    return kept.plus(new, log.bound(after, through))


def _rows(log: EventLog, after: int, through: int, progress: Progress) -> Iterator[TrainingRow]:
    done = 0
    for batch in log.training_rows(through, _END_OF_TIME, after=after):
        yield from batch
        done += len(batch)
        progress(min(done, through - after), through - after)
