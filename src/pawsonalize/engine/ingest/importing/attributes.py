"""Rows of an items or users file as catalogue entries."""

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.schemas import Field
from pawsonalize.domain.times import LATEST, SECOND
from pawsonalize.engine.ingest.importing.columns import Columns, read_number, read_value
from pawsonalize.engine.ingest.importing.csv_rows import CsvRow
from pawsonalize.storage.base import Item, User

_CREATED = Field("CREATION_TIMESTAMP", ("double",))
Attributes = dict[str, str | float | None]


class ItemReader:
    """Makes items of the rows of one file."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._id = columns.place("ITEM_ID")
        self._created = columns.place("CREATION_TIMESTAMP")
        self._others = columns.others(("ITEM_ID", "CREATION_TIMESTAMP"))

    def read(self, row: CsvRow) -> Item:
        """The item of a row; InvalidInput names the column that is wrong."""
        self._columns.refuse_empty(row)
        assert self._id is not None, "a required column"
        return Item(
            item_id=parse_id(row.values[self._id], "ITEM_ID"),
            attributes=_attributes(self._others, row),
            created_at=None
            if self._created is None
            else read_created_at(row.values[self._created]),
        )


class UserReader:
    """Makes users of the rows of one file."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._id = columns.place("USER_ID")
        self._others = columns.others(("USER_ID",))

    def read(self, row: CsvRow) -> User:
        """The user of a row; InvalidInput names the column that is wrong."""
        self._columns.refuse_empty(row)
        assert self._id is not None, "a required column"
        return User(parse_id(row.values[self._id], "USER_ID"), _attributes(self._others, row))


def _attributes(columns: list[tuple[int, Field]], row: CsvRow) -> Attributes:
    return {field.name: _attribute(field, row.values[at]) for at, field in columns}


def _attribute(field: Field, text: str) -> str | float | None:
    value = read_value(field, text)
    return float(value) if isinstance(value, int) else value


def read_created_at(text: str) -> int | None:
    """Epoch seconds as milliseconds: catalogues hold placeholders, so any past moment goes."""
    text = text.strip()
    if not text:
        return None
    moment = round(read_number(Field("CREATION_TIMESTAMP", ("double",)), text) * SECOND)
    if abs(moment) >= LATEST:
        raise InvalidInput(
            "must be epoch seconds, before the year 2100", field="CREATION_TIMESTAMP"
        )
    return moment
