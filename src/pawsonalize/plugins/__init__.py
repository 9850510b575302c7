"""The built-in plugins; see `pawsonalize.core.plugin`."""

BUILT_IN = (
    "console",
    "streams",
    "dead_letters",
    "feeds",
    "out_of_core",
    "remote_amazon",
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
    "demo",
)
