"""Each hour: how old the models are that serve, as metrics that alarms look at."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pawsonalize_functions.clients import client
from pawsonalize_functions.configuration import is_on, setting

NAMESPACE = "Pawsonalize"
_DAY = 86_400.0


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Put `ModelAgeDays` and `DaysSincePromotion` of each model; answers them."""
    now = datetime.now(UTC)
    models = ["RECOMMENDER"] + (["RERANKER"] if is_on("RERANKING_ENABLED") else [])
    measured = [one for model in models for one in _measured(model, now)]
    if measured:
        client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=measured)
    return {
        f"{one['MetricName']} {one['Dimensions'][1]['Value']}": one["Value"] for one in measured
    }


def _measured(model: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Nothing while there is no campaign yet: a missing metric is an alarm, too."""
    ssm, personalize = client("ssm"), client("personalize")
    try:
        path = setting(f"{model}_CAMPAIGN_ARN_PATH")
        arn = ssm.get_parameter(Name=path)["Parameter"]["Value"]
        # The entry is written when a version goes live, and at no other time.
        written = ssm.get_parameter(Name=setting(f"{model}_SOLUTION_VERSION_ARN_PATH"))
    except ssm.exceptions.ParameterNotFound:
        print(f"{model.lower()}: no campaign yet")
        return
    campaign = personalize.describe_campaign(campaignArn=arn)["campaign"]
    version = personalize.describe_solution_version(
        solutionVersionArn=campaign["solutionVersionArn"]
    )["solutionVersion"]
    for name, since in (
        ("ModelAgeDays", version["creationDateTime"]),
        ("DaysSincePromotion", written["Parameter"]["LastModifiedDate"]),
    ):
        yield {
            "MetricName": name,
            "Dimensions": [
                {"Name": "Environment", "Value": setting("ENVIRONMENT")},
                {"Name": "Model", "Value": model.lower()},
            ],
            "Value": max(0.0, (now - since).total_seconds() / _DAY),
        }
