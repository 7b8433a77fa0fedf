"""Exponents of what commands cost, as a table and as pictures: ``dev.py soak growth [--most 10000]``."""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from assurance import ROOT, SUPPORT
from assurance.faults.table import in_memory
from assurance.growth.counting import Cost
from assurance.growth.shapes import SHAPES

SIZES: Final = (10, 32, 100, 316, 1_000, 3_162, 10_000)
QUICK: Final = 316
BOUND: Final = 1.15
"""The largest exponent of the number of function calls."""

FLAT: Final = 0.02
"""A command whose cost differs by less than this part between the two largest sizes does not grow."""

PICTURES: Final = ROOT / "build" / "growth"


def run(*, most: int, shapes: Sequence[str] = ()) -> int:
    """Print the table, write build/growth; returns 1 if an exponent is over the bound."""
    sizes = [size for size in SIZES if size <= most]
    costs: list[Cost] = []
    for shape in shapes or SHAPES:
        for size in sizes:
            print(f"{shape}: {size:,} plugins", file=sys.stderr, flush=True)
            costs += measure(shape, size)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "costs.json").write_text(json.dumps(msgspec.to_builtins(costs), indent=1))
    print("\n".join(lines(costs)))
    draw(costs)
    return int(any(growth > BOUND for growth in exponents(costs).values()))


def measure(shape: str, size: int) -> list[Cost]:
    """Measure all commands on a project of one size, in a program of its own."""
    with tempfile.TemporaryDirectory(prefix="tarkpm-growth-", dir=in_memory()) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "assurance.growth.counting", folder, shape, str(size)],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "PYTHONPATH": f"{ROOT}{os.pathsep}{SUPPORT}",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return [Cost(**json.loads(line)) for line in done.stdout.splitlines()]


def curves(costs: Sequence[Cost]) -> Mapping[tuple[str, str], list[Cost]]:
    """The costs of each command on each shape, by size."""
    found: dict[tuple[str, str], list[Cost]] = {}
    for cost in sorted(costs, key=lambda cost: cost.size):
        found.setdefault((cost.shape, cost.verb), []).append(cost)
    return found


def exponents(costs: Sequence[Cost]) -> dict[tuple[str, str], float]:
    """The exponents of the number of calls, of the commands that were measured at three sizes."""
    return {
        key: exponent([(cost.size, cost.calls) for cost in curve])
        for key, curve in curves(costs).items()
        if len(curve) > 2
    }


def exponent(points: Sequence[tuple[int, float]]) -> float:
    """The exponent p of ``a + b * size ** p`` through the last three points, of geometric sizes.

    Differences of costs do not contain ``a``: what every command costs does not hide how it grows.
    """
    (_, first), (size, second), (largest, third) = points[-3:]
    if third - second < FLAT * third or second <= first:
        return 0.0
    return math.log((third - second) / (second - first)) / math.log(largest / size)


def lines(costs: Sequence[Cost]) -> Iterator[str]:
    """Yield the table: the costs of each command at the largest size, and the exponent of the calls."""
    growth = exponents(costs)
    yield f"{'shape':<18} {'command':<20} {'plugins':>8} {'calls':>13} {'seconds':>8} {'peak':>9}  exponent"
    for key, curve in curves(costs).items():
        last, power = curve[-1], growth.get(key)
        shown = "" if power is None else f"{power:.2f}{'  OVER' if power > BOUND else ''}"
        memory = f"{last.peak / (1 << 20):.0f} MiB"
        yield (
            f"{last.shape:<18} {last.verb:<20} {last.size:>8,} {last.calls:>13,} {last.seconds:>8.2f} "
            f"{memory:>9}  {shown}"
        )
    over = [f"{verb} ({shape})" for (shape, verb), power in growth.items() if power > BOUND]
    yield f"\nverdict: {'OVER: ' + ', '.join(over) if over else f'every exponent is at most {BOUND}'}"


def draw(costs: Sequence[Cost]) -> None:
    """Write a picture for each shape: calls, seconds and memory by the number of plugins."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no pictures: matplotlib is not installed (the extra `soak`)", file=sys.stderr)
        return
    for shape in dict.fromkeys(cost.shape for cost in costs):
        figure, axes = plt.subplots(1, 3, figsize=(15, 5))
        for (of, verb), curve in curves(costs).items():
            if of != shape:
                continue
            sizes = [cost.size for cost in curve]
            axes[0].loglog(sizes, [cost.calls for cost in curve], marker=".", label=verb)
            axes[1].loglog(sizes, [cost.seconds for cost in curve], marker=".", label=verb)
            axes[2].loglog(sizes, [cost.peak / (1 << 20) for cost in curve], marker=".", label=verb)
        for axis, title in zip(axes, ("function calls", "seconds", "MiB at the peak"), strict=True):
            axis.set(title=title, xlabel="plugins")
            axis.grid(visible=True, alpha=0.3)
        axes[0].legend(fontsize="small")
        figure.suptitle(f"plugins from {shape}")
        figure.tight_layout()
        figure.savefig(PICTURES / f"{shape.replace(' ', '-')}.png", dpi=100)
        plt.close(figure)
