"""Files of well-known systems and shelters, and the columns of tables, by their names.

`presets.toml` has the names of systems, `columns.toml` those of spreadsheets. Where names do not
tell which field a column is taken for, the values in it may.
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Xml

from pawsonalize.animals.animal import AnimalStatus, status_in_words
from pawsonalize.animals.listings import FIELDS, MOST, AnimalForm
from pawsonalize.core.attributes import GoodWith, read_answer
from pawsonalize.core.breed_spelling import plain_letters
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import decode, likely_name
from pawsonalize.core.late import late
from pawsonalize.plugins.feeds import rows
from pawsonalize.plugins.feeds.asm3 import READ_FIELDS
from pawsonalize.plugins.feeds.rows import TableForm, examples_of

Kind = Literal["csv", "json", "xml"]
Names = str | list[str]
Found = tuple[int, dict[str, Any]] | rows.FeedRow
_SECONDS = re.compile(r"-?\d{1,11}")  # more are of no year that dates have
_DATES = ("At", "Date")
_TURNED, _ITSELF = "not ", "="
NOTES = "NOTES"
"""The key of columns of notes in `columns.toml`: a description, if there is no other."""
_VIDEO = re.compile(
    r"https?://([\w-]+\.)*(youtube(-nocookie)?\.com|youtu\.be|vimeo\.com)([:/?#]|$)"
    r"|[^?#]*\.(mp4|m4v|mov|webm|avi|wmv|mpe?g)([?#]|$)",
    re.IGNORECASE,
)
_SHOWN = 20_000  # bytes of a file by which its kind is found


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of one system; see `presets.toml`."""

    about: str
    kinds: list[Kind]
    marks: list[str]
    fields: dict[str, Names]
    records: list[str] = []
    """Members of JSON that hold the animals, where the file is no list, or elements of XML."""
    shape: Literal["flat", "nested", "JSON:API"] = "flat"
    """The shape of its records. Only names of flat ones are looked for among a table's columns."""
    outcome_is_change: bool = False
    """True if `outcomeAt` is the last change of the status: of this stay, if it is of an adoption
    and not from before the animal was listed."""
    values: dict[str, dict[str, str]] = {}
    seconds: list[str] = []
    months: list[str] = []
    stated: dict[str, list[str]] = {}
    """Names that are no field of an animal: the sentence that a yes adds to its description, and
    perhaps that of a no."""

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
        return found | {bare_name(name): f"description ({name})" for name in self.stated}

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
    for preset in (one for one in presets().values() if one.shape == "flat"):
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
        marks = ({bare_name(one) for one in mark.split("|")} for mark in preset.marks)
        if kind in preset.kinds and all(names & mark for mark in marks):
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
        by_field = {
            field: [bare_name(one) for one in preset.names(field)] for field in preset.fields
        }
        names = [one for some in by_field.values() for one in some]
        names += map(bare_name, preset.stated)
        dates = [one for field in by_field if field.endswith(_DATES) for one in by_field[field]]
        required = [
            next((name for name in by_field[field] if form.columns.get(name)), by_field[field][0])
            for field in ("id", "species")
        ]
        records = rows.read_table(content, names, required, dates, form)
    else:
        records = _members(preset, content) if kind == "json" else _elements(preset, content)
    paths = [_path(one) for one in preset.names("id")]

    def id_of(record: dict[str, Any]) -> str:
        return next((text for path in paths for text in _texts(record, path)), "")

    return rows.read_rows(records, id_of, lambda record: _form(preset, record))


def _members(preset: Preset, content: bytes) -> Iterator[Found]:
    found = decode(_ANY, content)
    if isinstance(found, dict):
        if preset.shape == "JSON:API":
            yield from _resources(content)
            return
        found = next((found[one] for one in preset.records if one in found), found)
    records = found if isinstance(found, list) else [found]
    for place, record in enumerate(records, 1):
        if isinstance(record, dict):
            # ArcGIS wraps each record.
            whole = record.get("attributes") if set(record) <= _ARCGIS else record
            yield place, _plain_keys(whole)
        else:
            yield rows.FeedRow(place, None, reason="it is no JSON object")


