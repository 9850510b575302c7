"""JSON schemas of the API's types, in the plainest words that say the same."""

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec.inspect import Metadata, StructType, Type, multi_type_info

REFERENCE = "#/components/schemas/"
HIDDEN = "x-hidden"
"""Of a field: it is taken, and is not in the document."""
WANTED = "x-required"
"""Of a field: the document says that it is required."""
_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})

Schema = dict[str, Any]


def described(types: Sequence[Any]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schemas of these types, by how Python writes the type, and the components they use."""
    schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCE + "{name}")
    classes = {kind.__name__: kind for kind in _structs(types)}
    for name, component in components.items():
        # Unknown fields are left out and named in a header: only misspelt ones are refused.
        component.pop("additionalProperties", None)
        if name in classes:
            _describe_fields(component, classes[name])
    plain = {name: _plain(component) for name, component in components.items()}
    return dict(zip(map(repr, types), map(_plain, schemas), strict=True)), plain


def field_docs(kind: type) -> dict[str, str]:
    """The docstring under each field of a class and of those it inherits from, by Python's name.

    Nothing where the source is not at hand.
    """
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("pawsonalize."):
            docs |= _docs_in(base.__module__).get(base.__name__, {})
    return docs


@cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    """The same of each class of a module."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    return {one.name: _docs_under(one) for one in tree.body if isinstance(one, ast.ClassDef)}


def _docs_under(kind: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, text in zip(kind.body, kind.body[1:], strict=False):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            said = " ".join(str(text.value.value).split())
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                found[field.target.id] = said
            elif isinstance(field, ast.Assign) and isinstance(field.targets[0], ast.Name):
                found[field.targets[0].id] = said
    return found


def _describe_fields(component: Schema, kind: type) -> None:
    docs = field_docs(kind)
    properties = component.get("properties", {})
    for field in msgspec.structs.fields(kind):
        schema = properties.get(field.encode_name)
        if schema is not None and field.name in docs:
            properties[field.encode_name] = {**schema, "description": docs[field.name]}
    for name, schema in [*properties.items()]:
        if schema.pop(HIDDEN, False):
            del properties[name]
        elif schema.pop(WANTED, False):
            component["required"] = [*component.get("required", []), name]


def _plain(schema: Any) -> Any:
    """The same schema without an `anyOf` where a list of types says it."""
    if isinstance(schema, list | tuple):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _plain(one) for name, one in schema.items()}
    if "anyOf" not in schema:
        return schema
    kinds = schema["anyOf"]
    for one in kinds:  # what is said of the one alternative beside null is said of all
        schema.setdefault("description", one.get("description"))
    return _merged(schema, kinds)


def _merged(schema: Schema, kinds: list[Schema]) -> Schema:
    named = [one.get("type") for one in kinds]
    if "integer" in named:  # then a number with nothing behind the point says nothing more
        kinds = [one for one in kinds if one != {"type": "number", "multipleOf": 1}]
    if {"type": "number"} in kinds:
        kinds = [one for one in kinds if one != {"type": "integer"}]
    names = [name for one in kinds for name in _as_list(one.get("type"))]
    rest = {name: one for name, one in schema.items() if name != "anyOf" and one is not None}
    said = {"type", "description"}
    limits = [{key: one[key] for key in one if key not in said} for one in kinds]
    keys = [key for one in limits for key in one]
    are_scalars = set(names) <= _SCALARS and len(names) >= len(kinds)
    if are_scalars and "enum" not in keys and len(set(keys)) == len(keys):
        merged = {key: value for one in limits for key, value in one.items()}
        return {**rest, "type": names if len(names) > 1 else names[0], **merged}
    return {**rest, "anyOf": kinds}


def _as_list(names: Any) -> list[str]:
    if names is None:
        return []
    return names if isinstance(names, list) else [names]


def _structs(types: Sequence[Any]) -> Iterator[type]:
    """Every class of fields that the types use."""
    found: dict[type, None] = {}
    for info in multi_type_info(types):
        _walk(info, found)
    return iter(found)


def _walk(info: Type, found: dict[type, None]) -> None:
    if isinstance(info, Metadata):
        _walk(info.type, found)
        return
    if isinstance(info, StructType):
        if info.cls in found:
            return
        found[info.cls] = None
        for field in info.fields:
            _walk(field.type, found)
        return
    for name in ("item_type", "value_type"):
        if (inner := getattr(info, name, None)) is not None:
            _walk(inner, found)
    for inner in getattr(info, "types", ()):
        _walk(inner, found)
