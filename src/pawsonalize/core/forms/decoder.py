"""Bodies of requests and feeds: bounded, JSON, then typed forms."""

import math
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import msgspec
import msgspec.inspect as mi
from msgspec import UNSET, Meta, Raw

from pawsonalize.core.errors import Conflict, Forbidden, InputTooLarge, InvalidInput
from pawsonalize.core.late import late
from pawsonalize.core.limits import MAX_ID_LENGTH

if TYPE_CHECKING:
    from rapidfuzz.distance import OSA
else:
    OSA = late("rapidfuzz.distance.OSA")


T = TypeVar("T")
PartT = TypeVar("PartT")
# The bounds are for the API document; `parse_id` keeps them, and says more when it refuses.
Id = Annotated[
    Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_ID_LENGTH})]
    | int
    | Annotated[float, Meta(extra_json_schema={"multipleOf": 1})],
    Meta(description="1 to 256 printable characters, or an integer naming the same."),
]
Moment = Annotated[
    str | int | float, Meta(description="ISO 8601 text, epoch seconds or epoch milliseconds.")
]
_MOST_MISTAKES = 20
Odd = Mapping[tuple[str, str], int]
"""Likely mistakes, each a field and a message, and the place of the first entry with it."""


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of a call that was not taken."""

    index: int
    """Its place in the call, from 0."""
    code: str
    """For programs: it stays the same."""
    message: str
    """For people: what is wrong, and the next move."""
    field: str | None = None
    """Field of the entry."""


def read_each(
    entries: Iterable[PartT], read: Callable[[PartT], T]
) -> tuple[dict[int, T], list[Rejected]]:
    """Return the good entries of a call by their places, and what is wrong with the others."""
    good, rejected = {}, []
    for index, entry in enumerate(entries):
        try:
            good[index] = read(entry)
        except (InvalidInput, Forbidden, Conflict) as error:
            rejected.append(Rejected(index, error.code, error.message, error.field))
    return good, rejected


def first_of_each(mistakes: Iterable[tuple[int, tuple[str, str]]]) -> Odd:
    """Return the first 20 distinct mistakes, each with the place where it is first."""
    first: dict[tuple[str, str], int] = {}
    for place, mistake in mistakes:
        if len(first) < _MOST_MISTAKES:
            first.setdefault(mistake, place)
    return first


# A step of a path in an error of msgspec, where `[...]` is any key of a map.
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


@cache
def shape_of(decoder: msgspec.json.Decoder[Any]) -> mi.Type:
    """The type of a decoder as data."""
    return mi.type_info(decoder.type)


def alternatives(shape: mi.Type) -> Iterator[mi.Type]:
    """Return the types that a value may have, without annotations and unions around them."""
    if isinstance(shape, mi.Metadata):
        yield from alternatives(shape.type)
    elif isinstance(shape, mi.UnionType):
        for one in shape.types:
            yield from alternatives(one)
    else:
        yield shape


def form_of(shape: mi.Type) -> mi.StructType | None:
    """The form that an object here must be, if it must be one."""
    return next((one for one in alternatives(shape) if isinstance(one, mi.StructType)), None)


def inside(shape: mi.Type) -> mi.Type | None:
    """Return the type of the entries of a list, or of the values of a map."""
    for one in alternatives(shape):
        if isinstance(one, mi.ListType):
            return one.item_type
        if isinstance(one, mi.DictType):
            return one.value_type
    return None


def _follow(
    shape: mi.Type, document: Any, path: str
) -> tuple[mi.Type, mi.Field | None, Any] | None:
    """The shape at the path, `.deny.animals[1]`, the field it is in, and the document's value.

    UNSET where the path names not exactly one value; None where it leads nowhere.
    """
    field = None
    for name, place in _STEP.findall(path):
        form = form_of(shape)
        fields = form.fields if name and form else ()
        field = next((one for one in fields if one.encode_name == name), None)
        found = inside(shape) if place else None if field is None else field.type
        if found is None:
            return None
        shape = found
        try:
            document = document[name or int(place)]
        except (LookupError, TypeError, ValueError):
            document = UNSET
    return shape, field, document


_PATH = re.compile(r"^(?P<what>.*) - at `\$(?P<path>[^`]*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `([^`]+)`")
_MAX_SHOWN = 40
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "{}"),  # before whole numbers, which it is to Python
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
    (type(None), "null"),
    (int, "{}"),
    (float, "{}"),
)


def explain_validation_error(text: str, document: object, shape: mi.Type) -> InvalidInput:
    """Say in our words what a decoding error of msgspec (`text`) found wrong in a document."""
    match = _PATH.match(text)
    what, path = (match["what"], match["path"]) if match else (text, "")
    field = path.removeprefix(".")
    missing = _MISSING.search(what)
    if missing is not None:
        field = f"{field}.{missing[1]}" if field else missing[1]
        return InvalidInput(f"{field} is missing: send it", field=field)
    if (found := _follow(shape, document, path)) is None:
        return InvalidInput(f"{field}: {what}" if field else what, field=field or None)
    message = f"{field or 'this'} must be {_wanted(*found[:2])}"
    if found[2] is not UNSET:
        message += f": it is {_shown(found[2])}"
    return InvalidInput(message, field=field or None)


def _wanted(shape: mi.Type, field: mi.Field | None) -> str:
    kinds = [one for one in alternatives(shape) if not isinstance(one, mi.NoneType)]
    # A whole number is a number anyway.
    if any(isinstance(one, mi.FloatType) for one in kinds):
        kinds = [one for one in kinds if not isinstance(one, mi.IntType)]
    words = list(dict.fromkeys(_kind(one) for one in kinds))
    only = kinds[0]
    if len(words) == 1 and isinstance(only, mi.IntType | mi.FloatType):
        return f"{words[0]}, such as {_example(only, field)}"
    return _either(words)


def _kind(shape: mi.Type) -> str:
    words = "JSON"
    match shape:
        case mi.IntType() | mi.FloatType():
            whole = "whole " if isinstance(shape, mi.IntType) else ""
            words = f"a {whole}number{_range(shape)}"
        case mi.StrType():
            words = "text" + _length(shape, "characters")
        case mi.BytesType():
            words = "bytes in base64"
        case mi.BoolType():
            words = "true or false"
        case mi.LiteralType(values):
            words = _either(map(str, values))
        case mi.EnumType(kind):
            words = _either(str(one.value) for one in kind)
        case mi.ListType():
            words = "a list" + _length(shape, "entries")
        case mi.StructType() | mi.DictType():
            words = "an object"
    return words


def _range(shape: mi.IntType | mi.FloatType) -> str:
    limits = [("above", shape.gt), ("below", shape.lt)]
    if shape.ge is not None and shape.le is not None:
        limits.append((f"from {shape.ge:g} to", shape.le))
    else:
        limits += [("of at least", shape.ge), ("of at most", shape.le)]
    return "".join(f" {words} {limit:g}" for words, limit in limits if limit is not None)


def _length(shape: mi.StrType | mi.ListType, of: str) -> str:
    low, high = shape.min_length, shape.max_length
    if low and high is not None:
        return f" of {low} to {high} {of}"
    if low:
        return f" of at least {low} {of}"
    return "" if high is None else f" of at most {high} {of}"


def _example(shape: mi.IntType | mi.FloatType, field: mi.Field | None) -> str:
    example = None if field is None else field.default
    if not isinstance(example, int | float) or isinstance(example, bool):
        low = -math.inf if shape.ge is None else shape.ge
        high = math.inf if shape.le is None else shape.le
        example = max(low, min(10, high))
    return f"{example:g}"


def _shown(value: object) -> str:
    """The value in a few words; what is long is not repeated."""
    words = next((words for kind, words in _KINDS if isinstance(value, kind)), "something else")
    text = msgspec.json.encode(value).decode() if not isinstance(value, list | dict) else ""
    if isinstance(value, str):
        return f"{words}, {text}" if len(text) <= _MAX_SHOWN else words
    if isinstance(value, list):
        return f"{words} of {len(value)} entries" if value else "an empty list"
    return words.format(text if len(text) <= _MAX_SHOWN else "a long number")


def _either(words: Iterable[str]) -> str:
    *some, last = words
    return f"{', '.join(some)} or {last}" if some else last


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields that a caller sends; `decode` names unknown ones and refuses misspelt ones.

    `synonyms` are other words for a field, as `bare`, each with the path to write instead.
    """

    synonyms: ClassVar[Mapping[str, str]] = MappingProxyType({})


