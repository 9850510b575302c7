"""Writes an environment's template and what goes with it."""

from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from pawsonalize_deploy.adopted import NOTHING, Adopted
from pawsonalize_deploy.settings import DeploySettings
from pawsonalize_deploy.stack.system import System

# The defaults of new CDK applications that matter here.
_FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/aws-lambda:recognizeLayerVersion": True,
    "@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker": True,
    "@aws-cdk/aws-kms:aliasNameRef": True,
    "@aws-cdk/aws-route53-patters:useCertificate": True,
    "@aws-cdk/aws-kms:reduceCrossAccountRegionPolicyScope": True,
}


def write_templates(
    env: str, settings: DeploySettings, folder: Path, adopted: Adopted = NOTHING
) -> Path:
    """Write the cloud assembly of an environment, offline; returns the folder.

    RuntimeError if cdk-nag finds what is not explained; `validation-report.json` in it says what.
    """
    app = App(outdir=str(folder), analytics_reporting=False, context=_FLAGS)
    System(app, env, settings, adopted)
    check(app)
    app.synth()
    return folder


def check(app: App) -> None:
    """Let nothing be written that cdk-nag finds and nobody has explained."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
