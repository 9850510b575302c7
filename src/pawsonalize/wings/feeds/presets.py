"""Files and answers of well-known systems and shelters, by the names that `presets.toml` gives."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Xml

from pawsonalize.domain.attributes import GoodWith, read_answer
from pawsonalize.domain.breed_spelling import plain_letters
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.animal_form import FIELDS, MOST, AnimalForm
from pawsonalize.engine.ingest.decoder import decode
from pawsonalize.wings.feeds import rows

Kind = Literal["csv", "json", "xml"]
Names = str | list[str]
Found = tuple[int, dict[str, Any]] | rows.FeedRow
_SECONDS = re.compile(r"-?\d{1,11}")  # more are of no year that dates have
_DATES = ("At", "Date")
_TURNED = "not "
NOTES = "NOTES"
"""The key of columns of notes in `columns.toml`: a description, if there is no other."""
_SHOWN = 20_000  # bytes of a file by which its kind is found


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of one system; see `presets.toml`."""

    about: str
    kinds: list[Kind]
    marks: list[str]
    fields: dict[str, Names]
    records: list[str] = []
    """Members of JSON that hold the animals, where the file is no list, or elements of XML."""
    values: dict[str, dict[str, str]] = {}
    seconds: list[str] = []
    months: list[str] = []

    def names(self, field: str) -> list[str]:
        """Return the names of a field, without `not`."""
        given = self.fields[field]
        listed = [given] if isinstance(given, str) else given
        return [one.removeprefix(_TURNED) for one in listed]

    def slots(self) -> dict[str, str]:
        """Return the fields by their names in CSV, as `TableForm.columns` has them."""
        found: dict[str, str] = {}
        for field in self.fields:
            words = f"{field}, a yes means no" if self.is_turned(field) else field
            for name in self.names(field):
                label = words if len(self.names(field)) == 1 else f"{field} ({name})"
                known = found.get(bare_name(name))
                found[bare_name(name)] = f"{known}, {label}" if known else label
        return found

    def is_turned(self, field: str) -> bool:
        """True if a yes means no."""
        return self.fields[field] in [_TURNED + one for one in self.names(field)]


@cache
def presets() -> Mapping[str, Preset]:
    """All presets by name."""
    return msgspec.convert(_names_in("presets"), dict[str, Preset])