def readers_of(form: type[Form]) -> dict[str, tuple[str, Callable[[Any, str], Any]]]:
    """Return the attribute and the reader of fields that need no other one, by their names.

    The reader stands beside the type, in `Annotated`; it takes the value and the field's name.
    """
    return {
        field.encode_name: (field.name, read)
        for field in msgspec.structs.fields(form)
        for read in getattr(field.type, "__metadata__", ())
        if callable(read)
    }


_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MAX_LENGTH = 64
# Letters of a word. Up to 3, no slip is guessed; up to 4, none that takes one letter for another;
# from 8 on, two slips.
_SHORT = 3
_PLAIN = 4
_LONG = 8


def bare(name: str) -> str:
    """The name in lower case without separators: `user_id` and `userId` are `userid`."""
    return "".join(one for one in name.casefold() if one.isalnum())


def likely_name(name: str, known: Collection[str]) -> str | None:
    """Return the known name that this one is a misspelling of, or None."""
    return None if len(name) > _MAX_LENGTH else _most_like(name, tuple(known))


@lru_cache(maxsize=4096)  # a site sends the same extra fields with every event
def _most_like(name: str, known: tuple[str, ...]) -> str | None:
    for one in known:  # first one that differs in case, separators or a plural
        if bare(one).rstrip("s") == bare(name).rstrip("s") != "":
            return one
    # Then one of which more than the first word is given: `max_distance`, `maxDistanceKm`.
    begun = [one for one in known if bare(one).startswith(bare(name))]
    begun = [one for one in begun if len(bare(name)) > len(next(iter(_words(one)), "")) + 1]
    if len(begun) == 1:
        return begun[0]
    near = {one: count for one in known if (count := _slips(name, one)) is not None}
    return min(near, key=lambda one: near[one], default=None)


