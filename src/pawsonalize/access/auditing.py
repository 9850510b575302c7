"""The noting of what was done, at whichever door."""

import structlog
from starlette.concurrency import run_in_threadpool

from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.storage.audit import AuditEntry, AuditLog

log = structlog.get_logger()

ANYBODY_CALLED = "anybody"
"""Name of the caller in the audit log where no key is needed."""


async def note(audit: AuditLog, entry: AuditEntry) -> None:
    """Note what is done by now: where that fails, the log of the server has it."""
    try:
        await run_in_threadpool(audit.add, entry)
    except PawsonalizeError as error:
        log.error(
            "not in the audit log",
            who=entry.who,
            what=entry.what,
            target=entry.target,
            reason=error.message,
        )
