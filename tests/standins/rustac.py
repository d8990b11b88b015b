"""A true STAC API on the loopback: the server of the `rustac` wheel (https://pypi.org/project/rustac)."""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path


def binary() -> str | None:
    """The server's command, if it is installed: beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "rustac"
    return str(beside) if beside.is_file() else shutil.which("rustac")


class Rustac:
    """``with Rustac(folder, items, public): .url``; its links begin with ``public``, the address clients go to."""

    def __init__(self, folder: Path, items: list[dict], public: str) -> None:
        file = folder / "served.json"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            binary(), "serve", "-a", public, "-b", f"127.0.0.1:{port}",
            "--use-duckdb", "false", "--create-collections", str(file),
        ]  # fmt: skip
        self._port = port

    def __enter__(self) -> "Rustac":
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(200):
            if self._process.poll() is not None:
                raise RuntimeError(self._process.stderr.read().decode())
            try:
                socket.create_connection(("127.0.0.1", self._port), 0.2).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("rustac does not answer")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()
