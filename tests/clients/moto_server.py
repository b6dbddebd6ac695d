"""Moto's S3 with two buckets, of which the first holds objects. Prints its port, and at the end of its
standard input what both hold."""
import hashlib, json, sys

import boto3
from moto.server import ThreadedMotoServer

PRODUCTION, STAGING, PART = "bc-production", "bc-staging", 5 << 20
KEYS = ["images/a b+c.jpg", "images/\u00fc#%41?&=~.jpg", "images//double.jpg", "original_images/quote'\"<>.jpg"]

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
port = server.get_host_and_port()[1]
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-west-2",
                  aws_access_key_id="key", aws_secret_access_key="secret")
for bucket in (PRODUCTION, STAGING):
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
for number, key in enumerate(KEYS):
    checksum = {"ChecksumAlgorithm": ["CRC32", "SHA1", "SHA256", "CRC32"][number]}
    s3.put_object(Bucket=PRODUCTION, Key=key, Body=key.encode() * 999, ContentType="image/webp",
                  CacheControl="max-age=60", Metadata={"title": f"number {number}"}, **checksum)
for number in range(60):
    s3.put_object(Bucket=PRODUCTION, Key=f"documents/{number:04}.txt", Body=str(number).encode())
upload = s3.create_multipart_upload(Bucket=PRODUCTION, Key="documents/large.bin")["UploadId"]
parts = []
for number in (1, 2):
    part = s3.upload_part(Bucket=PRODUCTION, Key="documents/large.bin", UploadId=upload, PartNumber=number,
                          Body=bytes([number]) * PART)
    parts.append({"PartNumber": number, "ETag": part["ETag"]})
s3.complete_multipart_upload(Bucket=PRODUCTION, Key="documents/large.bin", UploadId=upload,
                             MultipartUpload={"Parts": parts})
for number in range(1050):
    s3.put_object(Bucket=STAGING, Key=f"documents/stray-{number:04}.txt", Body=b"stray")
print(port, flush=True)
sys.stdin.read()

held = {}
for bucket in (PRODUCTION, STAGING):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for one in (one for page in pages for one in page.get("Contents", [])):
        found = s3.get_object(Bucket=bucket, Key=one["Key"])
        kept = [found.get("ContentType"), found.get("CacheControl"), found["Metadata"]]
        held.setdefault(bucket, {})[one["Key"]] = [hashlib.sha256(found["Body"].read()).hexdigest(), kept]
print(json.dumps(held), flush=True)
