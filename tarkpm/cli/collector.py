"""The cyclic garbage collector, which `entry.start` turns off, for commands that run for long."""

import gc


def collect_garbage() -> None:
    """Turn the collector on. What was made before is never looked at: it is modules, which stay.

    Without that the first collection would take 8 ms, a tenth of a `call`.
    """
    gc.freeze()
    gc.enable()
