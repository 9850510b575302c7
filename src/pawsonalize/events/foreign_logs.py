"""Interaction logs as others write them: CSV with other names or none, and JSON lines.

`log_presets.toml` says what their columns mean, and which names are guessed.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms import csv_files
from pawsonalize.core.forms.csv_files import CsvRow, CsvTable, RowError, TextForm

ROLES = {
    "user": "USER_ID",
    "item": "ITEM_ID",
    "time": "TIMESTAMP",
    "type": "EVENT_TYPE",
    "value": "EVENT_VALUE",
}
"""What a column may be taken for, and our own name for it."""


class LogPreset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a program writes its log; `log_presets.toml` explains the fields."""

    columns: dict[str, tuple[str, ...]] = {}
    about: str = ""
    first_line: str = ""
    header: tuple[str, ...] = ()
    separator: str | None = None
    microseconds: bool = False
    shown: tuple[str, ...] = ()
    nothing: tuple[str, ...] = ()


@cache
def _presets() -> dict[str, LogPreset]:
    text = Path(__file__).with_name("log_presets.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, LogPreset])


def presets() -> dict[str, LogPreset]:
    """Return the presets by their names, without that of the guesses."""
    return {name: preset for name, preset in _presets().items() if preset.about}


class LogOptions(msgspec.Struct, frozen=True):
    """What the user says of a log: its columns by role, and the name of a preset."""

    columns: Mapping[str, str] = {}
    preset: str | None = None

    def open(self, stream: BinaryIO, form: TextForm, required: Sequence[str]) -> CsvTable:
        """Open a file and give its columns our names; InvalidInput if a required one is missing."""
        text, _ = csv_files.as_text(stream, form.encoding)
        first_line = csv_files.Lines(text).first
        stream.seek(0)
        preset, note = self._preset(first_line) if ROLES["time"] in required else (LogPreset(), "")
        if first_line.lstrip().startswith("{"):
            columns = self._columns(preset, list(_read_record(first_line)), required, is_json=True)
            note += "; " * bool(note) + "of each line only these are read"
            return JsonLines(stream, form, columns, note, preset)
        form = TextForm(form.encoding, form.separator or preset.separator)
        table = CsvTable(stream, form, header=preset.header, note=note)
        if self.columns or preset.columns or not set(table.header) >= set(required):
            columns = self._columns(preset, table.written, required, is_json=False)
            for ours, (name, *_) in columns.items():
                table.rename(name.upper(), ours)
        return table

    def _preset(self, first_line: str) -> tuple[LogPreset, str]:
        """Return the preset that was named, or that the file looks like, and words for a guess."""
        if self.preset in presets():
            return presets()[self.preset], ""
        if self.preset is not None:
            there = ", ".join(presets())
            raise InvalidInput(f"there is no preset {self.preset}: take one of {there}")
        for name, preset in {} if self.columns else presets().items():
            if re.match(preset.first_line, first_line):
                return preset, f"recognised by its first line: {preset.about} (--preset {name})"
        return LogPreset(), ""

    def _columns(
        self, preset: LogPreset, names: Sequence[str], required: Sequence[str], *, is_json: bool
    ) -> dict[str, Sequence[str]]:
        """Return the file's columns for each of ours: those that were named, else guesses."""
        if wrong := self.columns.keys() - ROLES.keys():
            raise InvalidInput(f"--columns takes {', '.join(ROLES)}, not {min(wrong)}")
        named = preset.columns | {role: (name,) for role, name in self.columns.items()}
        upper = {name.upper() for name in names}
        plain = {re.sub("[^a-z0-9]", "", name.lower().partition(":")[0]): name for name in names}
        columns = dict[str, Sequence[str]]()
        is_log = ROLES["time"] in required  # else a file of items or users
        for role, ours in ((r, o) for r, o in ROLES.items() if is_log or o in required):
            told = named.get(role, ())
            found = [name for name in told if is_json or name.upper() in upper]
            # Who names columns has named those that need not be there.
            if not told and (ours in required or not named):
                guesses = _presets()["guesses"].columns[role]
                found = [plain[guess] for guess in guesses if guess in plain][:1]
            if found:
                columns[ours] = found
            elif ours in required or role in self.columns:
                lacks = (
                    f"there is no column {told[0]}" if told else f"no column looks like the {role}"
                )
                raise InvalidInput(
                    f"{lacks} among {', '.join(filter(None, names))[:200]}: say which it is with"
                    f" --columns {role}=COLUMN",
                    field=ours,
                )
        return columns


def _read_record(text: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the line is no JSON object: {error}") from error


def _texts(value: object, path: Sequence[str]) -> Iterator[str]:
    """Yield what stands at a path of JSON; lists have several values."""
    if isinstance(value, list):
        for member in value:
            yield from _texts(member, path)
    elif path and isinstance(value, dict):
        yield from _texts(value.get(path[0]), path[1:])
    elif not path and isinstance(value, str | int | float):
        yield str(value).strip()


class JsonLines(CsvTable):
    """A log of JSON lines, with one row for each item of a line.

    `left_out` counts lines without an item, and those of what was shown, by their event.
    """

    def __init__(
        self,
        stream: BinaryIO,
        form: TextForm,
        columns: Mapping[str, Sequence[str]],
        note: str,
        preset: LogPreset,
    ) -> None:
        super().__init__(stream, form, header=tuple(columns), note=note)
        self.renamed = {ours: " or ".join(names) for ours, names in columns.items()}
        self._columns, self._preset = columns, preset

    def rows(self) -> Iterator[CsvRow | RowError]:
        """Yield the rows; a line that is no JSON object is an error."""
        while True:
            try:
                if (text := next(self.lines)).strip():
                    yield from self._rows(_read_record(text))
            except StopIteration:
                return
            except (InvalidInput, csv_files.LineTooLong) as error:
                yield RowError(self.lines.line, None, str(error))

    def _rows(self, record: dict[str, object]) -> Iterator[CsvRow]:
        values = {ours: self._values(record, names) for ours, names in self._columns.items()}
        items, kind = values[ROLES["item"]], (values.get(ROLES["type"]) or ["line"])[0]
        if kind in self._preset.shown:
            self.left_out[f"{kind} (shown, not chosen)"] += 1
            return
        if not items:
            self.left_out[f"{kind} (without an item)"] += 1
        first = {ours: found[0] if found else "" for ours, found in values.items()}
        if self._preset.microseconds and first[ROLES["time"]].isdecimal():
            first[ROLES["time"]] = first[ROLES["time"]][:-3]
        for item in items:
            yield CsvRow(self.lines.line, list((first | {ROLES["item"]: item}).values()))

    def _values(self, record: dict[str, object], names: Sequence[str]) -> list[str]:
        """Return what stands at the first of these paths that holds something, each text once."""
        nothing = ("", *self._preset.nothing)
        found = (dict.fromkeys(_texts(record, name.split("."))) for name in names)
        texts = ([text for text in one if text not in nothing] for one in found)
        return next(filter(None, texts), [])
