"""The operations of dataset groups: made, limited, watched and deleted."""

from pawsonalize.http import dataset_groups
from pawsonalize.http.examples import DATASET_GROUP, LIMITS
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.http.resources import PAGE_PARAMETERS, named_parameter
from pawsonalize.kinds.access_keys import CONTROL_PLANE
from pawsonalize.wings.tenants.reports import TenantPage, TenantReport

_GROUP = (named_parameter("dataset group"),)

DATASET_GROUP_OPERATIONS = (
    Operation(
        "GET",
        "/v1/dataset-groups",
        dataset_groups.get_dataset_groups,
        "What belongs together, newest first.",
        CONTROL_PLANE,
        answer=dataset_groups.DatasetGroupList,
        parameters=PAGE_PARAMETERS,
    ),
    Operation(
        "POST",
        "/v1/dataset-groups",
        dataset_groups.post_dataset_group,
        "Create a dataset group.",
        CONTROL_PLANE,
        request=dataset_groups.DatasetGroupRequest,
        answer=dataset_groups.DatasetGroupAnswer,
        status=201,
        examples={"a second shelter": DATASET_GROUP},
    ),
    Operation(
        "GET",
        "/v1/dataset-groups/{name}",
        dataset_groups.get_dataset_group,
        "One dataset group.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=dataset_groups.DatasetGroupAnswer,
        parameters=_GROUP,
    ),
    Operation(
        "PATCH",
        "/v1/dataset-groups/{name}",
        dataset_groups.patch_dataset_group,
        "Change the limits of a dataset group.",
        CONTROL_PLANE,
        request=dataset_groups.DatasetGroupChange,
        answer=dataset_groups.DatasetGroupAnswer,
        examples={"limits": LIMITS},
        parameters=_GROUP,
    ),
    Operation(
        "DELETE",
        "/v1/dataset-groups/{name}",
        dataset_groups.delete_dataset_group,
        "Delete a dataset group with what is left of its data; 409 names what goes first.",
        CONTROL_PLANE,
        answer=dataset_groups.DatasetGroupAnswer,
        parameters=_GROUP,
    ),
    Operation(
        "GET",
        "/v1/dataset-groups/{name}/usage",
        dataset_groups.get_usage,
        "What a dataset group used on the last days.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=dataset_groups.UsageAnswer,
        parameters=(
            *_GROUP,
            RequestParameter("days", "How many days, 1 to 400, today's included; 30.", int),
        ),
    ),
    Operation(
        "GET",
        "/v1/tenants",
        dataset_groups.get_tenants,
        "How every dataset group is, and what it used today.",
        CONTROL_PLANE,
        answer=TenantPage,
        parameters=PAGE_PARAMETERS,
    ),
    Operation(
        "GET",
        "/v1/tenants/{name}",
        dataset_groups.get_tenant,
        "How one dataset group is: its limits, models, keys and days.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=TenantReport,
        parameters=_GROUP,
    ),
)
