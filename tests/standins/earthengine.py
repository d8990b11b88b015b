"""Earth Engine's REST interface on the loopback, enough for its real client to run `greenup.imagery.earthengine`.

The client fetches its discovery document and its list of functions first (both come with the package), then sends
expression graphs, which are evaluated over the images of `tests.standins.earthengine_images`. Result shapes and texts
of errors follow the client's code and the service's documentation, not records of the service.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import ee
import numpy as np
from affine import Affine

from tests.standins.earthengine_images import Image, Refused, Scene, table

_PACKAGE = Path(ee.__file__).parent / "tests"
_REASONS = {
    429: "RESOURCE_EXHAUSTED",
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    503: "UNAVAILABLE",
}
LIMIT_BYTES = 48_000_000

Fault = tuple[int, str] | str
"""A status and message, or what happens to the answer: ``reset``, ``hang``, ``truncated`` (its end does not come),
``cut`` (its end is missing and nothing says so), ``corrupt``, ``shape`` (pixels of another size)."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class EarthEngineStandIn:
    """``with EarthEngineStandIn(collection, scenes) as server: server.url``

    ``others``: further collections. ``faults``: what the next computations are answered with, one by one; ``always``
    the same for all; with ``is_gone`` connections end unanswered. ``calls`` lists (method of the API, body). With
    ``tokens`` requests must carry the last one given out by ``/token``, which gives them out in order. ``latency_s``
    passes before every answer; ``memory``: most bands that a pixel request may compute. ``known``, where a benchmark
    sets it, keeps answers by request, so that the stand-in's own computing is not what is measured.
    """

    def __init__(self, collection: str, scenes: list[Scene], others: dict[str, list[Scene]] | None = None) -> None:
        self.collections = {collection: scenes, **(others or {})}
        self.calls: list[tuple[str, dict]] = []
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.is_gone = False
        self.tokens: list[str] = []
        self.token: str | None = None
        self.latency_s = 0.0
        self.hang_s = 1.0
        self.memory: int | None = None
        self.known: dict[str, bytes] | None = None
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"standin": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> EarthEngineStandIn:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def called(self, method: str) -> list[dict]:
        return [body for name, body in self.calls if name == method]

    def fault(self, method: str, body: dict) -> Fault | None:
        with self._lock:
            self.calls.append((method, body))
            return self.faults.pop(0) if self.faults else self.always

    @contextlib.contextmanager
    def serving(self):
        """Counts requests that are served at the same time."""
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            with self._lock:
                self.at_once -= 1

    def compute(self, expression: dict) -> object:
        """The value of an expression graph."""
        nodes = expression["values"]
        known: dict[str, object] = {}

        def value(node: dict) -> object:
            match node:
                case {"constantValue": constant}:
                    return constant
                case {"valueReference": name}:
                    if name not in known:
                        known[name] = value(nodes[name])
                    return known[name]
                case {"arrayValue": array}:
                    return [value(n) for n in array.get("values", [])]
                case {"dictionaryValue": mapping}:
                    return {k: value(n) for k, n in mapping.get("values", {}).items()}
                case {"functionInvocationValue": call}:
                    arguments = {k: value(n) for k, n in call.get("arguments", {}).items()}
                    return self._function(call["functionName"])(**arguments)
            raise Refused(f"stand-in: unknown node {sorted(node)}")

        return value(nodes[expression["result"]])

    def pixels(self, body: dict, *, wrong_shape: bool = False) -> bytes:
        """The answer of image:computePixels: an NPY of a structured array."""
        image, grid = self.compute(body["expression"]), body["grid"]
        assert body["fileFormat"] == "NPY"
        shape = (grid["dimensions"]["height"], grid["dimensions"]["width"])
        if (asked := shape[0] * shape[1] * len(image) * 2) > LIMIT_BYTES:
            raise Refused(f"Total request size ({asked} bytes) must be less than or equal to {LIMIT_BYTES} bytes.")
        if self.memory is not None and len(image) > self.memory:
            raise Refused("User memory limit exceeded.")
        t = grid["affineTransform"]
        transform = Affine(t["scaleX"], t["shearX"], t["translateX"], t["shearY"], t["scaleY"], t["translateY"])
        out = np.zeros((len(image), *shape), np.uint16)
        for k, band in enumerate(image.values()):
            out[k] = band.read(int(grid["crsCode"].split(":")[1]), transform, shape)[0]
        if wrong_shape:
            out = out[:, 1:]
        named = np.ascontiguousarray(np.moveaxis(out, 0, -1)).view([(name, np.uint16) for name in image])[..., 0]
        file = io.BytesIO()
        np.save(file, named)
        return file.getvalue()

    # ------------------------------------------------------------------------------------- functions of the language
    def _function(self, name: str) -> Callable[..., object]:
        own = {**table(), "ImageCollection.load": self._load_collection, "Image.load": self._load_image}
        if name not in own:
            raise Refused(f"stand-in: function {name} is not known")
        return own[name]

    def _load_collection(self, id: str) -> list[Scene]:
        if id not in self.collections:
            raise Refused(
                f"ImageCollection.load: ImageCollection asset '{id}' not found (does not exist or caller does not have "
                "access)."
            )
        return self.collections[id]

    def _load_image(self, id: str) -> Image:
        collection, _, index = id.rpartition("/")
        for scene in self.collections.get(collection, []):
            if scene.index == index:
                return Image.of(scene)
        raise Refused(f"Image.load: Image asset '{id}' not found (does not exist or caller does not have access).")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; Nagle's algorithm would hold the second back for 40 ms.
    disable_nagle_algorithm = True
    standin: EarthEngineStandIn

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/token":
            self._give_token()
        else:
            self._answer(json.loads(raw))

    def _give_token(self) -> None:
        if not self.standin.tokens:
            refused = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
            self._send(400, json.dumps(refused).encode())
            return
        self.standin.token = self.standin.tokens.pop(0)
        self._send(200, json.dumps({"access_token": self.standin.token, "expires_in": 3600}).encode())

    def _answer(self, body: dict | None) -> None:
        path = self.path.partition("?")[0]
        if self.standin.is_gone:
            # The connection ends without an answer.
            self.close_connection = True
            return
        if path == "/$discovery/rest":
            document = json.loads((_PACKAGE / "cloud_api_discovery_document.json").read_text().replace("v1alpha", "v1"))
            document["rootUrl"] = document["baseUrl"] = f"http://{self.headers['Host']}/"
            self._send(200, json.dumps(document).encode())
            return
        if self.standin.token is not None and self.headers["Authorization"] != f"Bearer {self.standin.token}":
            self._error(401, "Request had invalid authentication credentials.")
            return
        if path.endswith("/algorithms"):
            self._send(200, (_PACKAGE / "algorithms.json").read_bytes())
            return
        method = path.rpartition(":")[2]
        fault = self.standin.fault(method, body or {})
        with self.standin.serving():
            time.sleep(self.standin.latency_s)
            if isinstance(fault, tuple):
                self._error(*fault)
            else:
                self._compute(method, path, body, fault)

    def _compute(self, method: str, path: str, body: dict, fault: str | None) -> None:
        known, key = self.standin.known, "" if self.standin.known is None else json.dumps(body)
        if known is not None and key in known:
            self._send(200, known[key], "application/json" if method == "compute" else "application/octet-stream")
            return
        try:
            if method == "compute":
                data = json.dumps({"result": self.standin.compute(body["expression"])}).encode()
                self._spoil(data, fault, "application/json")
            elif method == "computePixels":
                data = self.standin.pixels(body, wrong_shape=fault == "shape")
                self._spoil(data, fault, "application/octet-stream")
            else:
                self._error(404, f"stand-in: {path}")
                return
            if known is not None:
                known[key] = data
        except Refused as error:
            self._error(400, str(error))

    def _spoil(self, data: bytes, fault: str | None, kind: str) -> None:
        match fault:
            case "reset":
                # A linger of nothing makes closing a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            case "hang":
                time.sleep(self.standin.hang_s)
                self.close_connection = True
            case "truncated":
                self._send(200, data[: len(data) // 2], kind, length=len(data))
                self.close_connection = True
            case "cut":
                self._send(200, data[: len(data) // 2], kind)
            case "corrupt":
                self._send(200, bytes(b ^ 0x5A for b in data[:200]) + data[200:], kind)
            case _:
                self._send(200, data, kind)

    def _error(self, status: int, message: str) -> None:
        error = {"code": status, "message": message, "status": _REASONS.get(status, "INTERNAL")}
        self._send(status, json.dumps({"error": error}).encode())

    def _send(self, status: int, data: bytes, kind: str = "application/json", length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Tests read ``calls`` instead of a log."""


__all__ = ["EarthEngineStandIn", "Fault", "Refused", "Scene"]
