"""The groups of operations, as the API document and its page list them."""

from dataclasses import dataclass

from pawsonalize.kinds.catalogue import KINDS


@dataclass(frozen=True, slots=True)
class Tag:
    """A group of operations: those whose path begins so."""

    name: str
    description: str
    paths: tuple[str, ...]


def _paths(tag: str) -> tuple[str, ...]:
    """Return the paths of the kinds of resources that stand below the tag."""
    return tuple(
        f"/v1/{kind.path}s"
        for kind in KINDS.values()
        if kind.native is not None and kind.native.tag == tag
    )


# The first that fits counts.
TAGS = (
    Tag(
        "Answers",
        "What a page asks while a visitor waits: which animals, and in which order.",
        ("/v1/recommendations", "/v1/rerankings", "/v1/animals/{animalId}/similar"),
    ),
    Tag(
        "Events",
        "What visitors did. The very next answer follows them.",
        ("/v1/events",),
    ),
    Tag(
        "Animals",
        "The inventory: who waits, who was adopted, who is seen.",
        ("/v1/animals",),
    ),
    Tag(
        "Visitors",
        "What is known of a user or a session, and how to forget them.",
        ("/v1/users", "/v1/sessions", "/v1/erasures"),
    ),
    Tag(
        "Filters",
        "Which items answers may hold.",
        _paths("Filters"),
    ),
    Tag(
        "Models",
        "What is trained, how it did, and what is served.",
        ("/v1/runs", *_paths("Models"), "/v1/outcomes"),
    ),
    Tag(
        "Data",
        "Dataset groups with their schemas, datasets and event trackers, and files of questions.",
        _paths("Data"),
    ),
    Tag(
        "Console",
        "What the pages of the console show, as JSON.",
        ("/v1/console",),
    ),
    Tag(
        "Operation",
        "Is it well? Who did what, what could not be taken, and who serves.",
        (
            "/v1/dead-letters",
            "/v1/audit",
            "/v1/servers",
            "/v1/streams",
            "/v1/tenants",
            "/healthz",
            "/readyz",
            "/metrics",
        ),
    ),
)


def tag_of(path: str) -> Tag:
    """The group of a path as the document writes it."""
    return next(tag for tag in TAGS if path.startswith(tag.paths))
