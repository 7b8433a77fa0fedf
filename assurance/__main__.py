"""``python3 dev.py soak [NAMES]``: all parts, or the named ones; exit status 1 if a promise did not hold."""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from assurance.faults import table as faulty
from assurance.faults.scenes import SCENES
from assurance.growth import curves
from assurance.growth.shapes import SHAPES
from assurance.traffic import table as grown

QUICK_MINUTES = 2.0
Run = Callable[[argparse.Namespace], int]


def faults(options: argparse.Namespace) -> int:
    """Commands that meet a fault at each call that writes."""
    stride = faulty.QUICK_STRIDE if options.quick else 1
    return faulty.run(stride=stride, scenes=options.scene, jobs=options.jobs)


def traffic(options: argparse.Namespace) -> int:
    """Long-running processes under honest and hostile traffic."""
    return grown.run(QUICK_MINUTES if options.quick else options.minutes)


def growth(options: argparse.Namespace) -> int:
    """The cost of commands by the number of plugins."""
    return curves.run(most=curves.QUICK if options.quick else options.most, shapes=options.shape)


PARTS: dict[str, Run] = {"faults": faults, "traffic": traffic, "growth": growth}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)  # a killed run, too, ends what it started
    try:
        return max([PARTS[name](options) for name in options.names or PARTS])
    except KeyboardInterrupt:
        return 130


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py soak", description="Show what takes too long for CI.")
    parser.add_argument("names", nargs="*", metavar="NAME", type=_part, help=f"any of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a sample of each part")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="faults: processes at once [2]")
    parser.add_argument(
        "--scene", action="append", default=[], choices=SCENES, metavar="COMMAND", help="faults: this command"
    )
    parser.add_argument("--minutes", type=float, default=60, metavar="N", help="traffic: how long [60]")
    parser.add_argument("--most", type=int, default=1_000, metavar="N", help="growth: plugins at most [1000]")
    parser.add_argument(
        "--shape", action="append", default=[], choices=SHAPES, help="growth: where the plugins come from"
    )
    return parser


def _part(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"there is no part '{name}'")
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
