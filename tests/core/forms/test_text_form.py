"""How a file's text is written is detected, or named."""

import csv
import gzip
from io import BytesIO, StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.csv_files import (
    DETECTED,
    CsvRow,
    CsvTable,
    RowError,
    TextForm,
    as_text,
    no_formula,
    read_text_form,
    separator_of,
)

TEXT = "id,name\n1,Zoé\n2,Señor “Max”\n"


def read(content: bytes, form: TextForm = DETECTED) -> tuple[list[list[str]], str]:
    table = CsvTable(BytesIO(content), form)
    return [row.values for row in table.rows() if isinstance(row, CsvRow)], table.encoding


def test_encoding_separator_and_gzip_are_detected(subtests: pytest.Subtests) -> None:
    encodings: list[tuple[str, str]] = [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ]
    for encoding, found in encodings:
        for packed in (False, True):
            for separator in [",", ";", "\t"]:
                with subtests.test(encoding=encoding, found=found, packed=packed):
                    content = TEXT.replace(",", separator).encode(encoding)
                    rows, named = read(gzip.compress(content) if packed else content)
                    assert rows == [["1", "Zoé"], ["2", "Señor “Max”"]]
                    assert named == found


def test_one_accent_far_down_the_file_is_enough_for_cp1252() -> None:
    stream, named = as_text(
        BytesIO(("id,name\n" + "1,Rex\n" * 200_000 + "2,Zoé\n").encode("cp1252"))
    )
    assert (stream.read()[-6:], named) == ("2,Zoé\n", "cp1252")


def test_letters_that_a_chunk_cuts_in_two_are_letters() -> None:
    text = "id,name\n" + "é" * 4_099 + ",x\n" * 3
    assert as_text(BytesIO(text.encode()))[1] == "utf-8"
    assert as_text(BytesIO(("a" + text).encode()))[1] == "utf-8"


def test_utf8_that_is_damaged_loses_its_damaged_rows_alone() -> None:
    table = CsvTable(BytesIO("id,name\n1,Zoé\n2,Ma".encode() + b"\xff\n3,Rex\n"))
    assert [type(row) for row in table.rows()] == [CsvRow, RowError, CsvRow]


def test_what_no_letter_of_the_encoding_is_costs_its_row() -> None:
    table = CsvTable(BytesIO(b"id,name\n1,Zo\xe9\n2,\x81\n3,Rex\n"))
    _, bad, _ = table.rows()
    assert isinstance(bad, RowError)
    assert (bad.line, bad.column, bad.reason) == (3, "NAME", "is not CP1252 text")


def test_a_named_form_goes_before_what_it_looks_like() -> None:
    content = "id|name;nick\n1|Łatek\n".encode("cp1250")
    form = read_text_form("windows-1250", "|")
    assert read(content, form) == ([["1", "Łatek"]], "cp1250")
    assert read_text_form(None, "tab").separator == read_text_form(None, "\\t").separator == "\t"


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "hex"])
def test_an_encoding_that_is_none_names_some(encoding: str) -> None:
    with pytest.raises(InvalidInput, match="cp1252"):
        read_text_form(encoding, None)


@pytest.mark.parametrize("separator", ["", "::", '"', "x"])
def test_a_separator_that_is_none_names_those_there_are(separator: str) -> None:
    with pytest.raises(InvalidInput, match="semicolon"):
        read_text_form(None, separator)


def test_a_quoted_name_may_hold_another_separator() -> None:
    assert separator_of('"id";"name, nick, alias";"species"') == ";"
    assert separator_of('id,"good; with"') == ","
    assert separator_of("id") == ","


def test_a_gzip_file_that_is_cut_short_is_told_as_that() -> None:
    packed = gzip.compress(TEXT.encode() * 99)
    for damaged in (packed[:-12], packed[:30], packed[:-8] + b"\0" * 8):
        with pytest.raises(InvalidInput, match="gzip"):
            read(damaged)
    with pytest.raises(InvalidInput, match="gzip"):
        read(packed[:-12], TextForm("utf-8", ","))


def test_an_excel_file_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="save it as CSV"):
        read(b"PK\x03\x04rest")


@given(st.text(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_text_in_a_named_encoding_is_what_it_was(text: str, encoding: str) -> None:
    content = text.encode(encoding, "ignore")
    if content.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        return
    stream, _ = as_text(BytesIO(content), encoding)
    assert stream.read() == content.decode(encoding)


@given(st.lists(st.text("=+-@'\t1Ax|.", max_size=4), min_size=1))
def test_no_cell_is_a_formula_and_each_is_read_as_it_was(texts: list[str]) -> None:
    cells = [no_formula(text) for text in texts]
    file = StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["ID", "TEXT"]])
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(["x", cell] for cell in cells)
    rows, _ = read(file.getvalue().encode(), TextForm("utf-8", ","))
    assert [row[1] for row in rows] == texts


def test_what_could_call_something_is_no_formula_and_numbers_and_plain_ids_stay() -> None:
    running = ("=1+1", "+SUM(A1)", "-2+3|x", "@SUM(A1)", "\t=1", "\r=1", "'=1")
    assert [no_formula(text) for text in running] == [f"'{text}" for text in running]
    plain = ("", "-5", "+4.5", "-1e+20", "-aZ_9-x", "a=b", "'tis")
    assert [no_formula(text) for text in plain] == [*plain]
