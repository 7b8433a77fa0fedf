"""``python -m assurance [NAMES] [--quick] [--minutes N]``: exit status 1 if a promise did not hold."""

import argparse
import sys
from collections.abc import Callable

from assurance.faults import table

QUICK_MINUTES = 2.0
Run = Callable[[argparse.Namespace], int]


def faults(options: argparse.Namespace) -> int:
    """Commands that meet a fault at each call that writes."""
    stride = table.QUICK_STRIDE if options.quick else 1
    return table.run(stride=stride, scenes=options.scene, jobs=options.jobs)


def traffic(options: argparse.Namespace) -> int:
    """Long-running processes under honest and hostile traffic."""
    from assurance.traffic import table as grown

    return grown.run(QUICK_MINUTES if options.quick else options.minutes)


PARTS: dict[str, Run] = {"faults": faults, "traffic": traffic}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="dev.py soak", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a sample of each part")
    parser.add_argument("--minutes", type=float, default=60, metavar="N", help="traffic: how long [60]")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="faults: processes at once [2]")
    parser.add_argument(
        "--scene", action="append", default=[], metavar="COMMAND", help="faults: this command"
    )
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(PARTS)):
        parser.error(f"there is no part '{unknown[0]}'; there are {', '.join(PARTS)}")
    return max([PARTS[name](options) for name in options.names or PARTS])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
