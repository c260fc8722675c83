"""What tests share: real images where they are, a tiny data set where they are not, and one thread for torch."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
REPOSITORY = Path(__file__).resolve().parents[1]


def real_data(name: str) -> Path:
    """A folder of real images, or a skip that says where they were looked for."""
    root = Path(os.environ.get("YEAST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (root / name / "dataset.csv").exists():
        pytest.skip(f"no real images: {root / name} is absent (set YEAST_DATA)")
    return root / name


def draw_discs(rng: np.random.Generator, size: int = 48, n_cells: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """(size, size) uint8 image of bright discs on grey, and their labels, uint8."""
    labels = np.zeros((size, size), np.uint8)
    for number in range(1, n_cells + 1):
        center = tuple(int(v) for v in rng.integers(6, size - 6, 2))
        cv2.circle(labels, center, int(rng.integers(3, 7)), number, -1)
    image = 90 + 80.0 * (labels > 0) + rng.normal(0, 6, labels.shape)
    return np.clip(image, 0, 255).astype(np.uint8), labels


def make_disc_data(folder: Path, n_train: int = 4, n_val: int = 2, size: int = 48) -> Path:
    """A data set of disc pictures with a dataset.csv; every picture is its own group."""
    rng = np.random.default_rng(0)
    rows = ["image,mask,group,split"]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(n_train + n_val):
        image, labels = draw_discs(rng, size)
        for kind, pixels in (("images", image), ("masks", labels)):
            (folder / kind / f"d{number}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        rows.append(f"images/d{number}.png,masks/d{number}.png,g{number},{'train' if number < n_train else 'val'}")
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def discs(tmp_path) -> Path:
    return make_disc_data(tmp_path / "discs")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Torch is imported by many tests; more threads than cores would only make them slow."""
    cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[str]:
    """Address of the real app with places of its own."""
    from browser import running_app

    with running_app(tmp_path_factory.mktemp("browser")) as address:
        yield address


@pytest.fixture(scope="module")
def tab(app):
    """One browser tab; errors on the console of any page fail the test that looks at `tab.problems`."""
    from browser import open_tab

    with open_tab() as page:
        yield page
