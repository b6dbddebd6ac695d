"""Serves the benchmark's backup at a given rate, with the part of Heroku's two APIs that
`bcops pull-data production` needs to find it.

A server runs in its own process, so it does not slow the measured program.
"""

import json
import multiprocessing
import os
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

APP = "buckinghamshire-production"
APP_ID = "11111111-1111-4111-8111-111111111111"
ADDON_ID = "22222222-2222-4222-8222-222222222222"
TRANSFER_ID = "33333333-3333-4333-8333-333333333333"
TOKEN = "bench-token"
STORE_PATH = "/store/b001.dump"


class Link:
    """Shares a rate among all connections: each slice of bytes waits for its turn."""

    def __init__(self, bytes_per_second):
        self.rate = bytes_per_second
        self.lock = threading.Lock()
        self.free_at = 0.0

    def slice_length(self):
        return max(self.rate // 100, 4096) if self.rate else 16 << 20

    def wait_for(self, length):
        if not self.rate:
            return
        with self.lock:
            now = time.monotonic()
            self.free_at = max(self.free_at, now - 0.02) + length / self.rate
            delay = self.free_at - now
        if delay > 0:
            time.sleep(delay)


def addon():
    app = {"id": APP_ID, "name": APP}
    return {
        "id": ADDON_ID,
        "name": "postgresql-bench-12345",
        "app": app,
        "plan": {"name": "heroku-postgresql:standard-0"},
        "addon_service": {"name": "heroku-postgresql"},
        "config_vars": ["DATABASE_URL"],
        "state": "provisioned",
    }


def attachment():
    return {
        "id": "44444444-4444-4444-8444-444444444444",
        "name": "DATABASE",
        "namespace": None,
        "app": {"id": APP_ID, "name": APP},
        "addon": addon(),
        "config_vars": ["DATABASE_URL"],
    }


def transfer(size):
    moment = (datetime.now(timezone.utc) - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S +0000")
    return {
        "uuid": TRANSFER_ID, "num": 1, "from_name": "DATABASE", "from_type": "pg_dump",
        "from_url": "postgres://hidden", "to_name": "BACKUP", "to_type": "gof3r",
        "to_url": "https://hidden", "options": {}, "source_bytes": 1_000_000_000,
        "processed_bytes": size, "succeeded": True, "warnings": 0, "created_at": moment,
        "started_at": moment, "canceled_at": None, "updated_at": moment, "finished_at": moment,
        "deleted_at": None, "purged_at": None, "num_keep": 5, "schedule": None, "logs": [],
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    archive = None
    link = None

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == STORE_PATH:
            return self.send_archive()
        return self.answer("GET", path)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer("POST", self.path.split("?")[0])

    def answer(self, method, path):
        size = os.path.getsize(self.archive)
        application = {"id": APP_ID, "name": APP, "maintenance": False}
        app = f"/apps/(?:{APP}|{APP_ID})"
        transfers = f"/client/v11{app}/transfers"
        database = {"addon_id": ADDON_ID, "name": "postgresql-bench-12345", "info": []}
        routes = [
            ("GET", "/account", lambda: {"id": APP_ID, "email": "bench@example.com"}),
            ("GET", app, lambda: application),
            ("GET", f"{app}/config-vars", lambda: {
                "DATABASE_URL": "postgres://u:p@db.production.example:5432/d"}),
            ("GET", f"{app}/addons", lambda: [addon()]),
            ("GET", f"{app}/addon-attachments", lambda: [attachment()]),
            ("POST", "/actions/addon-attachments/resolve", lambda: [attachment()]),
            ("GET", f"/client/v11/databases/{ADDON_ID}", lambda: database),
            ("GET", transfers, lambda: [transfer(size)]),
            ("GET", f"{transfers}/(?:1|{TRANSFER_ID})", lambda: transfer(size)),
            ("POST", f"{transfers}/(?:1|{TRANSFER_ID})/actions/public-url", self.signed_url),
        ]
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.send_json(401, {"id": "unauthorized", "message": "Invalid credentials"})
        for wanted, pattern, body in routes:
            if wanted == method and re.fullmatch(pattern, path):
                return self.send_json(200, body())
        return self.send_json(404, {"id": "not_found", "message": f"no {method} {path} here"})

    def signed_url(self):
        expires = datetime.now(timezone.utc) + timedelta(hours=1)
        return {
            "url": f"http://{self.headers['Host']}{STORE_PATH}?signature=bench",
            "expires_at": expires.strftime("%Y-%m-%d %H:%M:%S +0000"),
        }

    def send_json(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_archive(self):
        with open(self.archive, "rb") as archive:
            size = os.fstat(archive.fileno()).st_size
            start, end, partial = 0, size, False
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if found:
                start, partial = int(found[1]), True
                end = min(int(found[2]) + 1, size) if found[2] else size
            if start >= end:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if partial else 200)
            if partial:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", "binary/octet-stream")
            self.send_header("ETag", f'"{size:x}-bench"')
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            self.wfile.flush()
            while start < end:
                length = min(self.link.slice_length(), end - start)
                self.link.wait_for(length)
                sent = self.connection.sendfile(archive, start, length)
                if not sent:
                    break
                start += sent

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_):
        pass


def run(archive, rate, port_sender):
    Handler.archive, Handler.link = archive, Link(rate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port_sender.send(server.server_address[1])
    server.serve_forever()


def start(archive, rate):
    """Starts a server with that many bytes a second (None: no limit), and returns its URL."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=run, args=(archive, rate, sender), daemon=True)
    process.start()
    return f"http://127.0.0.1:{receiver.recv()}"
