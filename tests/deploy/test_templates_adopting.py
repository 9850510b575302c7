"""A deployment into what is there: VPC, certificate, registry, key, buckets and stream."""

import pytest

from pawsonalize_deploy.adopted import Adopted
from tests.aws_shapes import ACCOUNT, REGION
from tests.deploy.templates import ENV, Template, read_template, settings_of, text

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(scope="module")
def adopting(tmp_path_factory: pytest.TempPathFactory) -> Template:
    from pawsonalize_deploy.stack.app import write_templates

    settings = settings_of(
        "pawsonalize",
        vpc_id="vpc-12345678",
        availability_zones=[f"{REGION}a", f"{REGION}b"],
        private_subnet_ids=["subnet-11111111", "subnet-22222222"],
        public_subnet_ids=["subnet-33333333", "subnet-44444444"],
        certificate_arn=f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1",
        domain_name="pets.example",
        internet_facing=True,
        image=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/pawsonalize@sha256:{'ab' * 32}",
        alarm_email="somebody@pets.example",
        reranking_enabled=False,
        archive_retention_days=90,
        deletion_protection=True,
        database_multi_az=True,
    )
    folder = tmp_path_factory.mktemp("adopting")
    adopted = Adopted(KEY, "their-archive", "their-seed", "their-logs", "their-stream")
    write_templates(ENV, settings, folder, adopted)
    return read_template("pawsonalize", folder)


def test_what_exists_is_used_and_not_made_again(adopting: Template) -> None:
    assert adopting.of("KMS::Key") == {}
    assert adopting.of("Kinesis::Stream") == {}
    assert adopting.of("EC2::VPC") == {}
    assert [name for name in adopting.of("S3::Bucket") if "Models" not in name] == []
    assert adopting.of("SSM::Parameter") == {}
    assert "their-stream" in text(adopting.only("Lambda::EventSourceMapping"))
    delivery = text(adopting.only("KinesisFirehose::DeliveryStream"))
    assert "their-archive" in delivery
    assert KEY in delivery


def test_the_internet_comes_in_by_tls_alone(adopting: Template) -> None:
    (listener,) = adopting.properties("ElasticLoadBalancingV2::Listener")
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    variables = adopting.properties("Lambda::Function")[0]["Environment"]["Variables"]
    assert variables["AWS_ENDPOINT_URL_PERSONALIZE"] == "https://pets.example/aws"


def test_an_image_of_ecr_may_be_pulled_from_its_repository_alone(adopting: Template) -> None:
    pulls = [
        said["Resource"]
        for _, said in adopting.statements()
        if "ecr:BatchGetImage" in said["Action"]
    ]
    assert pulls
    assert all(text(one).endswith(f':{ACCOUNT}:repository/pawsonalize"]]}}') for one in pulls)


def test_without_a_reranker_nothing_watches_one(adopting: Template) -> None:
    assert [name for name in adopting.of("CloudWatch::Alarm") if "reranker" in name] == []
    assert "reranker" not in text(adopting.only("StepFunctions::StateMachine"))
    (subscription,) = adopting.properties("SNS::Subscription")
    assert subscription["Endpoint"] == "somebody@pets.example"
