"""Reading imported rows: every kind of good row, every kind of bad one. No database."""

import io
import json
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.tables.catalogue import Item, User
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Event
from pawsonalize.core.forms.csv_files import CsvRow, CsvTable, ImportReport, RowError
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.events.datasets import (
    EventReader,
    FileColumns,
    item_reader,
    read_schema,
    user_reader,
)
from pawsonalize.events.imports import load_rows

NOW = 1_790_000_000_000
HEADER = "USER_ID,ITEM_ID,TIMESTAMP"
SIZE = 4


class Import:
    """What an import of a text gives, kept in memory."""

    def __init__(
        self, dataset: DatasetType, text: str | bytes, schema: Schema | None = None
    ) -> None:
        table = CsvTable(io.BytesIO(text.encode() if isinstance(text, str) else text))
        columns = FileColumns.match(table.header, dataset, schema)
        readers: dict[DatasetType, Callable[[], Callable[[CsvRow], object]]] = {
            DatasetType.INTERACTIONS: lambda: EventReader(columns, NOW).read,
            DatasetType.ITEMS: lambda: item_reader(columns),
            DatasetType.USERS: lambda: user_reader(columns),
        }
        self.stored: list[object] = []
        self.errors: list[RowError] = []
        self.report: ImportReport = load_rows(
            table,
            dataset,
            readers[dataset](),
            self._store,
            chunk_rows=SIZE,
            on_error=self.errors.append,
        )

    def _store(self, rows: Sequence[object]) -> int:
        self.stored += rows
        return len(rows)


def events(text: str | bytes, schema: Schema | None = None) -> list[Event]:
    done = Import(DatasetType.INTERACTIONS, text, schema)
    assert done.errors == []
    return [event for event in done.stored if isinstance(event, Event)]


def errors(
    text: str | bytes, dataset: DatasetType = DatasetType.INTERACTIONS, schema: Schema | None = None
) -> list[tuple[int, str | None, str]]:
    return [
        (error.line, error.column, error.reason) for error in Import(dataset, text, schema).errors
    ]


def schema(dataset: str, **fields: object) -> Schema:
    listed = [{"name": name, "type": kind} for name, kind in fields.items()]
    return read_schema(json.dumps({"type": "record", "name": dataset, "fields": listed}))


def test_the_plainest_row_is_a_view_in_no_session() -> None:
    (event,) = events(f"{HEADER}\n7,2-Beagle-2-3,1656408773\n")
    assert event == Event(event.event_id, "7", None, "view", "2-Beagle-2-3", 1_656_408_773_000, NOW)
    assert event.event_id.startswith("import-")


def test_every_optional_column_and_unknown_ones_are_kept() -> None:
    (event,) = events(
        "device,Impression,user_id,item_id,timestamp,EVENT_TYPE,Event_Value,RECOMMENDATION_ID,x\n"
        "phone,a|b,7,2-B-1-1,1656408773,adopted,0.5,RID-1,\n"
    )
    assert (event.event_type, event.event_value) == ("adopted", 0.5)
    assert (event.impression, event.recommendation_id) == (("a", "b"), "RID-1")
    assert event.properties == '{"DEVICE":"phone"}'


BOARDS = f"{HEADER},EVENT_TYPE,EVENT_VALUE,RECOMMENDATION_ID,IMPRESSION,ANIMAL_ID\n"


def test_picks_of_a_file_that_names_animals_are_those_of_the_events_themselves() -> None:
    """So they answer their board wherever they are replayed; other rows are about groups."""
    picked, none, seen = events(
        f"{BOARDS}u1,2-Beagle-2-3,1790000000,Pick,1,RID-1,a-7|a-9,a-7\n"
        "u1,none,1790000001,no-pick,,RID-2,a-7|a-9,\n"
        "u1,2-Beagle-2-3,1790000002,view,,,,a-7\n"
    )
    assert (picked.event_type, picked.animal_id, picked.item_id) == ("pick", "a-7", "2-Beagle-2-3")
    assert (picked.recommendation_id, picked.event_value) == ("RID-1", 1.0)
    assert picked.impression == none.impression == ("a-7", "a-9")
    assert (none.event_type, none.animal_id, none.item_id) == ("no-pick", "", "")
    assert (seen.animal_id, seen.properties) == (None, '{"ANIMAL_ID":"a-7"}')


