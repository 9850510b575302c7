"""Pawsonalize: an open, self-hosted, real-time recommender for adoptable pets.

The names of `__all__` are the public face, for plugins and recipes of other distributions; all else
may change in any release. A name is imported when it is used; their types
are in `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "access.services": ("Services",),
    "app.adapters": ("Adapters",),
    "app.background": ("Task",),
    "app.checks": ("Check", "CheckPlace", "CheckedService", "Diagnosis", "attention", "fine"),
    "cli.opening": ("on_data",),
    "cli.options": ("Command",),
    "domain.errors": (
        "Conflict",
        "CorruptArtefact",
        "InvalidInput",
        "NotFound",
        "NotReady",
        "PawsonalizeError",
    ),
    "engine.ingest.decoder": ("Form",),
    "http.json": ("read_form",),
    "http.operation": ("About", "Operations", "RequestParameter"),
    "kinds.access_keys": ("CONTROL_PLANE", "OPERATOR", "SITE"),
    "pages.shell": ("Link",),
    "pages.views": ("Confirmation", "Done", "PageAction", "View", "ViewQuery"),
    "plugin": ("Plugin",),
    "recipes.artefact": ("Kept", "ModelCard", "make_card", "read_card"),
    "recipes.contract": ("Context", "ContextEvent", "Model", "Recipe"),
    "recipes.counts.counting": ("Countable", "counts_of"),
    "recipes.items": ("IndexedModel", "ItemIndex"),
    "recipes.settings": ("Count", "Positive", "Range", "RecipeSettings", "Share"),
    "settings": ("Settings",),
    "storage.database": ("Database",),
    "storage.tables": ("metadata",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
__all__ = [*sorted(_MODULE_OF)]  # noqa: PLE0604 - names, all of them


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