def _slips(name: str, known: str) -> int | None:
    """Number of typing errors between the names; None if too many to mean the same."""
    given, right, most = _words(name), _words(known), 2
    if len(given) != len(right):
        # Words that are divided differently are compared as one, in which one slip is allowed.
        given, right, most = [bare(name)], [bare(known)], 1
    counts = [_slips_of_word(one, other) for one, other in zip(given, right, strict=True)]
    total = sum(most + 1 if count is None else count for count in counts)
    return total if total <= most else None


def _slips_of_word(given: str, right: str) -> int | None:
    if given == right:
        return 0
    shorter = min(len(given), len(right))
    if shorter < _SHORT or len(right) <= _SHORT:
        return None  # many short words differ by one letter
    most = 2 if shorter >= _LONG else 1
    count = int(OSA.distance(given, right, score_cutoff=most))
    if count > most:
        return None
    another_letter = len(given) == len(right) and sorted(given) != sorted(right)
    return None if len(right) <= _PLAIN and another_letter else count


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(name)]


UNKNOWN_FIELD = "unknown_field"
_ENVELOPES = ("body", "queryStringParameters")
"""Fields in which a request of Lambda carries the form; only functions of Lambda look into them."""
_MAX_NOTED = 200  # to check as many as a body can hold would take seconds


# Without the places each counts once, however many entries of a list have it.
class UnknownFields(dict[str, str]):
    """The unknown fields of a request: where each is first, by its path without places in lists."""

    @property
    def are_too_many(self) -> bool:
        """True if there are too many to check more."""
        return len(self) >= _MAX_NOTED


def check_names(
    given: Collection[str], known: Collection[str], unknown: UnknownFields, noun: str
) -> None:
    """Check names alone, such as parameters of a query: note unknown ones, refuse misspelt ones."""
    for name in given:
        if name not in known and not unknown.are_too_many:
            right = _likely_unsent(name, given, known)
            if right is not None:
                raise _misspelt(noun, name, right)
            unknown.setdefault(name, name)


