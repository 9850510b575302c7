"""Amazon Resource Names: our resources by the names that AWS clients call them.

arn:aws:personalize:{region}:{account}:{kind}/{name}

A dataset is `dataset/{group}/{TYPE}`, a solution version `solution/{solution}/{version}`; recipes
and what belongs to them are of nobody: `arn:aws:personalize:::recipe/{name}`.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import Dataset
from pawsonalize.resources.kind import AnyKind, Resource
from pawsonalize.resources.solutions import Solution, SolutionVersion

_ARN = re.compile(
    r"arn:(?P<partition>[a-z\d-]+):personalize:(?P<region>[^:/]*):(?P<account>[^:/]*)"
    r":(?P<kind>[a-z-]+)/(?P<name>.+)",
    re.ASCII,
)

_BY_WORD: Mapping[str, type[Resource]] = MappingProxyType(
    {kind.path: kind.resource for kind in KINDS.values() if kind.resource is not SolutionVersion}
)


def wire_name(kind: AnyKind) -> str:
    """Return the kind's name in operations, such as `DatasetImportJob`."""
    return kind.word.title().replace(" ", "")


def arn_member(kind: type[Resource]) -> str:
    """Return the member that has the ARN of one of the kind, such as `datasetImportJobArn`."""
    name = wire_name(KINDS[kind])
    return f"{name[0].lower()}{name[1:]}Arn"


def public_arn(kind: str, name: str) -> str:
    """Return the ARN of what belongs to nobody, such as a recipe."""
    return f"arn:aws:personalize:::{kind}/{name}"


def public_name(arn: str, kind: str) -> str:
    """Return the name in such an ARN; InvalidInput if it is one of another kind."""
    match = _ARN.fullmatch(arn)
    if match is None or match["kind"] != kind:
        raise _invalid(arn, kind)
    return match["name"]


class Arns(msgspec.Struct, frozen=True):
    """The ARNs of one installation, which is one region of one account."""

    region: str
    account: str

    def of(self, resource: Resource) -> str:
        """Return the resource's ARN."""
        if isinstance(resource, SolutionVersion):
            return self.named(Solution, f"{resource.solution}/{resource.name}")
        if isinstance(resource, Dataset):
            return self.named(Dataset, f"{resource.dataset_group}/{resource.dataset_type.upper()}")
        return self.named(type(resource), resource.name)

    def named(self, kind: type[Resource], name: str) -> str:
        """Return the ARN of a resource by its name."""
        if kind is Dataset and "/" not in name:
            group, _, dataset_type = name.rpartition("-")
            name = f"{group}/{dataset_type.upper()}"
        return f"arn:aws:personalize:{self.region}:{self.account}:{KINDS[kind].path}/{name}"

    def name(self, arn: str, kind: type[Resource]) -> str:
        """Return the name of the resource of that kind.

        InvalidInput for an ARN of another kind, NotFound for one of another region or account.
        """
        found, name = self.resource(arn)
        if found is not kind:
            raise _invalid(arn, kind.kind)
        return name

    def resource(self, arn: str) -> tuple[type[Resource], str]:
        """Return the kind and the name of the resource."""
        match = _ARN.fullmatch(arn)
        if match is None or match["kind"] not in _BY_WORD:
            raise _invalid(arn, "resource")
        if (match["region"], match["account"]) != (self.region, self.account):
            raise NotFound(
                f"{arn} is of another region or account: this service is {self.account} in"
                f" {self.region} (settings aws_account_id and aws_region)"
            )
        kind, name = _BY_WORD[match["kind"]], match["name"]
        first, slash, second = name.partition("/")
        if kind is Dataset and slash:
            return Dataset, f"{first}-{second.lower()}"
        if kind is Solution and slash:
            return SolutionVersion, second
        return kind, name


def _invalid(arn: str, wanted: str) -> InvalidInput:
    return InvalidInput(f"{arn} is not the ARN of a {wanted}")
