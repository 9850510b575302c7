"""A short life with boto3, as a program for Amazon Personalize has it."""

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import boto3

name, schema, place, recipe, role, item = sys.argv[1:]
personalize = boto3.client("personalize")


def active(kind: str, arn: str) -> None:
    words = "".join(word.title() for word in kind.split("_"))
    argument = words[0].lower() + words[1:]
    while True:
        found: Any = getattr(personalize, f"describe_{kind}")(**{f"{argument}Arn": arn})[argument]
        if found["status"] == "ACTIVE":
            return
        assert found["status"] != "CREATE FAILED", found
        time.sleep(0.2)


def delete(kind: str, **arn: str) -> None:
    getattr(personalize, f"delete_{kind}")(**arn)
    while True:
        try:
            getattr(personalize, f"describe_{kind}")(**arn)
        except personalize.exceptions.ResourceNotFoundException:
            return
        time.sleep(0.2)


group = personalize.create_dataset_group(name=name)["datasetGroupArn"]
active("dataset_group", group)
shape = personalize.create_schema(name=name, schema=schema)["schemaArn"]
dataset = personalize.create_dataset(
    name=name, schemaArn=shape, datasetGroupArn=group, datasetType="Interactions"
)["datasetArn"]
active("dataset", dataset)
job = personalize.create_dataset_import_job(
    jobName=name, datasetArn=dataset, dataSource={"dataLocation": place}, roleArn=role
)["datasetImportJobArn"]
active("dataset_import_job", job)
solution = personalize.create_solution(name=name, datasetGroupArn=group, recipeArn=recipe)
active("solution", solution["solutionArn"])
version = personalize.create_solution_version(solutionArn=solution["solutionArn"])
active("solution_version", version["solutionVersionArn"])
campaign = personalize.create_campaign(name=name, solutionVersionArn=version["solutionVersionArn"])[
    "campaignArn"
]
active("campaign", campaign)
tracker = personalize.create_event_tracker(name=name, datasetGroupArn=group)


def recommend() -> list[str]:
    answer = boto3.client("personalize-runtime").get_recommendations(
        campaignArn=campaign, userId="a visitor", numResults=3
    )
    return [one["itemId"] for one in answer["itemList"]]


before = recommend()
boto3.client("personalize-events").put_events(
    trackingId=tracker["trackingId"],
    userId="a visitor",
    sessionId="a session",
    eventList=[{"eventType": "view", "itemId": item, "sentAt": datetime.now(UTC)}],
)
after = recommend()
delete("campaign", campaignArn=campaign)
delete("event_tracker", eventTrackerArn=tracker["eventTrackerArn"])
delete("solution", solutionArn=solution["solutionArn"])
delete("dataset", datasetArn=dataset)
personalize.delete_schema(schemaArn=shape)
delete("dataset_group", datasetGroupArn=group)
print(json.dumps({"before": before, "after": after}))
