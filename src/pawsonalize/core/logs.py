"""Structured logs: one line an event, with ids, and no personal data."""

import logging
import sys

# structlog imports Rich, where it is, for tracebacks that no log of ours has: a tenth of a start.
_is_loaded = "rich" in sys.modules
if not _is_loaded:
    sys.modules["rich"] = None  # type: ignore[assignment]
import structlog as structlog  # noqa: E402, PLC0414 - exported, so that others have it without Rich
from structlog.typing import EventDict  # noqa: E402

if not _is_loaded:
    del sys.modules["rich"]

get_logger = structlog.get_logger
_FOR_MACHINES = ("details", "kind", "notification_id")  # of a notification: its text says it


def configure_logs(style: str, level: str, *, only_news: bool = False) -> None:
    """Log to stderr, as text for people (`console`) or JSON for machines (`json`).

    With `only_news`, info is what people are notified of, unless the level is `debug`.
    """
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    news = [_drop_routine] if only_news and level != "debug" else []
    last = structlog.processors.format_exc_info if style == "json" else _shorten
    structlog.configure(
        processors=[*news, *shared, last, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # The server's and the migrations' own lines, in the same form, from warnings up.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _drop_routine(_logger: object, method: str, line: EventDict) -> EventDict:
    if method == "info" and "notification_id" not in line:
        raise structlog.DropEvent
    return line


def _shorten(_logger: object, _method: str, line: EventDict) -> EventDict:
    return {name: value for name, value in line.items() if name not in _FOR_MACHINES}
