"""What browser tests share: the real app with places of its own, and one Chromium tab. Fixtures `app` and `tab` use it.

A browser test module says `pytestmark = browser.MARKS`. Such a test is tried a second time when it fails: on a busy
machine Chromium and the server stand still for seconds now and then. A fault fails twice; what was retried, and why, is
listed at the end of the report.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import REPOSITORY
from playwright.sync_api import Page, expect, sync_playwright

from seglib.data.demo import make_demo

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
SLOW_MS = 60_000  # a busy machine of two cores
expect.set_options(timeout=SLOW_MS)

MARKS = [
    pytest.mark.browser,
    pytest.mark.flaky(retries=1, delay=2),
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="no Chromium on this machine"),
]


@contextmanager
def running_app(home: Path) -> Iterator[str]:
    """Address of the real app, its places in `home` (`demo`: 12 pictures where there are none), ended at the end."""
    if not (home / "demo").exists():
        make_demo(home / "demo", n_images=12)
    port = free_port()
    server = serve(home, port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(home: Path, port: int) -> subprocess.Popen:
    """The server of an app with its places in `home`, when it answers; to be ended by the caller."""
    places = {"CHECKPOINTS": "checkpoints", "CACHE": "cache", "DATASETS": "datasets.json", "DEMO": "demo"}
    environment = {**os.environ, **{f"SEGLIB_{key}": str(home / name) for key, name in places.items()}}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    with (home / "server.log").open("ab") as log:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_server(server, f"http://127.0.0.1:{port}/_stcore/health", home / "server.log")
    except BaseException:
        server.kill()
        raise
    return server


def wait_for_server(server: subprocess.Popen, url: str, log: Path) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            assert server.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.2)
    pytest.fail(f"no answer within 60 s: {log.read_text(encoding='utf-8')}")


@contextmanager
def open_tab() -> Iterator[Page]:
    """A tab of 1440 × 1000 px; `tab.problems` collects the errors on the console of every page it visits."""
    assert CHROMIUM, "CI must have Chromium: see .ci/run"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(SLOW_MS)
        page.problems = []
        page.on("console", lambda m: page.problems.append(m.text) if is_problem(m) else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        browser.close()


def is_problem(message) -> bool:
    """Console errors but Streamlit's own: on a deep link it asks for `/PAGE/_stcore/…` and expects the 404."""
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


def visit(tab: Page, address: str) -> None:
    """Go there, wait until the page has settled, and hold that it shows no exception."""
    tab.goto(address)
    tab.wait_for_selector(SETTLED)
    assert tab.locator("[data-testid=stException]").count() == 0, tab.locator("[data-testid=stException]").inner_text()
