"""Excel's workbooks (`.xlsx`) as CSV, read by openpyxl of the extra `xlsx`."""

import csv
import io
from datetime import datetime, time
from typing import Any
from zipfile import ZipFile

from pawsonalize.core.errors import InputTooLarge, InvalidInput, PawsonalizeError, needing
from pawsonalize.core.forms.csv_files import UTF8

ZIP = b"PK\x03\x04"
"""The first bytes of a zip file, as workbooks are."""


def read_workbook(content: bytes, most: int) -> tuple[bytes, list[str]]:
    """Return the first sheet as CSV in UTF-8, and the names of the other sheets.

    InputTooLarge if there are more than `most` bytes unpacked, or as many cells; InvalidInput if it
    is no workbook, or openpyxl is not installed.
    """
    with needing("xlsx", "Excel's workbooks need openpyxl (or save the file as CSV)"):
        from openpyxl import load_workbook  # noqa: PLC0415 - an extra
    try:
        _check_size(sum(part.file_size for part in ZipFile(io.BytesIO(content)).infolist()), most)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet, *others = book.worksheets
        rows = _read_rows(sheet, most)
    except PawsonalizeError:
        raise
    except Exception as error:  # a damaged file makes its reader raise anything
        raise InvalidInput(
            "this is a zip file, and no Excel workbook that can be read: save it anew as .xlsx, or"
            " save it as CSV"
        ) from error
    width = max(map(len, rows), default=0)
    _check_size(width * sum(map(bool, rows)), most)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(row and [*row, *[""] * (width - len(row))] for row in rows)
    return text.getvalue().encode(UTF8), [one.title for one in others]


def _read_rows(sheet: Any, most: int) -> list[list[str]]:
    rows: list[list[str]] = []
    cells = 0
    sheet.reset_dimensions()  # some programs write wrong ones
    for row in sheet.iter_rows(values_only=True):
        cells += len(row)
        _check_size(cells, most)
        filled = (at for at in range(len(row), 0, -1) if row[at - 1] is not None)
        rows.append(list(map(_text, row[: next(filled, 0)])))
    return rows


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise InputTooLarge(f"a workbook may unpack to {most >> 20} MB: split it, with --delta")


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
