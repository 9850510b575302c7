"""What the values of a source mean, as an operator said it on the console or by the API."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import ClassVar

import msgspec

from pawsonalize.domain.errors import AlreadyExists, InvalidInput
from pawsonalize.domain.limits import MAX_ID_LENGTH
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource
from pawsonalize.wings.feeds.importing import FeedImport
from pawsonalize.wings.feeds.mapping import ValueMapping

_LONGEST = 2 * MAX_ID_LENGTH + len(" / ")  # a species with its breed
_MOST = 2_000  # values of one source: what has more is no list of words


class SourceMeanings(Resource, frozen=True, kw_only=True):
    """The meanings of one source's values, by field and by value."""

    kind: ClassVar[str] = "source meanings"

    source: str
    meanings: Mapping[str, Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Meanings:
    """Stores meanings. They count at the next import of the source, and make a feed due."""

    registry: Registry

    def of(self, source: str) -> Mapping[str, Mapping[str, str]]:
        """The meanings of a source's values, by field and by value."""
        found = self.registry.find(SourceMeanings, _name(source))
        return {} if found is None else found.meanings

    def all(self) -> Iterator[SourceMeanings]:
        """The meanings of every source."""
        return self.registry.all(SourceMeanings)

    def added_to(self, how: FeedImport) -> FeedImport:
        """How to import, with these meanings too; those of a mapping file win."""
        stored = self.of(how.source)
        if not stored:
            return how
        return replace(how, mapping=how.mapping.over(ValueMapping.checked(stored)))

    def say(self, source: str, field: str, value: str, meaning: str, now: int) -> None:
        """Store what a value means; without a meaning, forget what was stored.

        InvalidInput if there is no such field, or no such meaning of it.
        """
        if not value.strip() or len(value) > 2 * MAX_ID_LENGTH:
            raise InvalidInput(
                f"value must have 1 to {2 * MAX_ID_LENGTH} characters, not {len(value)}",
                field="value",
            )
        ValueMapping.of({field: {value: meaning}})
        name = _name(source)
        if self.registry.find(SourceMeanings, name) is None:
            with suppress(AlreadyExists):  # somebody else was faster
                self.registry.create(SourceMeanings(name=name, source=source), now)
        self.registry.change(
            SourceMeanings, name, lambda one: _changed(one, field, value, meaning), now
        )


def _changed(stored: SourceMeanings, field: str, value: str, meaning: str) -> SourceMeanings:
    meanings = {name: dict(some) for name, some in stored.meanings.items()}
    values = meanings.setdefault(field, {})
    values.pop(value, None)
    if meaning:
        values[value] = meaning
    if sum(map(len, meanings.values())) > _MOST:
        raise InvalidInput(
            f"a source may have {_MOST:,} values with a meaning: write a mapping file for more",
            field="value",
        )
    kept = {name: some for name, some in meanings.items() if some}
    return msgspec.structs.replace(stored, meanings=kept)


def _name(source: str) -> str:
    """A source may be called anything, a resource may not."""
    return blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
