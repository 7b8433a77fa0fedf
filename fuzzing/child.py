"""``python -m fuzzing.child MODULE TARGET [options and folders of libFuzzer]``: one target, with coverage.

This is a process of its own: libFuzzer ends it by a signal, and only what is imported here is instrumented.
"""

import importlib
import sys

import atheris


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer's time is over, or an input breaks the property."""
    module, name, *rest = arguments
    with atheris.instrument_imports(include=["tarkpm", "tomllib", "tuf"]):
        found = importlib.import_module(module)
    target = next(one for one in found.TARGETS if one.name == name)
    atheris.Setup([sys.argv[0], *rest], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