def test_a_pick_that_names_no_board_or_no_animal_is_refused_with_words() -> None:
    assert errors(
        f"{BOARDS}u1,2-Beagle-2-3,1790000000,pick,1,,a-7,a-7\n"
        "u1,2-Beagle-2-3,1790000000,unpick,,RID-1,a-7,\n"
    ) == [
        (2, "RECOMMENDATION_ID", "must be the board of the pick: fill it in, or leave the row out"),
        (3, "ANIMAL_ID", "must be the animal of the unpick: fill it in, or leave the row out"),
    ]


def test_spaces_around_values_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    plain = events(f"{HEADER}\n7,2-B-1-1,1656408773\n8,2-B-1-1,1656408773\n")
    windows = f"\ufeff{HEADER}\r\n7,2-B-1-1,1656408773\r\n8,2-B-1-1,1656408773".encode()
    assert events(windows) == plain
    assert events(f" {HEADER} \n 7 , 2-B-1-1 , 1656408773 \n")[0].user_id == "7"


def test_rows_that_repeat_are_different_events_with_stable_ids() -> None:
    text = f"{HEADER}\n" + "7,2-B-1-1,1656408773\n" * 10
    ids = [event.event_id for event in events(text)]
    assert len(set(ids)) == 10
    assert [event.event_id for event in events(text)] == ids
    grown = events(text + "8,2-B-1-1,1656408773\n")
    assert [event.event_id for event in grown][:10] == ids


def test_a_row_corrected_in_place_changes_no_other_id() -> None:
    good = f"{HEADER}\n7,2-B-1-1,1656408773\n7,2-B-1-2,1656408773\n7,2-B-1-3,1656408773\n"
    bad = good.replace("7,2-B-1-2", ",2-B-1-2")
    left = Import(DatasetType.INTERACTIONS, bad).stored
    assert left == [event for event in events(good) if event.item_id != "2-B-1-2"]


def test_bad_rows_are_named_and_good_ones_beside_them_kept() -> None:
    done = Import(
        DatasetType.INTERACTIONS,
        f"{HEADER},EVENT_VALUE,IMPRESSION\n"
        "1,a,1656408773,1,\n"
        ",a,1656408773,1,\n"
        "1,a,yesterday,1,\n"
        "1,a,15000000,1,\n"
        "1,a,1656408773,much,\n"
        "1,a,1656408773,1_0,\n"
        f"1,a,1656408773,1,{'|'.join('x' * 26)}\n"
        "1,a,1656408773\n"
        "\n"
        f"1,{'a' * 257},1656408773,1,\n"
        "1,a,1656408773,1e999,\n"
        "2,a,1656408773,1,\n",
    )
    assert [(error.line, error.column) for error in done.errors] == [
        (3, "USER_ID"),
        (4, "TIMESTAMP"),
        (5, "TIMESTAMP"),
        (6, "EVENT_VALUE"),
        (7, "EVENT_VALUE"),
        (8, "IMPRESSION"),
        (9, None),
        (11, "ITEM_ID"),
        (12, "EVENT_VALUE"),
    ]
    assert (done.report.accepted, done.report.rejected) == (2, 9)
    assert msgspec.to_builtins(done.errors[6]) == {
        "line": 9,
        "column": None,
        "reason": "has 3 fields, but the header has 5",
    }


def test_properties_that_are_too_long_are_refused() -> None:
    assert errors(f"{HEADER},NOTE\n1,a,1656408773,{'x' * 1024}\n")[0][:2] == (2, "NOTE")