def known_part(
    value: object, shape: mi.Type, unknown: UnknownFields, path: str = "", pattern: str = ""
) -> Any:
    """The value without unknown fields; InvalidInput for a misspelt one."""
    if isinstance(value, list) and (item := inside(shape)) is not None:
        return [
            known_part(entry, item, unknown, f"{path}[{place}]", f"{pattern}[]")
            for place, entry in enumerate(value)
        ]
    form = form_of(shape)
    if not isinstance(value, dict) or form is None or not issubclass(form.cls, Form):
        return value
    shapes = {field.encode_name: field.type for field in form.fields}
    kept = {}
    for name, inner in value.items():
        if name in shapes:
            here, there = _joined(path, name), _joined(pattern, name)
            kept[name] = known_part(inner, shapes[name], unknown, here, there)
        elif not unknown.are_too_many:
            # Not refused if the right one is there as well: then this is a field of the sender's.
            right = form.cls.synonyms.get(bare(name))
            right = None if right in value else right
            right = right or _likely_unsent(name, value.keys(), shapes.keys())
            if name in _ENVELOPES and isinstance(inner, dict):
                right = next((one for one in inner if one in shapes and one not in value), right)
            if right is not None:
                raise _misspelt("field", _joined(path, name), _joined(path, right))
            unknown.setdefault(_joined(pattern, name), _joined(path, name))
    return kept


def _likely_unsent(name: str, given: Collection[str], known: Collection[str]) -> str | None:
    return likely_name(name, [one for one in known if one not in given])


def _misspelt(noun: str, name: str, right: str) -> InvalidInput:
    return InvalidInput(f"there is no {noun} {name}: write {right}", field=name, code=UNKNOWN_FIELD)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


async def read_bounded(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """The whole body; InputTooLarge as soon as it exceeds `limit` bytes."""
    parts = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise InputTooLarge(f"a request body may have {limit} bytes: send less at a time")
        parts.append(chunk)
    return b"".join(parts)


_ANYTHING = msgspec.json.Decoder()
_ENCODE = msgspec.json.Encoder().encode
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOO_DEEP = "this JSON is nested too deeply: send a flatter document"


def decode(
    decoder: msgspec.json.Decoder[T], body: bytes | Raw, unknown: UnknownFields | None = None
) -> T:
    """Decode JSON into the decoder's type; InvalidInput names the field that does not fit."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        text = str(error)
    except _NOT_JSON as error:
        raise _no_json(error) from error
    # Look at every name only now, so that right input costs nothing.
    document, shape = read_json(body), shape_of(decoder)
    known = known_part(document, shape, UnknownFields() if unknown is None else unknown)
    if known != document:
        try:
            return msgspec.convert(known, decoder.type)
        except msgspec.ValidationError as error:
            text = str(error)
    raise explain_validation_error(text, known, shape)


def check_fields(
    decoder: msgspec.json.Decoder[Any], body: bytes | Raw, unknown: UnknownFields
) -> None:
    """Check the names alone: note unknown fields, refuse misspelt ones."""
    try:
        decoder.decode(body)
    except msgspec.ValidationError:
        known_part(read_json(body), shape_of(decoder), unknown)
    except _NOT_JSON as error:
        raise _no_json(error) from error


def read_json(text: bytes | str | Raw) -> Any:
    """Any JSON as plain values; InvalidInput if it is no JSON, or is nested too deeply."""
    try:
        return _ANYTHING.decode(text)
    except _NOT_JSON as error:
        raise _no_json(error) from error


def encode_text(value: object, field: str) -> str:
    """Plain values as JSON text; InvalidInput where they are nested too deeply."""
    try:
        return _ENCODE(value).decode()
    except RecursionError as error:
        raise InvalidInput(_TOO_DEEP, field=field, code="invalid_json") from error


def _no_json(error: Exception) -> InvalidInput:
    if isinstance(error, RecursionError):
        return InvalidInput(_TOO_DEEP, code="invalid_json")
    return InvalidInput(f"this is not JSON in UTF-8: {error}", code="invalid_json")