class _Resource(msgspec.Struct, frozen=True):
    id: str | int
    type: str = ""
    attributes: dict[str, Any] = {}
    relationships: dict[str, dict[str, Any]] = {}


class _Document(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]
    included: list[_Resource] = []


_RESOURCE, _DOCUMENT = msgspec.json.Decoder(_Resource), msgspec.json.Decoder(_Document)


def _resources(content: bytes) -> Iterator[Found]:
    """Yield the attributes of JSON:API's records, and beside them those of what they refer to."""
    document = decode(_DOCUMENT, content)
    included = {(one.type, str(one.id)): one.attributes for one in document.included}
    for place, raw in enumerate(document.data, 1):
        try:
            record = decode(_RESOURCE, raw)
        except InvalidInput as error:
            yield rows.FeedRow(place, rows.named_in(raw), reason=error.message)
            continue
        whole: dict[str, object] = dict(record.attributes)
        for kind, relationship in record.relationships.items():
            data = relationship.get("data") or []
            references = [one for one in (data if isinstance(data, list) else [data]) if one]
            keys = [(one.get("type"), str(one.get("id"))) for one in references]
            whole[kind] = sorted((included[key] for key in keys if key in included), key=_order)
        yield place, _plain_keys(whole | {"id": record.id})


def _order(attributes: dict[str, object]) -> int:
    order = attributes.get("order")
    return order if isinstance(order, int) else 0


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
    return ["|".join(map(bare_name, part.split("|"))) for part in name.split(".")]


def _plain_keys(node: object) -> Any:
    if isinstance(node, dict):
        return {bare_name(key): _plain_keys(value) for key, value in node.items()}
    return [_plain_keys(one) for one in node] if isinstance(node, list) else node


def _texts(node: object, path: list[str]) -> Iterator[str]:
    """Yield what stands at a path, of each member of a list; `a|b` is b where a holds nothing."""
    if isinstance(node, list):
        for one in node:
            yield from _texts(one, path)
    elif path:
        if isinstance(node, dict):
            members = (node[name] for name in path[0].split("|") if node.get(name) is not None)
            yield from _texts(next(members, None), path[1:])
    elif node is not None and not isinstance(node, dict) and str(node).strip():
        yield str(node).strip()


def _form(preset: Preset, record: dict[str, Any]) -> AnimalForm:
    values: dict[str, Any] = {}
    for field in preset.fields:
        found = [one for name in preset.names(field) for one in _texts(record, _path(name))]
        values[FIELDS[field]] = _value(preset, field, found)
    if preset.outcome_is_change and (changed := values["outcome_at"]) is not None:
        is_of_stay = values["status"] == "adopted" and changed >= (values["listed_at"] or "")
        values["outcome_at"] = changed if is_of_stay else None
    if sentences := " ".join(_sentences(preset, record)):
        text = values.get("description")
        values["description"] = f"{text}\n{sentences}" if text else sentences
    return AnimalForm(**values)


def _sentences(preset: Preset, record: dict[str, Any]) -> Iterator[str]:
    for name, (on_yes, *on_no) in preset.stated.items():
        answer = read_answer(next(_texts(record, _path(name)), ""))
        if answer is GoodWith.YES:
            yield on_yes
        elif answer is GoodWith.NO:
            yield from on_no


def _value(preset: Preset, field: str, found: list[str]) -> Any:
    if field == "photos":  # the sixth photo of Petfinder's CSV may be a video
        found = [address for address in found if not _VIDEO.match(address)]
    if field in MOST:
        return list(dict.fromkeys(found))
    meanings = preset.values.get(field, {})
    if any("." in name for name in preset.names(field)) and meanings:
        texts = [_meaning(meanings, one) for one in (*found, "")]
        return next(filter(None, texts), None)
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
    fitting = (one for pattern, one in meanings.items() if fnmatchcase(words, pattern))
    found = next(fitting, other)
    return text if found == _ITSELF else found


if TYPE_CHECKING:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA
else:
    process, OSA = late("rapidfuzz.process"), late("rapidfuzz.distance.OSA")

