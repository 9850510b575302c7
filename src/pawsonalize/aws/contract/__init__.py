"""Contract cases: calls that Amazon Personalize refuses, each with what the claim rests on.

Files beside this one list them. A case without `needs` costs nothing and changes nothing anywhere,
so that it may be asked of any endpoint of the API, also of Amazon's own.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from string import Template
from typing import Any

import msgspec

_KINDS = ("schemas", "shapes", "states")
ACCEPTED = "accepted"
NOT_OBSERVED = "observed by no one yet"
Call = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Makes a call by the name of its operation; an error of AWS's is a botocore ClientError."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call, and the error that it ends with.

    In texts of `given`, `$new` is a name that is free, `$arn` the beginning of every ARN, and other
    names are what the setups in `needs` made. `source` is a page of AWS's by its title, or
    botocore's model, or says that nobody observed it.
    """

    name: str
    operation: str
    error: str
    source: str
    given: dict[str, Any]
    needs: tuple[str, ...] = ()


def contract_cases() -> Iterator[Case]:
    """Yield every case, in the order of the files."""
    for kind in _KINDS:
        text = files(__name__).joinpath(f"{kind}.toml").read_text("utf-8")
        yield from msgspec.convert(tomllib.loads(text)["cases"], list[Case])


def error_of(case: Case, call: Call, names: Mapping[str, str]) -> str:
    """Return the code of the error that the call ends with, or `accepted`.

    What an accepted call created is deleted again.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - the list needs no botocore

    try:
        answer = call(case.operation, _filled(case.given, names))
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    if case.operation.startswith("Create"):
        arns = {name: value for name, value in answer.items() if name.endswith("Arn")}
        call(case.operation.replace("Create", "Delete"), arns)
    return ACCEPTED


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).safe_substitute(names)
    if isinstance(value, Mapping):
        return {name: _filled(one, names) for name, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value
