"""Docstrings under the fields of classes, which documents of settings and of the API show."""

import ast
import inspect
import sys
from functools import cache


def field_docs(kind: type) -> dict[str, str]:
    """Return the docstring under each field of a class and its bases, by Python's name."""
    # Without the source there are none.
    docs: dict[str, str] = {}
    # What a class says of a field goes before what its bases say.
    for base in reversed(kind.__mro__):
        docs |= _docs_in(base.__module__).get(base.__name__, {})
    return docs


@cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    return {node.name: _docs_under(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_under(kind: ast.ClassDef) -> dict[str, str]:
    docs = {}
    for field, text in zip(kind.body, kind.body[1:], strict=False):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            target = getattr(field, "target", None) or next(
                iter(getattr(field, "targets", ())), None
            )
            if isinstance(target, ast.Name):
                docs[target.id] = " ".join(str(text.value.value).split())
    return docs
