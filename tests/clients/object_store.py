"""Runs moto's or SeaweedFS's S3 server with two buckets, the first with objects: object_store.py moto|seaweedfs.
Prints its port, and when its standard input ends, the contents of both buckets."""
import hashlib, json, os, pathlib, shutil, socket, subprocess, sys, tempfile, time

import boto3

PRODUCTION, STAGING, PART = "bc-production", "bc-staging", 5 << 20
KEYS = ["images/a b+c.jpg", "images/\u00fc#%41?&=~.jpg", "original_images/quote'\"<>.jpg", "images//double.jpg"]
SECRET = os.environ["OBJECT_STORE_SECRET"]


def moto():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    return server.get_host_and_port()[1]


def free_port():
    """Yields ports below the range for outgoing connections, so no connection takes one; gRPC uses the port 10,000 higher."""
    for port in range(11000, 19000):
        with socket.socket() as one, socket.socket() as other:
            if one.connect_ex(("127.0.0.1", port)) and other.connect_ex(("127.0.0.1", port + 10000)):
                yield port


def seaweedfs():
    global process, folder
    folder = tempfile.mkdtemp(prefix="bcops-test-seaweedfs-")
    ports = free_port()
    s3, master, volume, filer = (next(ports) for _ in range(4))
    identity = {"name": "test", "actions": ["Admin", "Read", "Write", "List", "Tagging"], "credentials": [
        {"accessKey": f"key-{name}", "secretKey": SECRET} for name in ("production", "staging")]}
    config = pathlib.Path(folder, "s3.json")
    config.write_text(json.dumps({"identities": [identity]}))
    command = [
        pathlib.Path(sys.executable).with_name("weed"), "-v=0", f"-logdir={folder}", "server", f"-dir={folder}",
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", f"-master.port={master}",
        f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-volume.max=50",
        "-master.volumeSizeLimitMB=256", "-master.volumePreallocate=false", "-s3", f"-s3.port={s3}",
        f"-s3.config={config}"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return s3


def patiently(work):
    """Retries, because SeaweedFS needs some seconds until its first volume accepts writes."""
    for _ in range(240):
        try:
            return work()
        except Exception as error:
            last = error
            time.sleep(0.25)
    raise last


process = folder = None
kind = sys.argv[1]
keys = KEYS if kind == "moto" else KEYS[:3]
port = {"moto": moto, "seaweedfs": seaweedfs}[kind]()
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-west-2",
                  aws_access_key_id="key-production", aws_secret_access_key=SECRET)
try:
    patiently(s3.list_buckets)
    for bucket in (PRODUCTION, STAGING):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    patiently(lambda: s3.put_object(Bucket=STAGING, Key="documents/stray-0000.txt", Body=b"stray"))
    for number, key in enumerate(keys):
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
    for number in range(1, 1050):
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
finally:
    if process:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
