"""Filters."""

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import DatasetGroup, Filter


def create_filter(services: Services, asked: Asked) -> Answer:
    """Creates a filter in Amazon's language; it is ACTIVE at once."""
    created = services.filters.create(
        asked["name"],
        asked["filterExpression"],
        services.now(),
        dataset_group=services.resource(DatasetGroup, asked["datasetGroupArn"]).name,
        tags=given_tags(asked),
    )
    return {"filterArn": services.arns.of(created)}


def describe_filter(services: Services, asked: Asked) -> Answer:
    """Answers a filter with its expression."""
    return {"filter": _described(services, services.resource(Filter, asked["filterArn"]))}


def list_filters(services: Services, asked: Asked) -> Answer:
    """Lists the filters, of all dataset groups or of one."""
    found, token = page(services, asked, Filter, (DatasetGroup, "datasetGroupArn"))
    return {"Filters": [_described(services, one) for one in found], "nextToken": token}


def delete_filter(services: Services, asked: Asked) -> None:
    """Deletes a filter; who asks with it from then on is told."""
    services.registry.delete(Filter, services.arns.name(asked["filterArn"], Filter))


def _described(services: Services, found: Filter) -> Answer:
    return services.summary(found) | {
        "filterArn": services.arns.of(found),
        "datasetGroupArn": services.arns.named(DatasetGroup, found.dataset_group),
        "filterExpression": found.expression,
    }


OPERATIONS = {
    "CreateFilter": create_filter,
    "DescribeFilter": describe_filter,
    "ListFilters": list_filters,
    "DeleteFilter": delete_filter,
}
