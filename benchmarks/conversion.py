"""What converting between memory types costs, as a multiple of copying the same bytes.

``python benchmarks/conversion.py [--size 2048] [--repeats 20]``.  A ratio near 0 means that
memory is shared.  Pairs whose library is not installed are left out.  The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import permutations

import numpy as np

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.memory_types import MEMORY_TYPES, convert


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call after one that does not count."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def usable() -> list[str]:
    """Return the memory types that have a device here."""
    return [name for name, kind in MEMORY_TYPES.items() if kind.is_available() and kind.devices()]


def measure(plane: np.ndarray, repeats: int) -> dict[str, dict[str, object]]:
    """Return route and cost of every pair of memory types that is usable here."""
    copy = np.empty_like(plane)
    memcpy = median_seconds(lambda: np.copyto(copy, plane), repeats)
    found: dict[str, dict[str, object]] = {}
    for source, target in permutations(usable(), 2):
        pair = f"{source} -> {target}"
        try:
            array = convert(plane, "numpy", source).array
            route = convert(array, source, target).route
            seconds = median_seconds(lambda: convert(array, source, target), repeats)  # noqa: B023
        except OpenHCSError as error:
            found[pair] = {"refused": str(error)}
            continue
        found[pair] = {
            "route": route,
            "milliseconds": round(seconds * 1e3, 4),
            "ratio_to_memcpy": round(seconds / memcpy, 3),
        }
    found["memcpy"] = {"milliseconds": round(memcpy * 1e3, 4)}
    return found


def main() -> None:
    """Print a table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048, help="rows and columns of the plane, px")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    shape = (options.size, options.size)
    plane = np.random.default_rng(0).integers(0, 4096, shape, dtype="uint16")
    pairs = measure(plane, options.repeats)
    for pair, found in pairs.items():
        print(f"{pair:28}", *(f"{name} {value}" for name, value in found.items()), sep="  ")
    print(json.dumps({"size": options.size, "dtype": "uint16", "pairs": pairs}))


if __name__ == "__main__":
    main()
