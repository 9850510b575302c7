"""The letter is sent once at each of its times, by one server of all."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
import structlog
from msgspec.structs import asdict

from pawsonalize.app.background import HOUSEKEEPING, Task, at_the_moment, work_of_one
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.domain.notifications import Notification, NotificationKind
from pawsonalize.engine.training.retraining.schedule import Schedule
from pawsonalize.kinds.problems import Outbox
from pawsonalize.ui.languages import choose
from pawsonalize.wings.letter import schedule_of
from pawsonalize.wings.letter.writing import WeeklyLetter, WeekOfAnimals
from pawsonalize.work.tables import Turns

if TYPE_CHECKING:
    from pawsonalize.access.services import Services
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.settings import Settings

_LOOK_SECONDS = 30.0
TURN = "letter"

log = structlog.get_logger()


class LetterPost(msgspec.Struct, frozen=True):
    """Sends letters by all notifiers that reach people."""

    schedule: Schedule
    write: Callable[[int], WeeklyLetter]
    outbox: Outbox
    turns: Turns

    def send_due(self, now: int) -> None:
        """Send the letter of the newest time that has come, unless that is done."""
        tick, last = self.schedule(now), self.turns.last().get(DEFAULT_DATASET_GROUP)
        if tick is None or tick == last:
            return
        # The first time that is seen is of before there was a schedule.
        if last is not None:
            news = notification_of(self.write(now), tick)
            self.outbox.enqueue(news)
            log.info("letter written", subject=news.subject, to=self.outbox.names(news.kind))
        # Died in between: the same id is stored once, however often it is added.
        self.turns.put(DEFAULT_DATASET_GROUP, tick)


def notification_of(letter: WeeklyLetter, at: int) -> Notification:
    """Return the letter as news for all notifiers."""
    parts = [asdict(part) | {"lines": [asdict(one) for one in part.lines]} for part in letter.parts]
    return Notification(
        f"letter-{at}",
        NotificationKind.LETTER,
        letter.subject,
        letter.as_text(),
        at,
        details={"url": letter.url, "parts": parts},
        html=letter.as_html(),
    )


def tasks(
    settings: "Settings", adapters: "Adapters", services: "Services", _shared: object
) -> Iterator[Task]:
    """Yield the task that looks whether a letter is due."""
    if (schedule := schedule_of(settings)) is None:
        return
    week = WeekOfAnimals(adapters.database, choose(settings.language))
    post = LetterPost(
        schedule,
        lambda now: week.letter(now, settings.public_url),
        adapters.outbox,
        Turns(adapters.database, TURN),
    )
    once = adapters.leases.leading(HOUSEKEEPING, at_the_moment(post.send_due))
    yield Task("send letters", _LOOK_SECONDS, work_of_one(settings, services.servers, once))
