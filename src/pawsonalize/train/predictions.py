"""Predictions of an evaluation as a table: the best items of each test case, by each model."""

import csv
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path

from pawsonalize.core.errors import InvalidInput
from pawsonalize.events.archive.reading import import_pyarrow
from pawsonalize.models.evaluation.metrics import Judgement
from pawsonalize.train.holdout import Holdout

_COLUMNS = ("split", "model", "user", "item", "score", "rank")


class Predictions:
    """Rows of a file; InvalidInput if its name ends neither in .csv nor in .parquet."""

    def __init__(self, path: Path) -> None:
        if path.suffix not in {".csv", ".parquet"}:
            raise InvalidInput(f"{path.name} must end in .csv or .parquet", field="predictions")
        self._arrow = None if path.suffix == ".csv" else import_pyarrow()
        self._rows: list[tuple[str, str, str, str, float, int]] = []
        self.users: Sequence[str] = ()

    def add(self, holdout: Holdout, judged: Mapping[str, Judgement]) -> None:
        """Add the 25 best of each test case, the best with rank 1."""
        items = holdout.training.item_ids
        asked = [self.users[code] for code in holdout.data.user[holdout.split.cut].tolist()]
        for name, judgement in judged.items():
            for user, best, scores in zip(
                asked, judgement.best, judgement.best_scores, strict=True
            ):
                pairs = zip(best.tolist(), scores.tolist(), strict=True)
                self._rows += [
                    (str(holdout.name), name, user, items[item], score, rank)
                    for rank, (item, score) in enumerate(pairs, 1)
                ]

    def content(self) -> bytes:
        """Return the file."""
        if self._arrow is None:
            text = StringIO(newline="")
            csv.writer(text).writerows([_COLUMNS, *self._rows])
            return text.getvalue().encode()
        columns = {name: [row[k] for row in self._rows] for k, name in enumerate(_COLUMNS)}
        file = BytesIO()
        self._arrow.parquet.write_table(self._arrow.table(columns), file)
        return file.getvalue()
