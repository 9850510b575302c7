"""The operations of batch jobs."""

from pawsonalize.http import batch_jobs
from pawsonalize.http.examples import INFERENCE_JOB, SEGMENT_JOB
from pawsonalize.http.operation import Operation, RequestParameter
from pawsonalize.http.resources import PAGE_PARAMETERS, named_parameter
from pawsonalize.kinds.access_keys import CONTROL_PLANE

_JOB = (named_parameter("batch job"),)
_OF_VERSION = RequestParameter("solutionVersion", "Only those of this solution version.")

JOB_OPERATIONS = (
    Operation(
        "GET",
        "/v1/batch-inference-jobs",
        batch_jobs.get_batch_inference_jobs,
        "Questions asked by files, newest first.",
        CONTROL_PLANE,
        answer=batch_jobs.InferenceJobs,
        parameters=(_OF_VERSION, *PAGE_PARAMETERS),
    ),
    Operation(
        "POST",
        "/v1/batch-inference-jobs",
        batch_jobs.post_batch_inference_job,
        "Answer every line of files in the background.",
        CONTROL_PLANE,
        request=batch_jobs.InferenceJobRequest,
        answer=batch_jobs.BatchJobAnswer,
        status=202,
        examples={"for a mailing": INFERENCE_JOB},
    ),
    Operation(
        "GET",
        "/v1/batch-inference-jobs/{name}",
        batch_jobs.get_batch_inference_job,
        "One batch inference job.",
        CONTROL_PLANE,
        answer=batch_jobs.BatchJobAnswer,
        parameters=_JOB,
    ),
    Operation(
        "DELETE",
        "/v1/batch-inference-jobs/{name}",
        batch_jobs.delete_batch_inference_job,
        "Forget a job that is done; its files stay.",
        CONTROL_PLANE,
        answer=batch_jobs.BatchJobAnswer,
        parameters=_JOB,
    ),
    Operation(
        "GET",
        "/v1/batch-segment-jobs",
        batch_jobs.get_batch_segment_jobs,
        "Users found by files, newest first.",
        CONTROL_PLANE,
        answer=batch_jobs.SegmentJobs,
        parameters=(_OF_VERSION, *PAGE_PARAMETERS),
    ),
    Operation(
        "POST",
        "/v1/batch-segment-jobs",
        batch_jobs.post_batch_segment_job,
        "Find the users who like the items of every line best.",
        CONTROL_PLANE,
        request=batch_jobs.SegmentJobRequest,
        answer=batch_jobs.BatchJobAnswer,
        status=202,
        examples={"a thousand users": SEGMENT_JOB},
    ),
    Operation(
        "GET",
        "/v1/batch-segment-jobs/{name}",
        batch_jobs.get_batch_segment_job,
        "One batch segment job.",
        CONTROL_PLANE,
        answer=batch_jobs.BatchJobAnswer,
        parameters=_JOB,
    ),
    Operation(
        "DELETE",
        "/v1/batch-segment-jobs/{name}",
        batch_jobs.delete_batch_segment_job,
        "Forget a job that is done; its files stay.",
        CONTROL_PLANE,
        answer=batch_jobs.BatchJobAnswer,
        parameters=_JOB,
    ),
)
