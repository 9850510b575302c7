"""Requests in and answers out for every operation at once, driven by botocore's service models."""