def _names_in(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


@cache
def known_names() -> Mapping[str, str]:
    """The fields that columns of systems and spreadsheets hold, by their names.

    Empty for a name that systems have for different fields, and spreadsheets for none.
    """
    found: dict[str, str] = {}
    for preset in presets().values():
        for field in (one for one in preset.fields if not preset.is_turned(one)):
            for name in map(bare_name, preset.names(field)):
                same = found.setdefault(name, bare_name(field)) == bare_name(field)
                found[name] = bare_name(field) if same else ""
    for field, listed in _names_in("columns").items():
        for name in map(bare_name, listed):
            found[name] = found.get(name) or bare_name(field)
    return found


def preset_of(content: bytes) -> str | None:
    """Return the preset that a file's beginning looks like; None if it looks like none."""
    kind = _kind(content)
    names = set(map(bare_name, _shown_names(kind, content[:_SHOWN])))
    for name, preset in presets().items():
        if kind in preset.kinds and names.issuperset(map(bare_name, preset.marks)):
            return name
    return None


_MARKED = {"json": re.compile(r'"([^"]+)"\s*:'), "xml": re.compile(r"<([\w.-]+)")}


def _shown_names(kind: Kind, start: bytes) -> Sequence[str]:
    if kind != "csv":
        return _MARKED[kind].findall(start.decode("utf-8", "replace"))
    try:
        return rows.header_of(start, rows.AS_USUAL)
    except InvalidInput:  # it has no columns
        return ()


def _kind(content: bytes) -> Kind:
    start = content[:_SHOWN].lstrip()
    if start.startswith(b"<"):
        return "xml"
    return "json" if start.startswith((b"{", b"[")) else "csv"


def read_preset(
    name: str, content: bytes, form: rows.TableForm = rows.AS_USUAL
) -> Iterator[rows.FeedRow]:
    """Yield the rows of a file; InvalidInput if it is not of the preset's kinds."""
    preset, kind = presets()[name], _kind(content)
    if kind not in preset.kinds:
        raise InvalidInput(
            f"{name} is {' or '.join(preset.kinds)}, and this looks like {kind}: name another"
            " --format, or leave it out",
            field="format",
        )
    if kind == "csv":
        records = _table(preset, content, form)
    else:
        records = _members(preset, content) if kind == "json" else _elements(preset, content)
    paths = [_path(one) for one in preset.names("id")]

    def id_of(record: dict[str, Any]) -> str:
        return next((text for path in paths for text in _texts(record, path)), "")

    return rows.read_rows(records, id_of, lambda record: _form(preset, record))


def _table(preset: Preset, content: bytes, form: rows.TableForm) -> Iterator[Found]:
    by_field = {field: [bare_name(one) for one in preset.names(field)] for field in preset.fields}
    names = [one for some in by_field.values() for one in some]
    dates = [one for field in by_field if field.endswith(_DATES) for one in by_field[field]]
    required = [_there(by_field[one], form.columns) for one in ("id", "species")]
    return rows.read_table(content, names, required, dates, form)


def _there(names: list[str], columns: Mapping[str, str]) -> str:
    """The first of the names that is a column, or else the first."""
    return next((one for one in names if columns.get(one)), names[0])


def _members(preset: Preset, content: bytes) -> Iterator[Found]:
    found = decode(_ANY, content)
    if isinstance(found, dict):
        found = next((found[one] for one in preset.records if one in found), found)
    records = found if isinstance(found, list) else [found]
    for place, record in enumerate(records, 1):
        if isinstance(record, dict):
            # ArcGIS wraps each record.
            whole = record.get("attributes") if set(record) <= _ARCGIS else record
            yield place, _plain_keys(whole)
        else:
            yield rows.FeedRow(place, None, reason="it is no JSON object")


def _elements(preset: Preset, content: bytes) -> Iterator[Found]:
    try:
        root = Xml.fromstring(content)
    except (Xml.ParseError, DefusedXmlException) as error:
        raise InvalidInput(f"the XML cannot be read: {error}", field="format") from error
    place = 0
    for element in root.iter():
        if _local(element.tag) in preset.records:
            place += 1
            yield place, {bare_name(_local(one.tag)): (one.text or "").strip() for one in element}


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_ARCGIS = {"attributes", "geometry"}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def bare_name(name: str) -> str:
    """The letters and digits of a name, upper-case and without accents: by them names compare."""
    return re.sub(r"[\W_]", "", plain_letters(name)).upper()


def _path(name: str) -> list[str]:
    return [bare_name(part) for part in name.split(".")]


def _plain_keys(node: Any) -> Any:
    if isinstance(node, dict):
        return {bare_name(key): _plain_keys(value) for key, value in node.items()}
    return [_plain_keys(one) for one in node] if isinstance(node, list) else node


def _texts(node: Any, path: list[str]) -> Iterator[str]:
    """Yield what stands at a path, of each member of a list."""
    if isinstance(node, list):
        for one in node:
            yield from _texts(one, path)
    elif path:
        if isinstance(node, dict):
            yield from _texts(node.get(path[0]), path[1:])
    elif node is not None and not isinstance(node, dict) and str(node).strip():
        yield str(node).strip()


def _form(preset: Preset, record: dict[str, Any]) -> AnimalForm:
    values: dict[str, Any] = {}
    for field in preset.fields:
        found = [one for name in preset.names(field) for one in _texts(record, _path(name))]
        values[FIELDS[field]] = _value(preset, field, found)
    return AnimalForm(**values)


def _value(preset: Preset, field: str, found: list[str]) -> Any:
    if field in MOST:
        return list(dict.fromkeys(found))
    meanings = preset.values.get(field, {})
    if any("." in name for name in preset.names(field)) and meanings:
        return next(filter(None, (_meaning(meanings, one) for one in found)), None)
    text = found[0] if found else ""
    if field in preset.seconds and _SECONDS.fullmatch(text):
        moment = datetime.fromtimestamp(int(text), UTC)
        return moment.date().isoformat() if field.endswith("Date") else moment.isoformat()
    if field in preset.months and text.isdecimal():
        return f"{text} months"
    text = _meaning(meanings, text, text) if meanings else text
    if preset.is_turned(field) and (answer := read_answer(text)) in {GoodWith.YES, GoodWith.NO}:
        return answer is GoodWith.NO
    return text or ("" if field == "species" else None)


def _meaning(meanings: Mapping[str, str], text: str, other: str = "") -> str:
    words = " ".join(text.split()).casefold()
    return next((one for pattern, one in meanings.items() if fnmatchcase(words, pattern)), other)
