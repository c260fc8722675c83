"""TensorBoard as a child process on a loopback port, behind our own address: one port, one host check.

Started on first use, started again if it died, ended with the server: by `close`, and by the pipe that only the server
holds open where the server is killed (see tensorboard_child.py).
"""

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

from seglib.runs.detached import REPOSITORY, environment
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
            if self.process is not None:
                self._let_go()
            self.port = _free_port()
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env=environment(),
            )
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and self.process.poll() is None:
                with contextlib.suppress(requests.ConnectionError):
                    self.session.get(self._url(f"{PREFIX}/"), timeout=5)
                    return
                time.sleep(0.1)
            self._let_go()
            raise OSError("TensorBoard did not start; `python -m tensorboard.main --logdir checkpoints` says why.")

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "ui.tensorboard_child",
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
        """What TensorBoard answers; 502 and one line where it cannot."""
        passed = {key: value for key, value in headers.items() if key.lower() in ("content-type", "accept")}
        try:
            reply = self._ask(method, path + (f"?{query}" if query else ""), body, passed)
        except (OSError, requests.RequestException) as error:
            return PlainTextResponse(str(error), status_code=502)
        kept = {key: value for key, value in reply.headers.items() if key.lower() not in _DROPPED}
        return Response(reply.content, reply.status_code, kept)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        for last in (False, True):
            self.ensure()
            try:
                url = self._url(path)
                return self.session.request(method, url, data=body, headers=headers, timeout=30, allow_redirects=False)
            except requests.ConnectionError:  # it died between the two lines; a new one answers
                if last:
                    raise
        raise AssertionError("not reached")

    def close(self) -> None:
        """End it, for good or until the next request."""
        with self.lock:
            self._let_go()

    def _let_go(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
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
