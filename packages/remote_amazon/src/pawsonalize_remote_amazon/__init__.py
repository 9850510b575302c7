"""Amazon Personalize itself as the engine that trains and answers."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import REMOTE_ENGINE
from pawsonalize.core.plugin import Plugin

if TYPE_CHECKING:
    from pawsonalize.animals.tables.catalogue import Catalogue
    from pawsonalize.app.settings import Settings
    from pawsonalize.core.work.leases import Leases
    from pawsonalize.events.tables.event_log import EventLog
    from pawsonalize.resources.registry import Registry
    from pawsonalize_remote_amazon.composition import AmazonEngine


def open_engine(
    settings: "Settings",
    registry: "Registry",
    log: "EventLog",
    catalogue: "Catalogue",
    leases: "Leases",
) -> "AmazonEngine | None":
    """Open the engine; None if this service trains and answers by itself. Calls nobody yet."""
    # Every command comes by here, and most need no engine: it is imported when it is opened.
    from pawsonalize_remote_amazon.settings import AmazonSettings

    if not settings.part(AmazonSettings).uses_amazon:
        return None
    from pawsonalize_remote_amazon import composition

    return composition.open_engine(settings, registry, log, catalogue, leases)


PORTS = (REMOTE_ENGINE.by(open_engine),)
PLUGIN = Plugin(
    "remote_amazon",
    package=__name__,
    settings="settings:AmazonSettings",
    checks="checks:CHECKS",
    commands="commands:COMMANDS",
    usable="composition:USABLE",
    tasks="composition:tasks",
    ports=":PORTS",
)