# Names in CSV compare without regard to case and underscores: birthDate, BIRTH_DATE, birth_date.
COLUMNS = {
    spelling: name
    for name in FIELDS.values()
    for spelling in (name.upper(), name.upper().replace("_", ""))
}
SECOND_STATUS = "STATUS2"
STATUS_SLOTS = {
    SECOND_STATUS: "status, a second column: of both the one counts that shows less",
    **{
        f"{status.upper()}{number}": f"status: {status}{number}, if it holds a yes, a date or name"
        for status in ("pending", "hold", "adopted", "removed")
        for number in ("", "2", "3")  # lists have several, such as `Adopted?` and `Adopter`
    },
    "AVAILABLE": "status: on hold, unless it holds a yes",
}
"""Further columns of our own CSV that say who is still there."""
_SAYS_STATUS = re.compile("status|outcome")
_OF_ANIMAL = re.compile(r"^(ANIMAL|PET)[\W_]*(?=\w)")  # `Animal Status` is a status
_ROWS, _VALUES = 10_000, 1_000_000  # in which the values of columns are looked at
_KENNEL = re.compile(
    r"\b(kennels?|cages?|runs?|pens?|crates?|rooms?|zw|zwinger|käfig|box|boxen?|gehege|station|zimmer"
    r"|haus|katzenhaus|hundehaus|quarantäne|jaulas?|cheniles?|perreras?|gateras?|caniles?)\b"
    r"|^[a-z]{0,3}[ ./-]*\d+[a-z]?$",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"[\w.+-]+@[\w-]+\.\w|(?:\+|\b0)\d[\d ()/.-]{6,}\d")
_DATE = re.compile(r"[\d./: -]+")
_FEWEST_LETTERS = 7  # of a misspelt name: shorter ones are too like others


def values_of(content: bytes, form: TableForm) -> dict[str, list[str]]:
    """The columns of the file, each with its values that differ."""
    return examples_of(content, form, _VALUES, _ROWS)


def slots_of(name: str) -> Mapping[str, str]:
    """Return what columns of a format may hold: names for `TableForm.columns`, and words."""
    if name in presets():
        return presets()[name].slots()
    if name == "csv":
        return {bare_name(attribute): field for field, attribute in FIELDS.items()} | STATUS_SLOTS
    return {field.upper(): field for field in READ_FIELDS} if name == "asm3-csv" else {}


def says_status(name: str, columns: Mapping[str, str]) -> bool:
    """False if a format has fields for the status of animals, and none of them has a column."""
    slots = [slot for slot, field in slots_of(name).items() if _SAYS_STATUS.match(field)]
    return not slots or any(columns.get(slot) for slot in slots)


def usual_columns(
    name: str, values: Mapping[str, Sequence[str]], *, guesses: bool = True
) -> dict[str, str]:
    """Return what each column of a file is taken for by its name: a slot, or nothing.

    With `guesses`, in our own CSV a name that another system has, or that looks misspelt, counts
    as well, and so do values that are words for statuses.
    """
    slots, ids = slots_of(name), _id_columns(values) if name == "csv" else {}
    found = {one: bare_name(one) for one in values}
    # Where a table has an `id`, its `_id` numbers the rows.
    exact = {slot for one, slot in found.items() if one == slot or one in COLUMNS}
    for one, slot in found.items():
        is_second = slot in exact and one != slot and one not in COLUMNS
        if slot not in slots or slot in ids or is_second:
            found[one] = ""
    found |= {column: slot for slot, column in ids.items()}
    if name == "csv" and guesses:
        found = {one: "" if _is_other(slot, values[one]) else slot for one, slot in found.items()}
        _guess(found, values)
    return found


