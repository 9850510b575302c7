"""What the page about leaving Amazon Personalize says is copied, by the page's own program."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.wire.server import served

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "leave-amazon-personalize.md"
SCHEMAS = {
    "Interactions": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
    "Items": {"ITEM_ID": "string", "COLOUR": "string"},
}
EXPORTS = {
    "INTERACTIONS": "USER_ID,ITEM_ID,TIMESTAMP\nann,tea,1700000000\n",
    "ITEMS": "ITEM_ID,COLOUR\ntea,green\n",
}
ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """The folder that stands for S3, with what was exported."""
    for kind, rows in EXPORTS.items():
        folder = tmp_path / "s3" / "exports" / "shop" / kind
        folder.mkdir(parents=True)
        (folder / "part-1.csv").write_text(rows)
    return tmp_path / "s3"


def create_shop(there: Any) -> str:
    group: str = there.create_dataset_group(name="shop")["datasetGroupArn"]
    for kind, columns in SCHEMAS.items():
        fields = [{"name": name, "type": of} for name, of in columns.items()]
        avro = json.dumps({"type": "record", "name": kind, "fields": fields, "version": "1.0"})
        schema = there.create_schema(name=f"shop-{kind}", schema=avro)["schemaArn"]
        there.create_dataset(name=kind, datasetGroupArn=group, schemaArn=schema, datasetType=kind)
    expression = 'INCLUDE ItemID WHERE Items.COLOUR IN ("green")'
    there.create_filter(name="green", datasetGroupArn=group, filterExpression=expression)
    return group


def arns(personalize: Any, group: str) -> set[str]:
    """Of the datasets and filters of a group."""
    datasets = personalize.list_datasets(datasetGroupArn=group)["datasets"]
    filters = personalize.list_filters(datasetGroupArn=group)["Filters"]
    return {one["datasetArn"] for one in datasets} | {one["filterArn"] for one in filters}


def test_a_dataset_group_is_copied_with_its_data_and_its_arns(
    tmp_path: Path, exports: Path
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    page: dict[str, Any] = {}
    exec(program, page)
    with served(tmp_path / "there") as there:
        group = create_shop(there.personalize)  # two that start at once would migrate at once
        with served(tmp_path / "here", s3_root=str(exports)) as here:
            copied, tracking_id = page["copy_group"](
                there.personalize, here.personalize, group, "s3://exports/shop", ROLE
            )
            assert copied == group
            assert arns(here.personalize, group) == arns(there.personalize, group)
            assert len(arns(here.personalize, group)) == 3
            event = {"eventType": "view", "itemId": "tea", "sentAt": 1_700_000_000}
            here.events.put_events(trackingId=tracking_id, sessionId="s", eventList=[event])
