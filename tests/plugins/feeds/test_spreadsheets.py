"""Tables as spreadsheets and the reports of shelter systems write them."""

import io
import sys
from collections.abc import Sequence
from datetime import date, datetime

import openpyxl
import pytest

from pawsonalize.animals.listings import AnimalForm
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InputTooLarge, InvalidInput
from pawsonalize.plugins.feeds.formats import FeedForm, decoded, read_feed
from pawsonalize.plugins.feeds.importing import FeedImport, import_feed
from pawsonalize.plugins.feeds.presets import usual_columns
from pawsonalize.plugins.feeds.rows import FeedRow, TableForm
from tests.event_data import T0

TABLE = "id;species;name\n1;dog;Rex\n2;cat;Mia\n"


def read(text: str, encoding: str = "utf-8") -> tuple[list[FeedRow], list[str]]:
    rows, notes = read_feed([text.encode(encoding)])
    return list(rows()), notes


def names(text: str) -> list[str | None]:
    rows, _ = read(text)
    return [row.form.name if isinstance(row.form, AnimalForm) else row.reason for row in rows]


@pytest.mark.parametrize(
    "titles",
    ["sep=;\n", "Our animals\n\n", "Our animals;;\n;;\nPrinted 29 November;;\n", "\n\n;;\n"],
)
def test_titles_above_the_columns_are_left_out_and_told(titles: str) -> None:
    rows, notes = read(titles + TABLE)
    above = titles.count("\n")
    assert [row.place for row in rows] == [above + 2, above + 3]
    assert [row.external_id for row in rows] == ["1", "2"]
    assert notes == [f"line {above + 1} names its columns: what stands above was left out"]


def test_a_separator_that_is_named_by_hand_makes_no_line_a_title() -> None:
    text = "id|species|description\n1|dog|calm\n2|dog|calm, small, sweet\n"
    rows, notes = read_feed([text.encode()], FeedForm(table=TableForm(separator="|")))
    assert [row.external_id for row in rows()] == ["1", "2"]
    assert notes == []


def test_empty_cells_at_the_end_cost_no_row_and_are_none() -> None:
    assert names(TABLE + ";;\n3;dog;Ida;;;\n;;;;\n") == ["Rex", "Mia", "Ida"]
    assert names(TABLE + "3;dog;Ida;note\n")[2] == "has 4 fields, but the header has 3"


def test_rows_below_thousands_of_empty_ones_are_not_read_and_the_last_row_says_so() -> None:
    empty = ";;\n" * 5_001
    assert names(TABLE + empty) == ["Rex", "Mia"]
    found = names(TABLE + empty + "3;dog;Ida\n4;dog;Bo\n")
    assert found == ["Rex", "Mia", "follows 5,000 empty rows: what is below was not read"]


def test_columns_without_a_name_of_their_own_get_one() -> None:
    (first,), _ = read("id,species,name,,name,\n1,dog,Rex,x,Anna,\n")
    assert first.form is not None
    assert first.form.name == "Rex"
    assert first.unread == {"COLUMN 4": "x", "NAME 5": "Anna", "COLUMN 6": ""}


def test_lines_may_end_as_on_an_old_macintosh() -> None:
    assert names("Our animals\r" + TABLE.replace("\n", "\r")) == ["Rex", "Mia"]


def test_an_id_that_a_spreadsheet_has_rounded_is_nobodys(database: Database) -> None:
    inventory = Animals(database)
    import_feed(inventory, read_feed([TABLE.encode()])[0], FeedImport(complete=True), T0, T0)
    text = "id;species;name\n1.23E+11;dog;Rex\n1,23E+11;dog;Ida\n#N/A;dog;Bo\n"
    rounded = read_feed([text.encode()])[0]
    report = import_feed(inventory, rounded, FeedImport(complete=True), T0, T0)
    assert [row.reason[:33] for row in report.rejected] == [
        "a spreadsheet has rounded its id ",
        "a spreadsheet has rounded its id ",
        "it has no id",
    ]
    assert (report.created, report.removed, report.kept) == (0, 0, 2)


def test_cells_that_are_formulas_of_a_text_and_dates_that_are_numbers_are_read() -> None:
    text = 'id,species,birthDate,intakeAt\n="0012",dog,45429,45429.75\n="0013",dog,="17.5.2024",\n'
    first, second = (row.form for row in read(text)[0])
    assert first is not None
    assert second is not None
    assert (first.id, first.birth_date) == ("0012", "2024-05-17")
    assert first.intake_at == "2024-05-17T18:00:00"
    assert (second.id, second.birth_date) == ("0013", "2024-05-17")


