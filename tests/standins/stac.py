"""A STAC API and a file server with byte ranges on the loopback, over items and GeoTIFFs of a folder.

Served: landing page, collection, item, item search by POST with intersects, datetime, limit and paging; or, with
``upstream``, what a true STAC API answers there. ``faults`` is what happens to the next requests (of ``fault_paths``):
an HTTP status, or one of

- reset: the connection is closed before a word; hang: no answer for ``hang_s``;
- truncated: half of the promised bytes; short: half of them, as if that were all;
- corrupt: every second byte of the latter half turned around; garbage: a web page with status 200.

``calls`` is every request's method and path, ``asked`` its path with the query. Requests to a proxy, with the whole
address in the first line, are answered by path.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from shapely.geometry import shape

_CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
]


class StacStandIn:
    """``with StacStandIn(folder, collection, items) as api: api.url``; item assets are links to ``/files/<name>``."""

    def __init__(self, folder: Path, collection: str, items: list[dict]) -> None:
        self.folder, self.collection, self.items = folder, collection, items
        self.calls: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.faults: list[int | str] = []
        self.fault_paths = "/search"
        self.hang_s = 1.5
        self.upstream: str | None = None
        # Answers by path that take the place of the usual ones.
        self.instead: dict[str, object] = {}
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _Quiet(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> StacStandIn:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def called(self, path: str) -> int:
        return sum(p.startswith(path) for _, p in self.calls)

    def fault(self, method: str, path: str) -> int | str | None:
        with self._lock:
            self.calls.append((method, path))
            return self.faults.pop(0) if self.faults and path.startswith(self.fault_paths) else None

    def landing(self) -> dict:
        links = [
            {"rel": "self", "href": self.url},
            {"rel": "root", "href": self.url},
            {"rel": "data", "href": f"{self.url}/collections"},
            {"rel": "search", "href": f"{self.url}/search", "type": "application/geo+json", "method": "POST"},
            {"rel": "search", "href": f"{self.url}/search", "type": "application/geo+json", "method": "GET"},
        ]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "stand-in",
            "description": "loopback",
            "conformsTo": _CONFORMS,
            "links": links,
        }

    def describe(self) -> dict:
        return {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": self.collection,
            "description": "loopback",
            "license": "other",
            "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
            "links": [
                {"rel": "root", "href": self.url},
                {"rel": "self", "href": self._at("")},
                {"rel": "items", "href": self._at("/items")},
            ],
        }

    def item(self, item_id: str) -> dict | None:
        return next((self._linked(i) for i in self.items if i["id"] == item_id), None)

    def search(self, body: dict) -> dict:
        first, last = (datetime.fromisoformat(t) for t in body["datetime"].split("/"))
        place = shape(body["intersects"])
        found = [
            i
            for i in self.items
            if i["collection"] in body["collections"]
            and first <= datetime.fromisoformat(i["properties"]["datetime"]) <= last
            and shape(i["geometry"]).intersects(place)
        ]
        start, limit = int(body.get("token", 0)), int(body.get("limit", 10))
        links = []
        if start + limit < len(found):
            links.append(
                {
                    "rel": "next",
                    "href": f"{self.url}/search",
                    "method": "POST",
                    "body": {**body, "token": str(start + limit)},
                }
            )
        page = [self._linked(i) for i in found[start : start + limit]]
        return {"type": "FeatureCollection", "features": page, "links": links}

    def _at(self, path: str) -> str:
        return f"{self.url}/collections/{self.collection}{path}"

    def _linked(self, item: dict) -> dict:
        assets = {k: {**a, "href": f"{self.url}/files/{a['href']}"} for k, a in item["assets"].items()}
        links = [
            {"rel": "self", "href": self._at(f"/items/{item['id']}")},
            {"rel": "collection", "href": self._at("")},
            {"rel": "root", "href": self.url},
        ]
        return {**item, "assets": assets, "links": links}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: StacStandIn

    def do_GET(self) -> None:
        self._answer(None)

    def do_HEAD(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict | None) -> None:
        # As a proxy: http://host/path.
        path = re.sub(r"^http://[^/]+", "", self.path).partition("?")[0]
        self.api.asked.append(self.path)
        self.injected = self.api.fault(self.command, path)
        base = f"/collections/{self.api.collection}"
        if isinstance(self.injected, int):
            self._json({"code": str(self.injected), "description": "injected"}, self.injected)
        elif self.injected == "garbage":
            self._send(200, b"<html>maintenance</html>", {"Content-Type": "text/html"})
        elif self.injected == "reset":
            # Lingering for no time sends a reset instead of a farewell.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif path in self.api.instead:
            self._json(self.api.instead[path])
        elif self.api.upstream and not path.startswith("/files/"):
            self._forward(body)
        elif path in ("", "/"):
            self._json(self.api.landing())
        elif path == base:
            self._json(self.api.describe())
        elif path == "/search" and body is not None:
            self._json(self.api.search(body))
        elif path.startswith(f"{base}/items/") and (item := self.api.item(path.rsplit("/", 1)[1])):
            self._json(item)
        elif path.startswith("/files/") and (file := self.api.folder / path.removeprefix("/files/")).is_file():
            self._file(file.read_bytes())
        else:
            self._json({"code": "NotFound", "description": path}, 404)

    def _forward(self, body: dict | None) -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.api.upstream + self.path, data, {"Content-Type": "application/json"}, method=self.command
        )
        try:
            with urllib.request.urlopen(request) as answer:
                self._send(answer.status, answer.read(), {"Content-Type": answer.headers["Content-Type"]})
        except urllib.error.HTTPError as error:
            self._send(error.code, error.read(), {"Content-Type": "application/json"})

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _file(self, data: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        headers = {"Content-Type": "image/tiff", "Accept-Ranges": "bytes"}
        if wanted is None:
            self._send(200, data, headers)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
        if first >= len(data):
            self._send(416, b"", headers)
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self._send(206, data[first : last + 1], headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        promised = len(data)
        match self.injected:
            case "hang":
                time.sleep(self.api.hang_s)
            case "truncated":
                data, self.close_connection = data[: promised // 2], True
            case "short":
                data = data[: promised // 2]
                promised = len(data)
            case "corrupt":
                rest = bytearray(data[promised // 2 :])
                rest[::2] = bytes(255 - b for b in rest[::2])
                data = data[: promised // 2] + bytes(rest)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Tests read ``calls`` instead of a log."""
