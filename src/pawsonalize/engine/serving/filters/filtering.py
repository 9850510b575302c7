"""Filters applied: the evaluator with what it needs looked up, and no more than the filter asks."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.filters.expression import FilterExpression, Source, Subject
from pawsonalize.engine.serving.filters.columns import AttributeColumns, Attributes, Mask, Texts
from pawsonalize.engine.serving.filters.evaluation import AppliedFilter, Facts, passing_rows
from pawsonalize.engine.serving.metadata import MetadataReader
from pawsonalize.engine.serving.query import Query
from pawsonalize.storage.animals.catalogue import Catalogue, User
from pawsonalize.storage.events.event_log import EventLog

# So many of a visitor's newest interactions of each event type count, as in Amazon Personalize.
INTERACTIONS_PER_TYPE = 100
# Who has more is no visitor, and must not slow down those who are.
_READ = 10_000


def interactions_of(log: EventLog, visitor: Visitor, at: int) -> set[tuple[str, str]]:
    """The items and event types of what counts as of `at`; types that differ in case are one."""
    if visitor == Visitor():
        return set()
    found: set[tuple[str, str]] = set()
    counts = Counter[str]()
    for item_id, event_type, _sent_at, _value in log.recent(visitor, at, _READ):
        kind = event_type.casefold()
        counts[kind] += 1
        if counts[kind] <= INTERACTIONS_PER_TYPE:
            found.add((item_id, kind))
    return found


_NOBODY: Attributes = MappingProxyType({})


class Filtering:
    """Decides which items or users pass; events count from the moment they are acknowledged."""

    def __init__(self, log: EventLog, catalogue: Catalogue, metadata: MetadataReader) -> None:
        self._log = log
        self._catalogue = catalogue
        self.metadata = metadata

    def items(self, applied: AppliedFilter, item_ids: tuple[str, ...], query: Query) -> Mask:
        """True for the model's items that pass, shape (items,)."""
        return self._passing(applied, self.metadata.columns(item_ids, query.now), query)

    def listed(self, applied: AppliedFilter, item_ids: Iterable[str], query: Query) -> set[str]:
        """The ids that pass, inside or outside the model."""
        ids = tuple(dict.fromkeys(item_ids))
        rows = AttributeColumns(ids, self.metadata.of(ids, query.now))
        passed = self._passing(applied, rows, query)
        return {ids[place] for place in np.flatnonzero(passed)}

    def users(self, applied: AppliedFilter, user_ids: Iterable[str], at: int) -> list[str]:
        """Those of the users that pass a filter of users, as of `at`, in their order."""
        ids = tuple(user_ids)
        expression = applied.expression
        if expression is None:
            return list(ids)
        _check(expression, Subject.USER)
        rows = AttributeColumns(ids, [self._user(user_id) for user_id in ids])
        interactions = None
        if expression.speaks_of(Source.INTERACTIONS):
            pairs = (
                (place, event_type)
                for place, user_id in enumerate(ids)
                for _, event_type in interactions_of(self._log, Visitor(user_id), at)
            )
            interactions = Texts.of(pairs, len(ids))
        passed = passing_rows(expression, rows, Facts(applied.values, interactions))
        return [ids[place] for place in np.flatnonzero(passed)]

    def _passing(self, applied: AppliedFilter, rows: AttributeColumns, query: Query) -> Mask:
        expression = applied.expression
        if expression is None:
            return np.ones(len(rows), np.bool_)
        _check(expression, Subject.ITEM)
        facts = Facts(
            applied.values,
            self._interactions(expression, rows, query),
            self._current_user(expression, query),
            self._current_item(expression, query),
        )
        return passing_rows(expression, rows, facts)

    def _interactions(
        self, expression: FilterExpression, rows: AttributeColumns, query: Query
    ) -> Texts | None:
        if not expression.speaks_of(Source.INTERACTIONS):
            return None
        position = rows.position
        found = (
            (position[item_id], event_type)
            for item_id, event_type in interactions_of(self._log, query.visitor, query.at)
            if item_id in position
        )
        return Texts.of(found, len(rows))

    def _current_user(self, expression: FilterExpression, query: Query) -> Attributes:
        user_id = query.visitor.user_id
        if user_id is None or not expression.speaks_of(Source.CURRENT_USER):
            return _NOBODY
        return {"USER_ID": user_id, **query.stored(self._catalogue).attributes}

    def _current_item(self, expression: FilterExpression, query: Query) -> Attributes:
        if not expression.speaks_of(Source.CURRENT_ITEM):
            return _NOBODY
        if query.item_id is None:
            raise InvalidInput(
                "the filter speaks of CurrentItem: ask about an item, with its itemId",
                field="itemId",
            )
        return self.metadata.of((query.item_id,), query.now)[0]

    def _user(self, user_id: str) -> Attributes:
        user = self._catalogue.user(user_id)
        return _row(user) if user is not None else {"USER_ID": user_id}


def _row(user: User) -> Mapping[str, str | float | None]:
    return {"USER_ID": user.user_id, **user.attributes}


def _check(expression: FilterExpression, subject: Subject) -> None:
    if expression.subject is not subject:
        raise InvalidInput(
            f"the filter is of {expression.subject}, and here it must be of {subject}:"
            " choose another",
            field="filter",
        )


class Filterings:
    """Makes each when a query first needs it, and keeps it."""

    def __init__(self, log: EventLog, catalogue: Catalogue) -> None:
        self._log = log
        self._catalogue = catalogue
        self._made: dict[str, Filtering] = {}

    def of(self, dataset_group: str) -> Filtering:
        """That of the dataset group."""
        made = self._made.get(dataset_group)
        if made is None:
            catalogue = self._catalogue.of(dataset_group)
            new = Filtering(self._log.of(dataset_group), catalogue, MetadataReader(catalogue))
            made = self._made.setdefault(dataset_group, new)
        return made

    def refresh(self, now: int) -> None:
        """Read the items' metadata again, if a query has ever needed it."""
        for filtering in list(self._made.values()):
            filtering.metadata.refresh(now)
