"""A web server of files on this machine, which can fail in the ways servers do; and zip archives for it."""

import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def archive(**members: bytes) -> bytes:
    """A zip archive; in names two underscores stand for a slash and `_dot_` for a point."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as contents:
        for name, data in members.items():
            contents.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return buffer.getvalue()


class FileServer:
    """Files by path; ``cut`` paths end half way, once for each time they stand there; ``asked`` is what was asked."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.cut: list[str] = []
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                outer.asked.append(path)
                if path not in outer.files:
                    self.send_error(404)
                    return
                body = outer.files[path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if path in outer.cut:
                    outer.cut.remove(path)
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                    return
                self.wfile.write(body)

            def log_message(self, *args):
                """Quiet."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                """A client that went away is no news."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
