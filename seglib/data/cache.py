"""SampleCache: the samples of a data set kept in memory up to a limit, so that no file is read twice while it fits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from seglib.data.sample import Sample

LIMIT_BYTES = 2 * 1024**3


class SampleCache:
    """`cache[i]` is `prepare(dataset.sample(i))`; the least recently used leave first. Threads may share it."""

    def __init__(
        self, dataset: Any, prepare: Callable[[Sample], Sample] = lambda sample: sample, limit: int = LIMIT_BYTES
    ):
        self.dataset, self.prepare, self.limit = dataset, prepare, limit
        self._samples: OrderedDict[int, Sample] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> Sample:
        with self._lock:
            if index in self._samples:
                self._samples.move_to_end(index)
                return self._samples[index]
        sample = self.prepare(self.dataset.sample(index))
        with self._lock:
            if index not in self._samples:
                self._samples[index] = sample
                self._bytes += _size(sample)
            while self._bytes > self.limit and len(self._samples) > 1:
                self._bytes -= _size(self._samples.popitem(last=False)[1])
        return sample

    def __getstate__(self) -> dict[str, Any]:
        """What a worker process receives: the recipe of the cache, not its pixels."""
        return dict(dataset=self.dataset, prepare=self.prepare, limit=self.limit)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)


def _size(sample: Sample) -> int:
    return sample.image.nbytes + sample.labels.nbytes + sample.valid.nbytes
