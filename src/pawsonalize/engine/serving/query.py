"""One query: who asks, as of which moment, and all that the answer has to keep to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.animals.eligibility import ANYBODY, Eligibility
from pawsonalize.engine.serving.filters.evaluation import AppliedFilter
from pawsonalize.engine.serving.promotions import Promotion
from pawsonalize.storage.animals.catalogue import Catalogue, Value
from pawsonalize.storage.events.impressions import Impression


class StoredUser:
    """The visitor's row of the users dataset: read when it is first needed, and only once."""

    def __init__(self, catalogue: Catalogue, user_id: str | None) -> None:
        self._catalogue = catalogue
        self._user_id = user_id

    @cached_property
    def attributes(self) -> Mapping[str, Value]:
        """The row's columns; empty for a visitor without a user id, and for an unknown user."""
        user = None if self._user_id is None else self._catalogue.user(self._user_id)
        return {} if user is None else user.attributes


@dataclass(frozen=True, slots=True)
class Query:
    """One question, carried from the door through the whole answer."""

    visitor: Visitor
    at: int
    """The moment the answer is as of, in milliseconds since 1970: later events do not count."""
    now: int
    """The moment of asking, by the clock, in milliseconds since 1970."""
    context: Mapping[str, Value] = field(default_factory=dict)
    """Facets of the visit that the request names, such as the device."""
    preferences: Preferences = field(default_factory=Preferences)
    """Answers of the quiz."""
    eligibility: Eligibility = ANYBODY
    """The hard rules for animals."""
    filter: AppliedFilter | None = None
    """Filter of the answer; promoted items keep to the promotion's own filter instead."""
    promotion: Promotion | None = None
    item_id: str | None = None
    """The item that is asked about, for recipes that need one."""
    limit: int = 10
    """The number of places of a recommendation."""
    explain: bool = False
    """Whether the answer has reasons."""
    recommendation_id: str | None = None
    """One that was given before gives the same places again, if nothing has changed since."""
    continues: tuple[str, ...] = ()
    """The answers that the page shows already: the new one has none of their animals."""
    repeats: tuple[str, ...] = ()
    """The answers of a page to be shown again as it was, if the visitor did nothing since."""
    page: tuple[Impression, ...] = ()
    """Those of them that count; see `OpenPages.read`."""
    user: StoredUser | None = None

    def stored(self, catalogue: Catalogue) -> StoredUser:
        """The visitor's row: the one that the query carries, or that of the catalogue."""
        return self.user or StoredUser(catalogue, self.visitor.user_id)

    def with_user(self, catalogue: Catalogue) -> "Query":
        """Return the query with the visitor's row, so that it is read once for the whole answer."""
        return self if self.user else replace(self, user=self.stored(catalogue))
