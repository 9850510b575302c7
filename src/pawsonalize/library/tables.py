"""Tables that a notebook shows, and hands on as a data frame."""

import csv
import html
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import narwhals as nw

from pawsonalize.core.errors import InvalidInput

Frames = Literal["pandas", "polars", "pyarrow"]
_FRAMES: tuple[Frames, ...] = get_args(Frames)
_SHOWN = 60  # rows of a printed table; all are there


class Table(msgspec.Struct, frozen=True):
    """Rows of named columns, all of the same length; None where a row has no value."""

    columns: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, names: Sequence[str], rows: Sequence[Sequence[object]]) -> "Table":
        """Return the table of rows, each with a value for each name."""
        return cls({name: [row[at] for row in rows] for at, name in enumerate(names)})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.columns[column]

    def to_frame(self, library: Frames | None = None) -> Any:
        """Return a data frame of `pandas`, `polars` or `pyarrow`; the first that is installed."""
        there = [name for name in _FRAMES if find_spec(name)]
        if not there or library not in {None, *there}:
            raise InvalidInput(
                f"{library or 'a library of data frames'} is not installed here: pip install"
                f" {library or 'pandas'}, or use to_csv()",
                field="library",
            )
        return nw.from_dict(dict(self.columns), backend=library or there[0]).to_native()

    def to_csv(self, path: str | Path) -> None:
        """Write all rows with a header, in UTF-8."""
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(self.columns)
            rows.writerows(zip(*self.columns.values(), strict=True))

    def __str__(self) -> str:
        texts = [
            [name, *(_text(value) for value in values[:_SHOWN])]
            for name, values in self.columns.items()
        ]
        # Numbers stand to the right, below their points.
        lined = [
            [text.rjust(width) if numeric else text.ljust(width) for text in column]
            for column, width, numeric in (
                (column, max(map(len, column)), _is_numeric(values))
                for column, values in zip(texts, self.columns.values(), strict=True)
            )
        ]
        lines = ["  ".join(row).rstrip() for row in zip(*lined, strict=True)]
        if len(self) > _SHOWN:
            lines.append(f"… {len(self) - _SHOWN:,} more rows")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(value))}</td>" for value in row) + "</tr>"
            for row in islice(zip(*self.columns.values(), strict=True), _SHOWN)
        )
        more = f"<p>… {len(self) - _SHOWN:,} more rows</p>" if len(self) > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _is_numeric(values: Sequence[object]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)
