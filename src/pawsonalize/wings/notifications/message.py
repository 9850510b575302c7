"""A notification as JSON and as plain text, the same for every notifier."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pawsonalize.domain.notifications import Notification
from pawsonalize.domain.times import iso


def as_json(notification: Notification) -> bytes:
    """The documented JSON object, with names as in the native API."""
    return msgspec.json.encode(
        {
            "id": notification.notification_id,
            "kind": notification.kind,
            "runId": notification.run_id,
            "subject": notification.subject,
            "text": notification.text,
            "details": dict(notification.details),
            "happenedAt": notification.happened_at,
        }
    )


def as_text(notification: Notification) -> str:
    """The text, the details below it, and which run it is about."""
    tables = {name: value for name, value in notification.details.items() if _is_table(value)}
    lines = [
        f"{name}: {_cell(value)}"
        for name, value in notification.details.items()
        if name not in tables
    ]
    parts = [notification.text]
    if lines:
        parts.append("\n".join(lines))
    parts += [f"{name}\n{_table(rows)}" for name, rows in tables.items()]
    about = "" if notification.run_id is None else f" in run {notification.run_id}"
    parts.append(f"{notification.kind}{about} at {iso(notification.happened_at)}")
    return "\n\n".join(parts) + "\n"


def headline(notification: Notification) -> str:
    """The subject as one line, whatever it was made from."""
    words = " ".join(notification.subject.split())
    return "Pawsonalize: " + "".join(letter for letter in words if letter.isprintable())


def _is_table(value: Any) -> bool:
    rows = value if isinstance(value, list | tuple) else ()
    return bool(rows) and all(isinstance(row, Mapping) for row in rows)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows below a line of column names, each column as wide as its widest cell."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_padded(line, widths) for line in cells)


def _padded(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(line, widths, strict=True)
    return "  ".join(cell.ljust(width) for cell, width in cells).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
