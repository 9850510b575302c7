"""Pawsonalize: an open, self-hosted, real-time recommender for adoptable pets.

The names of `__all__` are the public face, for plugins and recipes of other distributions; all else
may change in any release. A name is imported when it is used; their types
are in `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "operations.services": ("Services",),
    "app.adapters": ("Adapters",),
    "core.work.tasks": ("Task",),
    "app.checks": ("Check", "CheckPlace", "CheckedService", "Diagnosis", "attention", "fine"),
    "app.cli.opening": ("on_data",),
    "app.cli.options": ("Command",),
    "core.errors": (
        "Conflict",
        "CorruptArtefact",
        "InvalidInput",
        "NotFound",
        "NotReady",
        "PawsonalizeError",
    ),
    "core.forms.decoder": ("Form",),
    "core.http.json": ("read_form",),
    "core.http.operation": ("About", "Operations", "RequestParameter"),
    "core.scopes": ("CONTROL_PLANE", "OPERATOR", "SITE"),
    "app.pages.shell": ("Link",),
    "app.pages.views": ("Confirmation", "Done", "PageAction", "View", "ViewQuery"),
    "core.plugin": ("Plugin",),
    "library.comparison": (
        "EASE",
        "Attributes",
        "Comparison",
        "FittedRecommender",
        "ItemKNN",
        "OwnHistory",
        "Popularity",
        "Random",
        "Recommender",
        "Table",
        "Transitions",
        "TrendingNow",
        "UserPersonalization",
        "evaluate",
    ),
    "library.dataset": ("Dataset",),
    "models.recipes.artefact": ("Kept", "ModelCard", "finite", "make_card", "read_card", "weights"),
    "models.recipes.contract": ("Context", "ContextEvent", "Model", "Recipe"),
    "models.recipes.counts.counting": ("Countable", "counts_of"),
    "models.recipes.items": ("IndexedModel", "ItemIndex"),
    "models.recipes.settings": ("Count", "Positive", "Range", "RecipeSettings", "Share"),
    "app.settings": ("Settings",),
    "core.database.database": ("Database",),
    "core.database.tables": ("metadata",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
__all__ = [*sorted(_MODULE_OF)]  # noqa: PLE0604 - names, all of them


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
