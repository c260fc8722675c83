"""TensorBoard as a child process on a loopback port, behind our own address: one port, one host check."""

from __future__ import annotations

import atexit
import contextlib
import socket
import subprocess
import sys
import threading
import time

import requests
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from seglib.runs.store import checkpoints_root

PREFIX = "/tensorboard"
_DROPPED = {
    "content-encoding",
    "transfer-encoding",
    "connection",
    "content-length",
    "server",
    "date",
    "content-security-policy",
}


class TensorBoard:
    """Started on first use, restarted if it died, stopped with the server."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.port = 0
        self.lock = threading.Lock()
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy of the environment must not see loopback traffic

    def ensure(self) -> None:
        """Start it and wait until it answers, at most 30 s. Raises OSError if it does not."""
        with self.lock:
            if self.process is not None and self.process.poll() is None:
                return
            self.port = _free_port()
            self.process = subprocess.Popen(
                self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
            )
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and self.process.poll() is None:
                with contextlib.suppress(requests.ConnectionError):
                    self.session.get(self._url(f"{PREFIX}/"), timeout=5)
                    return
                time.sleep(0.1)
            raise OSError("TensorBoard did not start; `python -m tensorboard.main --logdir checkpoints` says why.")

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "tensorboard.main",
            "--logdir",
            str(checkpoints_root()),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--path_prefix",
            PREFIX,
            "--reload_interval",
            "5",
        ]

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> Response:
        try:
            self.ensure()
            passed = {key: value for key, value in headers.items() if key.lower() in ("content-type", "accept")}
            url = self._url(path) + (f"?{query}" if query else "")
            reply = self.session.request(method, url, data=body, headers=passed, timeout=30, allow_redirects=False)
        except (OSError, requests.RequestException) as error:
            return PlainTextResponse(str(error), status_code=502)
        kept = {key: value for key, value in reply.headers.items() if key.lower() not in _DROPPED}
        return Response(reply.content, reply.status_code, kept)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


BOARD = TensorBoard()
atexit.register(BOARD.close)


async def proxy(request: Request) -> Response:
    from starlette.concurrency import run_in_threadpool

    arguments = (request.method, request.url.path, request.url.query, await request.body(), dict(request.headers))
    return await run_in_threadpool(BOARD.answer, *arguments)


@contextlib.asynccontextmanager
async def lifespan(app):
    """TensorBoard ends with the server."""
    try:
        yield {}
    finally:
        BOARD.close()


ROUTE = Route(PREFIX + "/{path:path}", proxy, methods=["GET", "POST"])
