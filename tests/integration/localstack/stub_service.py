"""A service as the supervisor sees one: ready over HTTP on the port of its environment; SIGTERM ends it."""

from __future__ import annotations

import http.server
import os
import signal
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in {"/health/ready", "/health/live"} else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = (os.environ["DOCWARD_HTTP__HOST"], int(os.environ["DOCWARD_HTTP__PORT"]))
    print("serving as", os.environ["DOCWARD_SIGNING__KEY_ID"], flush=True)
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
