"""How a CSV feed is written: which of its columns is what, and in which order its dates are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.feeds.dates import DateOrder


@dataclass(frozen=True, slots=True)
class TableForm:
    """The separator and the order of dates, None: as they look; and the columns by our names.

    `columns` has upper-case names; the name of a field without its underscores leads to the
    column that holds it, or to "" if none does whatever it is called.
    """

    separator: str | None = None
    dates: DateOrder | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """The column of a field."""
        return self.columns.get(_plain(name), name)

    def reads(self, column: str, fields: Iterable[str]) -> bool:
        """Whether one of the fields is in that column of the file."""
        return any(self.column(name) == column for name in fields)

    def check(self, fields: Iterable[str], header: Sequence[str]) -> None:
        """InvalidInput if a field or a column that `columns` names is not there."""
        known = {_plain(name) for name in fields}
        for name, column in self.columns.items():
            if name not in known:
                raise InvalidInput(
                    f"there is no field {name.lower()} to give a column to: there are"
                    f" {', '.join(sorted(known)).lower()}",
                    field="columns",
                )
            if column and column not in header:
                raise InvalidInput(
                    f"the file has no column {column} for {name.lower()}: it has"
                    f" {', '.join(header)[:500]}",
                    field="columns",
                )


AS_USUAL = TableForm()


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """`field=column` pairs with commas between, or YAML files of them, by upper-case names."""
    columns: dict[str, str] = {}
    for text in given:
        if "=" in text:
            columns |= dict(_pair(part) for part in text.split(",") if part.strip())
        else:
            columns |= _file(Path(text))
    return by_upper_names(columns)


def by_upper_names(columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of fields, named as `TableForm` has them."""
    return {_plain(name): column.strip().upper() for name, column in columns.items()}


def read_date_order(text: str | None) -> DateOrder | None:
    """The order by its name; InvalidInput names all."""
    if text is None:
        return None
    try:
        return DateOrder(text.strip().lower())
    except ValueError as error:
        raise InvalidInput(
            f"--dates must be {', '.join(DateOrder)}, not {text}", field="dates"
        ) from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not name.strip() or not equals:
        raise InvalidInput(
            f"--columns takes field=column pairs with commas between, not {text}: names with"
            " commas go into a YAML file",
            field="columns",
        )
    return name, column


def _file(path: Path) -> dict[str, str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(
            f"--columns takes field=column pairs or a YAML file; {path} cannot be read: {error}",
            field="columns",
        ) from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} must hold `field: column` lines", field="columns")
    return {str(name): "" if column is None else str(column) for name, column in content.items()}


def _plain(name: str) -> str:
    return name.strip().upper().replace("_", "")