def test_the_report_keeps_the_first_errors_only() -> None:
    done = Import(DatasetType.INTERACTIONS, f"{HEADER}\n" + "x,,\n" * 500)
    assert (done.report.rejected, len(done.report.first_errors)) == (500, 20)
    assert done.report.first_errors[0].line == 2


def test_bytes_that_are_not_utf8_cost_their_row() -> None:
    rows = f"{HEADER}\n1,Zo\xe9,1656408773\n1,Caf".encode(), b"\xe9,1656408773\n2,a,1656408773\n"
    assert errors(b"".join(rows)) == [(3, "ITEM_ID", "is not UTF-8 text")]


@pytest.mark.parametrize("quoted", ['"unclosed', '"closed"x', '"a ""b"" c'])
def test_a_quote_gone_wrong_costs_no_more_than_it_swallows(quoted: str) -> None:
    good = "1,a,1656408773\n"
    done = Import(DatasetType.INTERACTIONS, f"{HEADER}\n{good}1,{quoted},1656408773\n{good * 3000}")
    assert done.report.rejected == 1
    assert done.report.accepted >= 1500
    assert done.errors[0].line == 3


def test_the_lines_that_a_quote_swallowed_are_told() -> None:
    (error,) = errors(f'{HEADER}\n1,"a,1656408773\n1,b,1656408773\n')
    assert error == (
        2,
        None,
        "opens a quote that is never closed (a quote is left open: lines 2 to 3 were skipped)",
    )


def test_oversized_fields_and_lines_cost_their_row() -> None:
    field = "x" * 20_481
    line = "1," + "x," * 600_000
    good = "1,a,1656408773\n"
    found = errors(f"{HEADER}\n{good}1,{field},1656408773\n{good}{line}\n{good}")
    assert [error[0] for error in found] == [3, 5]
    assert "20,480 characters" in found[0][2]
    assert "1,048,576 characters" in found[1][2]


def test_a_file_that_cannot_be_an_import_says_what_to_do(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("", "empty"),
        ("\n\n", "empty"),
        ("USER_ID,ITEM_ID\n", "lacks the column TIMESTAMP"),
        ("USER_ID:ITEM_ID:TIMESTAMP\n", "Separate columns by commas, semicolons or tabs"),
        ("USER_ID,ITEM_ID,TIMESTAMP,user_id\n", "two columns are named USER_ID"),
        ('"USER_ID\n', "must name the columns"),
    ]
    for text, message in cases:
        with subtests.test(text=text, message=message), pytest.raises(InvalidInput, match=message):
            events(text)


def test_the_same_rows_are_the_same_events_however_they_are_written(
    subtests: pytest.Subtests,
) -> None:
    for encoding in ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"]:
        for separator in [",", ";", "\t"]:
            with subtests.test(encoding=encoding, separator=separator):
                text = f"{HEADER}\n1,Zoé,1656408773\n"
                assert events(text.replace(",", separator).encode(encoding)) == events(text)


def test_a_file_that_is_no_text_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="name its encoding"):
        events(b"USER_ID\1,ITEM_ID\n")


def test_columns_without_a_name_are_left_out_as_pandas_numbers_rows_by_one() -> None:
    (event,) = events(f",{HEADER},DEVICE,\n0,1,Zoé,1656408773,phone,\n")
    assert (event.user_id, event.properties) == ("1", '{"DEVICE":"phone"}')
    items = Import(DatasetType.ITEMS, ",ITEM_ID,AGE\n0,a,3\n")
    assert items.stored == [Item("a", {"AGE": "3"}, None)]


def test_a_header_alone_is_an_import_of_nothing() -> None:
    assert events(HEADER) == []


def test_items_have_text_attributes_and_any_creation_time() -> None:
    done = Import(
        DatasetType.ITEMS,
        "Breed,item_id,CREATION_TIMESTAMP,Item_Value\n"
        'Beagle,"2-Beagle-2-3",15000000,0.1\n'
        ",1-Siamese-1-1,,\n",
    )
    assert done.stored == [
        Item("2-Beagle-2-3", {"BREED": "Beagle", "ITEM_VALUE": "0.1"}, 15_000_000_000),
        Item("1-Siamese-1-1", {"BREED": None, "ITEM_VALUE": None}, None),
    ]


