"""`pawsonalize contract`: does an endpoint of the API refuse what we say that Amazon refuses?"""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pawsonalize.app.cli.options import Json
from pawsonalize.app.cli.terminal import print_result
from pawsonalize.aws.contract import contract_cases, error_of
from pawsonalize.aws.protocol import operations
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, needing


def contract(
    endpoint: Annotated[
        str | None, typer.Option(help="Who is asked.", show_default="Amazon Personalize")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="The account in ARNs.", show_default="as the endpoint says")
    ] = None,
    json: Json = False,
) -> None:
    """Ask an endpoint of the Personalize API the contract cases that cost and change nothing.

    Each is a call that must fail; one that is accepted is undone. It prints where the endpoint
    differs. Ask Amazon Personalize with your own credentials, and tell us what it printed.

    Example: pawsonalize contract --endpoint http://127.0.0.1:8080/aws
    """
    with needing("remote-amazon", "contract needs boto3"):
        import boto3  # noqa: PLC0415 - not everybody has it
        from botocore import xform_name  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    config = Config(parameter_validation=False)  # whoever is asked is to refuse, not the client

    def call(operation: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        client = boto3.client(operations()[operation].service, endpoint_url=endpoint, config=config)
        answer: Mapping[str, Any] = getattr(client, xform_name(operation))(**members)
        return answer

    try:
        groups = call("ListDatasetGroups", {})["datasetGroups"]
        region = boto3.client("personalize", endpoint_url=endpoint).meta.region_name
        if groups:  # the endpoint's, not that of the credentials
            region, owner = groups[0]["datasetGroupArn"].split(":")[3:5]
            account = account or owner
        names = {"new": f"contract-{clock.now()}", "arn": f"arn:aws:personalize:{region}:{account}"}
        asked = [
            case
            for case in contract_cases()
            if not case.needs and (account or "$arn" not in str(case.given))
        ]
        found = [
            {
                "case": case.name,
                "source": case.source,
                "expected": case.error,
                "answered": error_of(case, call, names),
            }
            for case in asked
        ]
    except (BotoCoreError, ClientError) as error:
        raise InvalidInput(f"the endpoint was not asked: {str(error).rstrip('.')}") from error
    if account is None:
        print("cases with ARNs are left out: name the endpoint's --account", file=sys.stderr)
    print_result(found, json, _print)


def _print(found: list[dict[str, str]]) -> None:
    differ = [one for one in found if one["answered"] != one["expected"]]
    for one in differ:
        print(f"differs: {one['case']}: {one['answered']}, not {one['expected']} ({one['source']})")
    print(f"{len(found)} cases, {len(found) - len(differ)} as expected")
