"""Earth Engine's REST interface on the loopback, enough for its real client to run `greenup.imagery.earthengine`.

The client fetches its discovery document and its list of functions first (both come with the package), then sends
expression graphs. The graphs are evaluated over `Scene` objects in memory: whole images on one UTM grid with a mask.
Result shapes and texts of errors follow the client's code, not records of the service. ``faults`` is a list of
(status, message) that the next computations are answered with; with ``is_gone`` connections end unanswered; ``calls``
lists (method of the API, body).
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import ee
import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject
from shapely.geometry import Polygon

_PACKAGE = Path(ee.__file__).parent / "tests"
_REASONS = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 503: "UNAVAILABLE"}


@dataclass(frozen=True)
class Scene:
    """An image asset. ``bands``: name -> (values, pixel size in m); ``mask``: name -> bool, False is masked."""

    index: str
    time: datetime
    cloud: float | None
    footprint: Polygon
    epsg: int
    west: float
    north: float
    bands: dict[str, tuple[np.ndarray, int]]
    mask: dict[str, np.ndarray]

    @property
    def properties(self) -> dict[str, object]:
        milliseconds = int(self.time.replace(tzinfo=UTC).timestamp() * 1000)
        all_of_them = {
            "system:index": self.index,
            "system:time_start": milliseconds,
            "CLOUDY_PIXEL_PERCENTAGE": self.cloud,
        }
        return {k: v for k, v in all_of_them.items() if v is not None}


@dataclass(frozen=True)
class _Image:
    """An image in an expression: a scene, chosen bands, how it is resampled, what stands for masked pixels."""

    scene: Scene
    names: tuple[str, ...]
    resampling: Resampling = Resampling.nearest
    unmasked: float | None = None

    def band(self, name: str, epsg: int, grid: Affine, shape: tuple[int, int]) -> np.ndarray:
        values, size = self.scene.bands[name]
        source = {
            "src_transform": Affine(size, 0, self.scene.west, 0, -size, self.scene.north),
            "src_crs": f"EPSG:{self.scene.epsg}",
            "dst_transform": grid,
            "dst_crs": f"EPSG:{epsg}",
        }
        out, seen = np.zeros(shape, np.float64), np.zeros(shape, np.uint8)
        mask = self.scene.mask.get(name, np.ones(values.shape, bool))
        reproject(values.astype(np.float64), out, resampling=self.resampling, **source)
        reproject(mask.astype(np.uint8), seen, resampling=Resampling.nearest, **source)
        return np.where(seen == 1, out, 0 if self.unmasked is None else self.unmasked)


class Refused(Exception):
    """An error of the request itself: status 400."""


class EarthEngineStandIn:
    """``with EarthEngineStandIn(collection, scenes) as server: server.url``"""

    def __init__(self, collection: str, scenes: list[Scene]) -> None:
        self.collection, self.scenes = collection, scenes
        self.calls: list[tuple[str, dict]] = []
        self.faults: list[tuple[int, str]] = []
        self.is_gone = False
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"standin": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> EarthEngineStandIn:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def called(self, method: str) -> list[dict]:
        return [body for name, body in self.calls if name == method]

    def fault(self, method: str, body: dict) -> tuple[int, str] | None:
        with self._lock:
            self.calls.append((method, body))
            return self.faults.pop(0) if self.faults else None

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

    def pixels(self, body: dict) -> bytes:
        """The answer of image:computePixels: an NPY of a structured array."""
        image, grid = self.compute(body["expression"]), body["grid"]
        assert body["fileFormat"] == "NPY"
        shape = (grid["dimensions"]["height"], grid["dimensions"]["width"])
        t = grid["affineTransform"]
        transform = Affine(t["scaleX"], t["shearX"], t["translateX"], t["shearY"], t["scaleY"], t["translateY"])
        out = np.zeros(shape, [(name, np.uint16) for name in image.names])
        for name in image.names:
            out[name] = np.rint(image.band(name, int(grid["crsCode"].split(":")[1]), transform, shape))
        file = io.BytesIO()
        np.save(file, out)
        return file.getvalue()

    # ------------------------------------------------------------------------------------- functions of the language
    def _function(self, name: str) -> Callable[..., object]:
        table = {
            "ImageCollection.load": self._load_collection,
            "Image.load": self._load_image,
            "Collection.filter": lambda collection, filter: [s for s in collection if filter(s)],
            "Filter.intersects": lambda leftField, rightValue, **_: lambda s: s.footprint.intersects(rightValue),
            "Filter.contains": lambda leftField, rightValue, **_: lambda s: s.footprint.contains(rightValue),
            "Filter.or": lambda filters: lambda s: any(f(s) for f in filters),
            "Filter.dateRangeContains": lambda leftValue, rightField: (
                lambda s: leftValue[0] <= s.time.replace(tzinfo=UTC) < leftValue[1]
            ),
            "DateRange": lambda start, end: (datetime.fromisoformat(start), datetime.fromisoformat(end)),
            "GeometryConstructors.Polygon": lambda coordinates, **_: Polygon(coordinates[0]),
            "ErrorMargin": lambda value, unit="meters": value,
            "Feature": lambda geometry, **_: geometry,
            "Reducer.toList": lambda tupleSize, numOptional=0: numOptional,
            "Collection.reduceColumns": _to_list,
            "Dictionary.get": lambda dictionary, key, **_: dictionary[key],
            "Image.select": _select,
            "Image.resample": lambda image, mode="bilinear": _changed(image, resampling=Resampling[mode]),
            "Image.constant": lambda value: value,
            "Image.unmask": lambda input, value, sameFootprint=True: _changed(input, unmasked=value),
            "Image.toUint16": lambda value: value,
        }
        if name not in table:
            raise Refused(f"stand-in: function {name} is not known")
        return table[name]

    def _load_collection(self, id: str) -> list[Scene]:
        if id != self.collection:
            raise Refused(
                f"ImageCollection.load: ImageCollection asset '{id}' not found (does not exist or caller does not have "
                "access)."
            )
        return self.scenes

    def _load_image(self, id: str) -> _Image:
        for scene in self.scenes:
            if id == f"{self.collection}/{scene.index}":
                return _Image(scene, tuple(scene.bands))
        raise Refused(f"Image.load: Image asset '{id}' not found (does not exist or caller does not have access).")


def _changed(image: _Image, **values: object) -> _Image:
    return _Image(**{**image.__dict__, **values})


def _select(input: _Image, bandSelectors: list[str]) -> _Image:
    for name in bandSelectors:
        if name not in input.names:
            raise Refused(f"Image.select: Band pattern '{name}' did not match any bands. Available: {input.names}")
    return _changed(input, names=tuple(bandSelectors))


def _to_list(collection: list[Scene], reducer: int, selectors: list[str]) -> dict[str, list]:
    """As the service does, rows whose non-optional columns are missing are dropped whole."""
    rows = [[s.properties.get(name) for name in selectors] for s in collection]
    needed = len(selectors) - reducer
    return {"list": [r for r in rows if all(v is not None for v in r[:needed])]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin: EarthEngineStandIn

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

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
        if path.endswith("/algorithms"):
            self._send(200, (_PACKAGE / "algorithms.json").read_bytes())
            return
        method = path.rpartition(":")[2]
        fault = self.standin.fault(method, body or {})
        if fault is not None:
            self._error(*fault)
            return
        try:
            if method == "compute":
                self._send(200, json.dumps({"result": self.standin.compute(body["expression"])}).encode())
            elif method == "computePixels":
                self._send(200, self.standin.pixels(body), "application/octet-stream")
            else:
                self._error(404, f"stand-in: {path}")
        except Refused as error:
            self._error(400, str(error))

    def _error(self, status: int, message: str) -> None:
        error = {"code": status, "message": message, "status": _REASONS.get(status, "INTERNAL")}
        self._send(status, json.dumps({"error": error}).encode())

    def _send(self, status: int, data: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Tests read ``calls`` instead of a log."""
