"""What the tests ask of a bucket beside Hallpass, by Amazon's own client: make it, look into it, try to cheat.

usage: bucket.py ENDPOINT COMMAND ARGUMENT...; answers one line of JSON.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, command, *arguments = sys.argv[1:]
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="tester",
    aws_secret_access_key="secret-of-tester",
    config=Config(retries={"max_attempts": 1}, connect_timeout=10, read_timeout=20),
)


def make(bucket, lock):
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock == "locked")
    if lock == "locked":
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
        s3.put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
        )


def objects(bucket):
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return [
        {"key": one["Key"], "version": one["VersionId"]}
        for page in pages
        for one in page.get("Versions", [])
    ]


def remove(bucket, key, version):
    s3.delete_object(Bucket=bucket, Key=key, VersionId=version)


def put(bucket, key, body):
    s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ChecksumAlgorithm="SHA256")


try:
    done = {"make": make, "objects": objects, "remove": remove, "put": put}[command](*arguments)
    print(json.dumps({"done": done}))
except ClientError as error:
    print(json.dumps({"refused": error.response["Error"]["Code"]}))
