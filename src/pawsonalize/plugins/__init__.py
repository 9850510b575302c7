"""The built-in plugins; see `pawsonalize.core.plugin`."""

BUILT_IN = (
    "console",
    "dead_letters",
    "feeds",
    "tenants",
    "fleet",
    "notifications",
    "backup",
    "tracing",
    "boards",
    "search",
    "alerts",
    "inquiries",
    "letter",
    "integration",
    "live_tests",
    "http_scorer",
    "demo",
)
