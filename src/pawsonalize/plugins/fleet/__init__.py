"""Several servers on one database: the list of them, and models in a bucket."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import ARTEFACTS
from pawsonalize.core.plugin import Plugin

if TYPE_CHECKING:
    from pawsonalize.app.settings import Settings
    from pawsonalize.core.database.database import Database
    from pawsonalize.plugins.fleet.bucket import BucketArtefacts


def open_artefacts(settings: "Settings", database: "Database") -> "BucketArtefacts | None":
    """Open the models that machines share; None where each has its own."""
    if not settings.artefact_url:
        return None
    from pawsonalize.plugins.fleet import bucket

    return bucket.open_artefacts(settings, database)


PORTS = (ARTEFACTS.by(open_artefacts),)
PLUGIN = Plugin(
    "fleet",
    commands="commands:COMMANDS",
    checks="checks:CHECKS",
    operations="operations:OPERATIONS",
    ports=":PORTS",
)
