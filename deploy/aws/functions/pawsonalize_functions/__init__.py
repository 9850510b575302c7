"""What runs in AWS Lambda: boto3 and the standard library alone."""
