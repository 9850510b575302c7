"""Spans of requests, by OpenTelemetry."""

from pawsonalize.wing import Wing

WING = Wing(
    "tracing",
    settings="settings:TracingSettings",
    middleware="tracing:MIDDLEWARE",
    started="tracing:tracing",
    usable="tracing:USABLE",
)
