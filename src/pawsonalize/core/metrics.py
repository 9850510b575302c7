"""Counters of this process, which `/metrics` shows."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "pawsonalize_requests_total", "Requests by route and status.", ("route", "status")
)
SECONDS = Histogram(
    "pawsonalize_request_seconds",
    "Time to answer, by route.",
    ("route",),
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENTS = Counter("pawsonalize_events_total", "Events by outcome.", ("outcome",))
CLOSED = Counter(
    "pawsonalize_connections_closed_total",
    "Connections closed because they were slow, or too many, by what they kept us waiting for.",
    ("reason",),
)
UNKNOWN_TYPES = Counter(
    "pawsonalize_unknown_event_types_total",
    "Events of types without a meaning, which count as views; see the setting event_types.",
    ("type",),
)
REFRESHES = Counter(
    "pawsonalize_refreshes_total",
    "Incremental updates that ended, by outcome: succeeded, failed or died.",
    ("outcome",),
)
AMAZON_CALLS = Counter(
    "pawsonalize_amazon_calls_total",
    "Calls of Amazon Personalize, by how they ended: answered, refused or unavailable.",
    ("operation", "outcome"),
)
SCORER_QUESTIONS = Counter(
    "pawsonalize_http_scorer_questions_total",
    "Questions to the scorer: answered, late, failed, wrong, or not asked: resting, busy.",
    ("outcome",),
)
RAW_TOO_LONG = Counter(
    "pawsonalize_events_too_long_to_keep_raw_total",
    "Events that are stored and archived, but not as they came in, because they are too long.",
)
