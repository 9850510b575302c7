"""Another schema for a dataset."""

import msgspec

from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.datasets import Dataset
from pawsonalize.kinds.schemas import DatasetSchema


def update_dataset(services: AwsServices, members: Members) -> Answer:
    """Gives a dataset another schema of its type, which the next import reads by."""
    dataset = services.resource(Dataset, members["datasetArn"])
    schema = services.resource(DatasetSchema, members["schemaArn"])
    changed = msgspec.structs.replace(dataset, schema=schema.name)
    return {"datasetArn": services.arns.of(services.datasets.update(changed, services.now()))}


OPERATIONS = {"UpdateDataset": update_dataset}
