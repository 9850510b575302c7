"""Takes away what `setup` created in Amazon Personalize, and leaves what was there before."""

from collections.abc import Iterator
from typing import Any

from pawsonalize_functions import naming
from pawsonalize_functions.clients import client
from pawsonalize_functions.configuration import setting

TAG = "pawsonalize:stack"
"""What `setup` creates has this tag, with the stack's name."""


def remove() -> dict[str, Any]:
    """One pass: delete what nothing else stands on; call again until it is done.

    `kept` is what others made.
    """
    kept: list[str] = []
    for kind, arns in _from_the_top():
        ours = [arn for arn in arns if _is_ours(arn)]
        kept += [arn for arn in arns if arn not in ours]
        if ours:
            for arn in ours:
                _delete(kind, arn)
            return _answer(ours, kept)
    _remove_schemas(kept)
    return _answer([], kept)


def _answer(pending: list[str], kept: list[str]) -> dict[str, Any]:
    return {
        "lines": [{"what": "deleting", "name": arn, "status": "PENDING"} for arn in pending],
        "waitsFor": pending,
        "failed": [],
        "kept": kept,
        "done": not pending,
    }


def _from_the_top() -> Iterator[tuple[str, list[str]]]:
    """What there is, by kinds, each of which stands on those that follow."""
    for group in _dataset_groups():
        of_group = {"datasetGroupArn": group}
        solutions = _arns("solution", **of_group)
        yield (
            "campaign",
            [arn for solution in solutions for arn in _arns("campaign", solutionArn=solution)],
        )
        yield "solution", solutions
        yield "eventTracker", _arns("eventTracker", **of_group)
        yield "dataset", _arns("dataset", **of_group)
        yield "datasetGroup", [group]


def _dataset_groups() -> list[str]:
    name = naming.dataset_group(setting("ENVIRONMENT"))
    return [arn for arn in _arns("datasetGroup") if arn.rpartition("/")[2] == name]


def _arns(kind: str, **asked: str) -> list[str]:
    pages = client("personalize").get_paginator(f"list_{_snake(kind)}s").paginate(**asked)
    return [one[f"{kind}Arn"] for page in pages for one in page[f"{kind}s"]]


def _is_ours(arn: str) -> bool:
    personalize = client("personalize")
    wanted = {"tagKey": TAG, "tagValue": naming.stack(setting("ENVIRONMENT"))}
    try:
        return wanted in personalize.list_tags_for_resource(resourceArn=arn)["tags"]
    except personalize.exceptions.ResourceNotFoundException:
        return False  # it was deleted meanwhile


def _delete(kind: str, arn: str) -> None:
    """Ask for the deletion, unless it is on its way."""
    personalize, named = client("personalize"), {f"{kind}Arn": arn}
    try:
        described = getattr(personalize, f"describe_{_snake(kind)}")(**named)[kind]
        if not described["status"].startswith("DELETE"):
            getattr(personalize, f"delete_{_snake(kind)}")(**named)
    except (
        personalize.exceptions.ResourceNotFoundException,
        personalize.exceptions.ResourceInUseException,  # something on it is still going
    ) as error:
        print(f"{arn}: {error}")


def _remove_schemas(kept: list[str]) -> None:
    personalize, env = client("personalize"), setting("ENVIRONMENT")
    ours = {naming.schema(env, kind) for kind in ("interactions", "items")}
    for arn in _arns("schema"):
        if arn.rpartition("/")[2] in ours:
            try:
                personalize.delete_schema(schemaArn=arn)
            except personalize.exceptions.ResourceInUseException:
                kept.append(arn)


def _snake(kind: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in kind)
