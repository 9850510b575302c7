"""The columns of tables: which field each is taken for, by its name and by what stands in it."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.statuses import AnimalStatus, status_in_words
from pawsonalize.engine.ingest.animal_form import FIELDS
from pawsonalize.engine.ingest.decoder import likely_name
from pawsonalize.late import late
from pawsonalize.wings.feeds.asm3 import READ_FIELDS
from pawsonalize.wings.feeds.presets import NOTES, bare_name, known_names, presets
from pawsonalize.wings.feeds.rows import TableForm, examples_of

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