def _guess(found: dict[str, str], values: Mapping[str, Sequence[str]]) -> None:
    """Find a slot for each column that has none."""
    fields = {one.upper(): bare_name(one) for one in FIELDS.values()}
    notes = dict[str, None]()
    for column in (one for one in found if not found[one]):
        used = set(found.values())
        left = {one: slot for one, slot in fields.items() if slot not in used}
        for own in (column, _OF_ANIMAL.sub("", column)):
            named = known_names().get(bare_name(own)) or _corrected(bare_name(own))
            unused = {*left.values(), *STATUS_SLOTS} - used
            slots = (one for one in (named, f"{named}2", f"{named}3") if one in unused)
            guess = next(slots, left.get(likely_name(own, left) or ""))
            if guess and not found[column] and not _is_other(guess, values[column]):
                found[column] = guess
            notes |= {column: None} if named == NOTES else {}
    for column, some in values.items():
        slot = SECOND_STATUS if "STATUS" in found.values() else "STATUS"
        has_outcome = not {"OUTCOME", "OUTCOMEAT"}.isdisjoint(found.values())
        if not (found[column] or slot in found.values() or has_outcome) and _are_states(some):
            found[column] = slot
    for column in notes:
        is_free = not found[column] and "DESCRIPTION" not in found.values()
        if is_free and not _is_other("DESCRIPTION", values[column]):
            found[column] = "DESCRIPTION"


def _corrected(name: str) -> str:
    """The field of the one known name that this is with one typing error; of no status."""
    if len(name) < _FEWEST_LETTERS:
        return ""
    names = list(known_names())
    alike = process.extract(name, names, scorer=OSA.distance, score_cutoff=1, limit=None)
    fields = {known_names()[near] for near, *_ in alike} - {"STATUS", *STATUS_SLOTS}
    return fields.pop() if len(fields) == 1 else ""


def _is_other(slot: str, values: Sequence[str]) -> bool:
    """True if the values show that a column of a fitting name holds something else."""
    if slot == "DESCRIPTION":  # whoever adopts or found an animal is nobody's business
        return any(map(_CONTACT.search, values))
    strange = {"SHELTER": _KENNEL.search, "STATUS": _DATE.fullmatch}.get(slot)
    return strange is not None and 2 * sum(map(bool, map(strange, values))) > len(values)


def _are_states(values: Sequence[str]) -> bool:
    """True if most values are words for statuses, one that an animal is or was looked for."""
    states = [state for one in values if (state := status_in_words(one)) is not None]
    telling = {AnimalStatus.AVAILABLE, AnimalStatus.PENDING, AnimalStatus.ADOPTED}
    return 2 * len(states) > len(values) and not telling.isdisjoint(states)


def _id_columns(header: Collection[str]) -> dict[str, str]:
    """Find columns that public files name as ids: `animal_id`, `_id`, `breed_id`."""
    # Of several the longest name counts: where a table has its own `_id`, that numbers the rows.
    found: dict[str, str] = {}
    for name in sorted(header, key=len):
        plain = "".join(letter for letter in name if letter.isalnum())
        field = plain.removesuffix("ID").removeprefix("ANIMAL").removeprefix("PRIMARY") or "ID"
        if plain.endswith("ID") and field in COLUMNS and field not in header:
            found[field] = name
    return found


def named_columns(
    name: str, values: Mapping[str, Sequence[str]], chosen: Mapping[str, str]
) -> dict[str, str]:
    """Return the column of each slot, "" for none: that which was chosen, else the usual one.

    Nothing is guessed beside columns that were chosen by hand.
    """
    usual = usual_columns(name, values, guesses=not chosen)
    used = {*chosen.values()}
    free = {one: slot for one, slot in usual.items() if slot not in chosen and one not in used}
    return {**column_of_slots(name, free), **chosen}


def column_of_slots(name: str, by_column: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each slot, "" for none; InvalidInput if two are taken for the same."""
    slots = slots_of(name)
    found = dict.fromkeys(slots, "")
    for column, slot in by_column.items():
        if slot and found.get(slot):
            both, field = f"{found[slot]} and {column}", slots.get(slot, slot)
            raise InvalidInput(
                f"{both} are both taken for {field}: choose one, and leave the other out",
                field=column,
            )
        if slot:
            found[slot] = column
    return found


def guessed_columns(name: str, content: bytes, form: TableForm) -> list[str]:
    """Return a note on columns that are taken for what they look like."""
    if name != "csv" or form.columns:
        return []
    values, slots = values_of(content, form), slots_of(name)
    sure = usual_columns(name, values, guesses=False)
    found = [
        f"{column} for {slots[slot]}"
        for column, slot in usual_columns(name, values).items()
        if slot not in {"", sure[column]}
    ]
    return [f"taken by their names: {', '.join(found)}; --columns says otherwise"] if found else []
