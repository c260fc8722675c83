"""Kernel: one Python of this very environment that runs the cells. It needs no kernel to be registered, no terminal and
no network, and neither reads nor writes the person's own Jupyter and IPython folders."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets import default

from seglib.exceptions import InputError
from seglib.places import cache_root
from seglib.report.places import RUNS_AT
from seglib.runs import detached

CELL_TIMEOUT_S = 1800


class Stopped(Exception):
    """The person wants no more of it."""


class _Specs(KernelSpecManager):
    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        about = {"supported_encryption": ["curve"]}
        return KernelSpec(argv=argv, display_name="Python 3 (ipykernel)", language="python", metadata=about)


class _Manager(AsyncKernelManager):
    """Speaks with the kernel encrypted where the machine's ZeroMQ can; on this machine only, in any case."""

    @default("transport_encryption")
    def _encryption(self) -> str:
        return "auto"

    @default("kernel_spec_manager")
    def _own_specs(self) -> KernelSpecManager:
        return _Specs(parent=self)


@dataclass(frozen=True)
class Session:
    """cwd: the notebook's folder. runs: folders of the runs, told to the kernel and written nowhere."""

    cwd: Path
    runs: tuple[Path, ...] = ()

    @contextmanager
    def started(self, book: NotebookNode) -> Iterator[Callable[[NotebookNode, int], str]]:
        """execute(cell, index) runs one cell, fills its outputs and returns what it failed with, or ''."""
        with tempfile.TemporaryDirectory(prefix="seglib-") as private, _private(Path(private)) as ours:
            client = NotebookClient(
                book,
                timeout=CELL_TIMEOUT_S,
                kernel_name="python3",
                kernel_manager_class=_Manager,
                resources={"metadata": {"path": str(self.cwd)}},
                record_timing=False,
                shutdown_kernel="immediate",
            )
            environment = {**detached.environment(), **ours, RUNS_AT: os.pathsep.join(map(str, self.runs))}
            with ExitStack() as stack:
                try:
                    stack.enter_context(client.setup_kernel(env=environment))
                except RuntimeError as error:
                    raise InputError(f"no Python could be started to run the notebook: {error}.") from None
                yield lambda cell, index: _execute(client, cell, index)


def _execute(client: NotebookClient, cell: NotebookNode, index: int) -> str:
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        return f"it took longer than {CELL_TIMEOUT_S // 60} min"
    except DeadKernelError:
        raise InputError(f"the Python that runs the notebook died in cell {index + 1}: out of memory?") from None
    return ""


def failure(cell: NotebookNode, error: str) -> InputError:
    first = cell.source.strip().splitlines()[-1] if cell.source.strip() else ""
    return InputError(f"the report's cell `{first}` failed: {error}")


@contextmanager
def _private(folder: Path) -> Iterator[dict[str, str]]:
    """Variables that keep Jupyter and IPython in `folder`, set here too: the client reads them as well."""
    figures = cache_root() / "matplotlib"  # its list of fonts takes seconds to make, so it is kept
    figures.mkdir(parents=True, exist_ok=True)
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    ours = {name: str(folder / str(number)) for number, name in enumerate(names)}  # short: sockets lie there
    ours |= {
        "JUPYTER_NO_CONFIG": "1",
        "MPLCONFIGDIR": str(figures),
        "JUPYTER_PATH": "",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    for name in names:
        Path(ours[name]).mkdir()
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield ours
    finally:
        _restore(before.items())


def _restore(before: Iterable[tuple[str, Any]]) -> None:
    for name, value in before:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
