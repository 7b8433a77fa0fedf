"""Process many items in parallel, in threads that never keep the process from ending."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

SMALL: Final = 512 * 1024
"""Average size of an item, in bytes, below which threads cost more in switching than they gain."""

T = TypeVar("T")
R = TypeVar("R")


def run_parallel(function: Callable[[T], R], items: Iterable[T], *, threads: int) -> list[R]:
    """Return ``function`` of every item, in order. After an exception, no further item is started.

    Threads are daemons, so Ctrl-C reaches the caller at once, and a thread that hangs on a socket does not
    keep the interpreter alive.
    """
    todo: SimpleQueue[tuple[int, T]] = SimpleQueue()
    done: SimpleQueue[tuple[int, R | None, BaseException | None]] = SimpleQueue()
    count = 0
    for count, item in enumerate(items, 1):
        todo.put((count - 1, item))
    if count <= 1 or threads <= 1:
        return [function(todo.get()[1]) for _ in range(count)]
    for _ in range(min(threads, count)):
        threading.Thread(target=_work, args=(function, todo, done), daemon=True).start()
    results: dict[int, R] = {}
    while len(results) < count:
        index, result, problem = done.get()
        if problem is not None:
            _drain(todo)
            raise problem
        results[index] = result  # type: ignore[assignment]
    return [results[index] for index in range(count)]


def ahead(function: Callable[[T], R], items: Iterable[T], *, threads: int) -> Iterator[R]:
    """Yield ``function`` of every item, in order. A thread makes the next one while the caller uses one.

    So two of them exist at a time. With one of ``threads`` each is made when it is asked for.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    todo: SimpleQueue[tuple[T] | None] = SimpleQueue()
    done: SimpleQueue[tuple[R | None, BaseException | None]] = SimpleQueue()
    threading.Thread(target=_work_ahead, args=(function, todo, done), daemon=True).start()
    waiting = 0
    try:
        for item in items:
            todo.put((item,))
            waiting += 1
            if waiting == 2:
                yield _result(done)
                waiting -= 1
        if waiting:
            yield _result(done)
    finally:
        todo.put(None)


def threads_for(sizes: Collection[int], most: int) -> int:
    """Return how many threads pay for reading and hashing items of these sizes in bytes, ``most`` at most."""
    return 1 if sum(sizes) < SMALL * len(sizes) else most


def batches(items: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Yield items in order, in lists of at most ``most`` in total size, or of one larger item."""
    batch: list[T] = []
    room = most
    for item in items:
        room -= size(item)
        if batch and room < 0:
            yield batch
            batch, room = [], most - size(item)
        batch.append(item)
    if batch:
        yield batch


def _work(
    function: Callable[[T], R],
    todo: SimpleQueue[tuple[int, T]],
    done: SimpleQueue[tuple[int, R | None, BaseException | None]],
) -> None:
    while True:
        try:
            index, item = todo.get_nowait()
        except Empty:
            return
        try:
            done.put((index, function(item), None))
        except BaseException as problem:  # noqa: BLE001  # raised again in the caller
            done.put((index, None, problem))


def _work_ahead(
    function: Callable[[T], R],
    todo: SimpleQueue[tuple[T] | None],
    done: SimpleQueue[tuple[R | None, BaseException | None]],
) -> None:
    while (item := todo.get()) is not None:
        try:
            done.put((function(*item), None))
        except BaseException as problem:  # noqa: BLE001  # raised again in the caller
            done.put((None, problem))


def _result(done: SimpleQueue[tuple[R | None, BaseException | None]]) -> R:
    result, problem = done.get()
    if problem is not None:
        raise problem
    return result  # type: ignore[return-value]


def _drain(todo: SimpleQueue[tuple[int, T]]) -> None:
    while not todo.empty():
        try:
            todo.get_nowait()
        except Empty:
            return