def test_rows_of_one_animal_are_told(database: Database) -> None:
    rows = read_feed([(TABLE + "1;dog;Max\n").encode()])[0]
    report = import_feed(Animals(database), rows, FeedImport(), T0, T0)
    assert report.notes == [
        "1 rows are about an animal that another row has too: the latest fact counts"
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04...", "a zip file, and no Excel workbook that can be read"),
        (b"\xd0\xcf\x11\xe0...", "an Excel file of before 2007: save it as CSV"),
        (b"%PDF-1.7...", "a PDF: save it as CSV"),
        (b"\n<HTML><table><tr><td>1</td></tr>", "a web page, and no feed"),
    ],
)
def test_a_file_that_is_no_table_says_what_it_is(content: bytes, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        read_feed([content])


def workbook(*sheets: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_the_first_sheet_of_a_workbook_is_read_as_a_table() -> None:
    noon = datetime.fromisoformat("2026-04-01T12:00")
    content = workbook(
        [
            ["Our animals"],
            ["id", "species", "name", "birthDate", "intakeAt", "altered", "fee", "description"],
            [7.0, "dog", 'Bella; "B"', date(2024, 5, 6), noon, True, 85.5],
            [],
            ["0012", "cat", "Mia"],
        ],
        [["a legend"]],
    )
    rows, notes = read_feed([content])
    bella, mia = [row.form for row in rows()]
    assert isinstance(bella, AnimalForm)
    assert isinstance(mia, AnimalForm)
    assert (bella.id, bella.name, bella.birth_date) == ("7", 'Bella; "B"', "2024-05-06")
    assert (bella.intake_at, bella.altered, bella.fee) == ("2026-04-01T12:00:00", "True", "85.5")
    assert (mia.id, mia.name) == ("0012", "Mia")
    assert notes[0] == "the first sheet alone was read; left out: Sheet1"


def test_a_workbook_that_unpacks_to_too_much_is_refused() -> None:
    large = workbook([["id", "species"], *[[number, "dog"] for number in range(2_000)]])
    with pytest.raises(InputTooLarge, match="a workbook may unpack to 0 MB"):
        decoded(large, None, 10_000)
    wide = workbook([[*range(1_000)], *[[1]] * 500])
    with pytest.raises(InputTooLarge, match="a workbook may unpack to 0 MB"):
        decoded(wide, None, 200_000)


def test_without_openpyxl_a_workbook_is_refused_with_the_name_of_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = workbook([["id", "species"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(
        InvalidInput, match=r"save the file as CSV.*pip install 'pawsonalize\[xlsx]'"
    ):
        read_feed([content])


def test_columns_in_other_languages_are_taken_for_their_fields() -> None:
    header = ("TIERNUMMER", "TIERART", "RASSE", "GRÖSSE", "GEBURTSDATUM", "AUFNAHMEDATUM", "CHIP")
    fields = ["ID", "SPECIES", "BREED", "SIZE", "BIRTHDATE", "INTAKEAT", ""]
    assert list(usual_columns("csv", dict.fromkeys(header, "")).values()) == fields
    spanish = ("NÚMERO", "NOMBRE", "ESPECIE", "RAZA", "SEXO", "TAMAÑO", "FECHA DE INGRESO")
    fields = ["ID", "NAME", "SPECIES", "BREED", "SEX", "SIZE", "INTAKEAT"]
    assert list(usual_columns("csv", dict.fromkeys(spanish, "")).values()) == fields


def test_columns_of_an_animal_or_a_pet_are_taken_without_that_word() -> None:
    header = ("PET ID", "PET TYPE", "ANIMALSTATUS", "ANIMALOKWITHKIDS", "ANIMAL DOB", "PETFINDER")
    fields = ["ID", "SPECIES", "STATUS", "GOODWITHKIDS", "BIRTHDATE", ""]
    assert list(usual_columns("csv", dict.fromkeys(header, "")).values()) == fields


def test_a_column_that_looks_like_one_of_ours_is_read_as_that_and_told() -> None:
    rows, notes = read("_id,animal_id,species,good_wiht_kids,Raza\n1,a,dog,no,Boxer\n")
    (form,) = [row.form for row in rows if row.form]
    assert (form.id, form.good_with_kids, form.breed) == ("a", "no", "Boxer")
    assert notes == [
        "taken by their names: GOOD_WIHT_KIDS for goodWithKids, RAZA for breed; --columns says"
        " otherwise"
    ]


def test_two_columns_that_are_taken_for_the_same_are_refused_until_one_is_chosen() -> None:
    text = "id,species,birth_date,birthDate\n1,dog,2020-05-17,2021-05-17\n"
    with pytest.raises(InvalidInput, match="BIRTH_DATE and BIRTHDATE are both taken for birthDate"):
        read(text)
    chosen = FeedForm(table=TableForm(columns={"BIRTHDATE": "BIRTH_DATE"}))
    (row,) = read_feed([text.encode()], chosen)[0]()
    assert row.form is not None
    assert row.form.birth_date == "2020-05-17"


def test_more_columns_than_any_shelter_has_are_refused() -> None:
    wide = "id,species," + ",".join(f"c{n}" for n in range(999)) + "\n"
    with pytest.raises(InvalidInput, match="1,001 columns, at most 1,000 are read"):
        list(read_feed([wide.encode()])[0]())


def test_plain_numbers_of_ages_are_years_if_some_are_no_age_bands() -> None:
    def ages(*written: str) -> list[str | int | None]:
        lines = "".join(f"{n},dog,{age}\n" for n, age in enumerate(written, 1))
        return [row.form.age for row in read(f"id,species,age\n{lines}")[0] if row.form]

    assert ages("1", "4", "") == ["1", "4", None]
    assert ages("1", "11", "4 months", "") == ["1 years", "11 years", "4 months", None]


def test_an_animal_that_was_adopted_and_is_gone_is_adopted_whichever_columns_say_so() -> None:
    for adopted in ("adopted", "adopted2", "adopted3"):
        for removed in ("removed", "removed2", "removed3"):
            rows, _notes = read(f"id,species,{removed},{adopted}\n1,dog,x,x\n")
            assert [row.form.status for row in rows if row.form] == ["adopted"], (removed, adopted)