def test_a_schema_types_the_columns_in_any_case() -> None:
    typed = schema("Items", ITEM_ID="string", price=["null", "float"], n="int", fine="boolean")
    text = "item_id,Price,N,fine\na,0.5,3,TRUE\nb,,4.0,false\n"
    assert Import(DatasetType.ITEMS, text, typed).stored == [
        Item("a", {"PRICE": 0.5, "N": 3.0, "FINE": "true"}),
        Item("b", {"PRICE": None, "N": 4.0, "FINE": "false"}),
    ]
    wrong = (
        "item_id,Price,N,fine\na,cheap,1,true\na,1,1.5,true\na,1,,true\na,1,1,maybe\na,nan,1,true\n"
    )
    assert errors(wrong, DatasetType.ITEMS, typed) == [
        (2, "PRICE", "must be a number"),
        (3, "N", "must be a whole number"),
        (4, "N", "must not be empty"),
        (5, "FINE", "must be true or false"),
        (6, "PRICE", "must be a number"),
    ]


def test_a_column_the_schema_requires_must_be_there() -> None:
    typed = schema("Users", USER_ID="string", AGE="int", CITY=["null", "string"])
    with pytest.raises(InvalidInput, match="lacks the column AGE"):
        Import(DatasetType.USERS, "USER_ID\n1\n", typed)
    assert Import(DatasetType.USERS, "USER_ID,AGE\n1,30\n", typed).stored == [
        User("1", {"AGE": 30.0})
    ]


def test_numbers_in_properties_stay_what_they_are() -> None:
    typed = schema("Interactions", USER_ID="string", ITEM_ID="string", TIMESTAMP="long", N="long")
    (event,) = events(f"{HEADER},N\n1,a,1656408773,9007199254740993\n", typed)
    assert event.properties == '{"N":9007199254740993}'


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "Cats", "type": "record"}', "[" * 9999])
def test_a_schema_says_which_dataset_it_describes(text: str) -> None:
    with pytest.raises(InvalidInput, match="Interactions"):
        read_schema(text)
    named = schema("interactions", USER_ID="string", ITEM_ID="string", TIMESTAMP="long")
    assert named.dataset is DatasetType.INTERACTIONS


_CELL = st.one_of(
    st.sampled_from(["1", "a", "1656408773", "", '"', '"x"', "1e5", "|", "\r", "\x00", "inf"]),
    st.text(max_size=5),
)
_LINES = st.lists(st.lists(_CELL, max_size=6).map(",".join), max_size=8).map("\n".join)
_BYTES = st.one_of(
    st.binary(max_size=60),
    st.tuples(st.sampled_from([HEADER, HEADER + ",EVENT_VALUE", "item_id", ""]), _LINES).map(
        lambda parts: "\n".join(parts).encode("utf-8", "surrogatepass")
    ),
    st.binary(max_size=40).map(lambda data: f"{HEADER},ITEM,CREATION_TIMESTAMP\n".encode() + data),
)
_SCHEMAS = {
    DatasetType.INTERACTIONS: schema(
        "Interactions", USER_ID="string", ITEM_ID="string", TIMESTAMP="long", EVENT_VALUE="float"
    ),
    DatasetType.ITEMS: schema("Items", ITEM_ID="string", USER_ID=["null", "int"]),
    DatasetType.USERS: schema("Users", USER_ID="string", ITEM_ID="boolean", TIMESTAMP="double"),
}


@given(data=_BYTES, dataset=st.sampled_from(list(_SCHEMAS)), typed=st.booleans())
def test_no_bytes_raise_anything_but_invalid_input(
    data: bytes, dataset: DatasetType, typed: bool
) -> None:
    try:
        done = Import(dataset, data, _SCHEMAS[dataset] if typed else None)
    except InvalidInput:
        return
    assert done.report.accepted == len(done.stored)
    assert done.report.rejected == len(done.errors)
