"""CSV of any columns, separators and dates."""

from pathlib import Path

import pytest

from pawsonalize.animals.listings import AnimalForm
from pawsonalize.core.errors import InvalidInput
from pawsonalize.plugins.feeds.formats import FeedForm, read_feed
from pawsonalize.plugins.feeds.rows import DateOrder, TableForm, read_columns, read_date_order

COLUMNS = "id=Animal #, species=Type,intakeAt=In Date,outcome_at=Out Date,outcome=Out,size="
MUNICIPAL = """\
Animal #;Type;Breed;In Date;Out Date;Out;Size
A1;DOG;PIT BULL;01/02/2024;01/13/24 3:15 PM;ADOPTION;42 kg
A2;CAT;DOMESTIC SH;02/03/2024;;;
"""


def forms(text: str, *columns: str, dates: str | None = None) -> list[AnimalForm]:
    table = TableForm(None, read_date_order(dates), read_columns(columns))
    rows, _ = read_feed([text.encode()], FeedForm(table=table))
    return [form for row in rows() if (form := row.form) is not None]


def test_columns_of_any_name_are_given_to_fields() -> None:
    first, second = forms(MUNICIPAL, COLUMNS)
    assert (first.id, first.species, first.breed, first.size) == ("A1", "DOG", "PIT BULL", None)
    assert (first.intake_at, first.outcome_at) == ("2024-01-02", "2024-01-13T15:15:00")
    assert (second.intake_at, second.outcome_at, second.outcome) == ("2024-02-03", None, None)


def test_columns_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "columns.yaml"
    file.write_text('id: "Animal #"\nspecies: Type\nintakeAt: In Date\nsize:\n')
    assert forms(MUNICIPAL, str(file), "outcomeAt=Out Date")[0].outcome_at == "2024-01-13T15:15:00"


def test_a_named_order_of_dates_goes_before_what_they_look_like() -> None:
    first, _ = forms(MUNICIPAL, COLUMNS, dates="eu")
    assert (first.intake_at, first.outcome_at) == ("2024-02-01", "01/13/24 3:15 PM")


def test_dates_that_may_be_read_both_ways_are_not_guessed() -> None:
    text = "id,species,listedAt\n1,dog,01/02/2024\n"
    with pytest.raises(InvalidInput, match="LISTEDAT: 01/02/2024"):
        forms(text)
    assert forms(text, dates="us")[0].listed_at == "2024-01-02"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("id=Animal,species=Type", "no column ANIMAL for id: it has ANIMAL #, TYPE"),
        ("id=Animal #,kind=Type", "no field kind to give a column to: there are adopted,"),
        ("species=Type", "no column ID: .*--columns id=COLUMN; there are ANIMAL #"),
        ("id=Animal #,Type", "field=column pairs.*not Type"),
        ("nowhere.yaml", r"nowhere\.yaml cannot be read"),
    ],
)
def test_columns_that_do_not_fit_are_told_with_those_there_are(columns: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        forms(MUNICIPAL, columns)


def test_an_order_of_dates_that_is_none_names_those_there_are() -> None:
    assert read_date_order("US") is DateOrder.US
    with pytest.raises(InvalidInput, match="us, eu, iso, not uk"):
        read_date_order("uk")


def test_columns_are_of_csv_alone() -> None:
    table = TableForm(columns={"ID": "X"})
    with pytest.raises(InvalidInput, match="this is jsonl"):
        read_feed([b'{"id": 1, "species": "dog"}'], FeedForm("jsonl", table=table))


def test_pages_are_one_feed_and_count_on() -> None:
    pages = [b"id,species\n1,dog\n2,dog\n", b"id,species\n3,\n"]
    rows, notes = read_feed(pages)
    *_, last = rows()
    assert (last.place, last.external_id, notes) == (5, "3", [])
    assert last.reason == "species is missing: fill it in"
