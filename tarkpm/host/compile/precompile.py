"""Compilation during `add` and `sync`, so that the first call does not wait for it."""

import os
import threading
from collections.abc import Callable, Iterable

from tarkpm.errors import HostError
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.image import PluginImage
from tarkpm.host.limits import Limits
from tarkpm.host.worker.settings import BIG_MODULE
from tarkpm.host.worker_handle import check_image

Progress = Callable[[PluginImage, HostError | None], None]
"""Called once for each plugin, with its error if there is one; from any thread, one call at a time."""


def precompile(
    images: Iterable[PluginImage],
    cache: CompileCache,
    limits: Limits | None = None,
    *,
    progress: Progress | None = None,
    jobs: int = 0,
) -> dict[str, HostError]:
    """Compile plugins into the cache. Returns the errors of those that cannot be compiled, by name.

    Small modules are compiled ``jobs`` at a time (0: the number of processors), big ones one by one, because
    each of them uses all processors.
    """
    work = _Work(cache, limits or Limits(), progress)
    todo = list({image.sha256 or image.wasm: image for image in images}.values())
    big = [image for image in todo if len(image.wasm) >= BIG_MODULE]
    small = [image for image in todo if len(image.wasm) < BIG_MODULE]
    work.run(small, jobs or os.cpu_count() or 1)
    work.run(big, 1)
    return work.failed


class _Work:
    def __init__(self, cache: CompileCache, limits: Limits, progress: Progress | None) -> None:
        self._cache = cache
        self._limits = limits
        self._progress = progress
        self._lock = threading.Lock()
        self.failed: dict[str, HostError] = {}

    def run(self, images: list[PluginImage], jobs: int) -> None:
        """Process a list with several threads. Raises what `progress` raises."""
        rest = iter(images)
        faults: list[BaseException] = []

        def take() -> None:
            while not faults:
                with self._lock:
                    image = next(rest, None)
                if image is None:
                    return
                try:
                    self._one(image)
                except BaseException as problem:  # noqa: BLE001  # raised again in the caller's thread
                    faults.append(problem)

        threads = [threading.Thread(target=take) for _ in range(min(jobs, len(images)) - 1)]
        for thread in threads:
            thread.start()
        take()
        for thread in threads:
            thread.join()
        if faults:
            raise faults[0]

    def _one(self, image: PluginImage) -> None:
        problem = None
        try:
            check_image(image)
            with self._cache.get(image, self._limits):
                pass
        except HostError as found:
            problem = found
        with self._lock:
            if problem is not None:
                self.failed[image.name] = problem
            if self._progress is not None:
                self._progress(image, problem)
