"""Quick search of the console: animals, visitors, models, retrainings, events, answers and keys."""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.times import iso
from pawsonalize.engine.training.retraining.runs import Runs
from pawsonalize.kinds.access_keys import AccessKey
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.pages.finding import Hit
from pawsonalize.storage.animals.animal_list import AnimalSearch, StockList
from pawsonalize.storage.events.event_reads import GroupEvents
from pawsonalize.storage.events.histories import HistoryQuery
from pawsonalize.ui.rendering import console_path_of, with_query
from pawsonalize.ui.words import moment

_ANIMALS = 20


class ConsoleFinder(msgspec.Struct, frozen=True):
    """Finds what the console has pages of."""

    adapters: Adapters
    stock: StockList
    runs: Runs

    def find(self, text: str, group: str, now: int) -> Iterator[Hit]:
        """Yield hits; ids as a whole, animals by a part of their name too."""
        yield from self._animals(text, now)
        yield from self._visitors(text, group)
        yield from self._resources(text)
        with suppress(NotFound):
            run = self.runs.get(text)
            note = moment(iso(run.started_at))
            yield Hit("retraining", text, f"/console/models/runs/{text}", note)
        yield from self._logged(text, group)

    def _animals(self, text: str, now: int) -> Iterator[Hit]:
        exact = self.adapters.animals.get_many([text]).values()
        # An id is one animal, whatever other names and ids have it in them.
        found: list[Animal] = list(exact) or [
            animal for animal, _ in self.stock.page(AnimalSearch(_ANIMALS, text=text), now)
        ]
        for one in found:
            path = console_path_of(one.animal_id)
            yield Hit("animal", one.name or one.animal_id, path, f"{one.animal_id}, {one.status}")

    def _visitors(self, text: str, group: str) -> Iterator[Hit]:
        log, users = self.adapters.log.of(group), self.adapters.catalogue.of(group)
        for kind, field, visitor in (
            ("user", "userId", Visitor(text, None)),
            ("session", "sessionId", Visitor(None, text)),
        ):
            newest = next(iter(log.history(visitor, HistoryQuery(1))), None)
            if newest is not None or (kind == "user" and users.user(text) is not None):
                note = "no event" if newest is None else f"last {moment(iso(newest.event.sent_at))}"
                path = with_query("/console/visitors", {field: text, "datasetGroup": group})
                yield Hit(kind, text, path, note)

    def _resources(self, text: str) -> Iterator[Hit]:
        registry, solutions = self.adapters.registry, "/console/models/solutions"
        if registry.find(Solution, text) is not None:
            yield Hit("solution", text, f"{solutions}/{text}")
        for kind, one in (
            ("campaign", registry.find(Campaign, text)),
            ("version", registry.find(SolutionVersion, text)),
        ):
            if one is not None:
                yield Hit(kind, text, f"{solutions}/{one.solution}#{text}", one.solution)
        key = registry.find(AccessKey, text)
        if key is not None:
            yield Hit("key", text, "/console/settings/keys", key.note)

    def _logged(self, text: str, group: str) -> Iterator[Hit]:
        event = GroupEvents(self.adapters.database, group).find(text)
        if event is not None:
            path = with_query("/console/data", {"eventId": text, "datasetGroup": group})
            note = f"{event.event.event_type}, {moment(iso(event.event.sent_at))}"
            yield Hit("event", text, path, note)
        answer = self.adapters.impressions.of(group).get_many([text]).get(text)
        if answer is not None:
            fields = {"userId": answer.user_id or "", "sessionId": answer.session_id or ""}
            path = with_query("/console/visitors", {**fields, "datasetGroup": group})
            yield Hit("answer", text, f"{path}#shown", moment(iso(answer.answered_at)))
