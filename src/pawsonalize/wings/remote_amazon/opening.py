"""The remote engine of a service that uses one; what it needs is imported only then."""

from typing import TYPE_CHECKING, Any

from pawsonalize.settings import Settings
from pawsonalize.wings.remote_amazon.settings import AmazonSettings

if TYPE_CHECKING:
    from pawsonalize.wings.remote_amazon.composition import AmazonEngine


def open_engine(settings: Settings, *tables: Any) -> "AmazonEngine | None":
    """Open the engine; None if this service trains and answers by itself. Calls nobody yet."""
    if not settings.part(AmazonSettings).uses_amazon:
        return None
    from pawsonalize.wings.remote_amazon import composition  # noqa: PLC0415 - every command is here

    return composition.open_engine(settings, *tables)
