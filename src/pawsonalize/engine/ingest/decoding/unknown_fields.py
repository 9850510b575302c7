"""Fields that no form knows: kept out of the way and named, or, if misspelt, refused."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec.inspect as mi

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.form import Form
from pawsonalize.engine.ingest.decoding.shapes import form_of, inside
from pawsonalize.engine.ingest.decoding.spelling import bare, meant

UNKNOWN_FIELD = "unknown_field"
_MAX_NOTED = 200


class UnknownFields:
    """The unknown fields of a request, each once however many entries of a list have it.

    The first 200: to look at as many as a body can hold would take seconds. `before` are those
    that other parts of the request had.
    """

    def __init__(self, before: "UnknownFields | None" = None) -> None:
        self._paths: dict[str, str] = {}
        self._before = 0 if before is None else len(before._paths)
        self._passed_over = False

    def __bool__(self) -> bool:
        return self._passed_over or bool(self._paths)

    @property
    def are_too_many(self) -> bool:
        """Whether no more of them are looked at."""
        return self._before + len(self._paths) >= _MAX_NOTED

    def __iter__(self) -> Iterator[str]:
        """Their paths, each as it was met first."""
        return iter(self._paths.values())

    def add(self, path: str, pattern: str | None = None) -> None:
        """Note one; `pattern` is the path without the places in lists."""
        self._paths.setdefault(pattern or path, path)

    def pass_over(self) -> None:
        """Note that there is another one, no matter which."""
        self._passed_over = True

    def update(self, others: "UnknownFields") -> None:
        """Note all of the others."""
        for pattern, path in others._paths.items():
            self._paths.setdefault(pattern, path)


def known_part(document: Any, shape: mi.Type, unknown: UnknownFields) -> Any:
    """The document without the fields that its forms do not know, which are noted.

    InvalidInput for one that looks like a misspelt known field, unless that is there as well.
    """
    return _part(document, shape, unknown, "", "")


def check_names(
    given: Collection[str],
    known: Collection[str],
    unknown: UnknownFields,
    noun: str,
) -> None:
    """The same for names alone, such as the parameters of a query; `noun` says what they are."""
    for name in given:
        if name not in known and not unknown.are_too_many:
            right = _meant(name, given, known)
            if right is not None:
                raise _misspelt(noun, name, right)
            unknown.add(name)


def _part(value: Any, shape: mi.Type, unknown: UnknownFields, path: str, pattern: str) -> Any:
    if isinstance(value, list):
        item = inside(shape)
        return (
            value
            if item is None
            else [
                _part(one, item, unknown, f"{path}[{place}]", f"{pattern}[]")
                for place, one in enumerate(value)
            ]
        )
    if not isinstance(value, dict):
        return value
    form = form_of(shape)
    if form is None or not issubclass(form.cls, Form):
        return value
    shapes = {field.encode_name: field.type for field in form.fields}
    kept = {}
    for name, one in value.items():
        if name in shapes:
            here, there = _joined(path, name), _joined(pattern, name)
            kept[name] = _part(one, shapes[name], unknown, here, there)
        elif unknown.are_too_many:
            unknown.pass_over()
        else:
            _check(name, value.keys(), shapes.keys(), form.cls.synonyms, path)
            unknown.add(_joined(path, name), _joined(pattern, name))
    return kept


def _check(
    name: str,
    given: Collection[str],
    known: Collection[str],
    synonyms: Mapping[str, str],
    path: str,
) -> None:
    right = synonyms.get(bare(name)) or _meant(name, given, known)
    if right is not None:
        raise _misspelt("field", _joined(path, name), _joined(path, right))


def _meant(name: str, given: Collection[str], known: Collection[str]) -> str | None:
    """The known name that was meant; one that is there as well was not."""
    return meant(name, [one for one in known if one not in given])


def _misspelt(noun: str, name: str, right: str) -> InvalidInput:
    return InvalidInput(f"there is no {noun} {name}: write {right}", field=name, code=UNKNOWN_FIELD)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
