"""A server on this machine that serves a file and then stops answering, as a network drive does that is gone."""

import http.server
import os
import pathlib
import threading

import pytest


class SlowServer:
    """Serves a file by HTTP and stops answering after some bytes.

    Attributes:
        most: so many bytes are served.
        waiting: set once somebody waits for an answer that does not come.
        name: dataset name of the file.
    """

    def __init__(self, path, most):
        content = pathlib.Path(path).read_bytes()
        self.stopped, self.waiting = threading.Event(), threading.Event()
        self.most = most
        served, server = [0], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                """Silent."""

            def do_HEAD(self):
                if server.most == 0:
                    server.waiting.set()
                    server.stopped.wait(600)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Accept-Ranges", "bytes")
                self.end_headers()

            def do_GET(self):
                first, last = self.headers.get("Range", f"bytes=0-{len(content)}")[6:].split("-")
                part = content[int(first) : int(last) + 1]
                if served[0] + len(part) > server.most:
                    server.waiting.set()
                    server.stopped.wait(600)
                    return
                served[0] += len(part)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(part)))
                self.end_headers()
                self.wfile.write(part)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.name = f"/vsicurl/http://127.0.0.1:{self.http.server_port}/{os.path.basename(path)}"

    def close(self):
        self.stopped.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def serve():
    """Start a server that stops answering after so many bytes."""
    started = []

    def go(path, most):
        started.append(SlowServer(path, most))
        return started[-1]

    from osgeo import gdal

    gdal.SetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    gdal.SetConfigOption("CPL_VSIL_CURL_CHUNK_SIZE", "16384")
    yield go
    for server in started:
        server.close()
    gdal.SetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", None)
    gdal.SetConfigOption("CPL_VSIL_CURL_CHUNK_SIZE", None)
    gdal.VSICurlClearCache()
