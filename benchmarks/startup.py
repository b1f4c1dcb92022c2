"""What listing every function costs in a fresh process.

``python benchmarks/startup.py [--functions 900] [--repeats 11] [--peer-python PYTHON]``.
Each figure is the median of fresh processes, with compiled modules in a cache of their own,
as they are after an installation; the bare interpreter is timed in turn with the others.
``_cpu_s`` is processor time, which other work on the machine lengthens less.
``--functions`` fills the catalogues up with copies, in a temporary folder.
``--peer-python`` is the Python of an environment with OpenHCS: its import and its registry
are timed once with an empty and then with a filled cache.  The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from napari_openhcs.functions.catalogue import CATALOGUES

BARE = "pass"
IMPORT = "import napari_openhcs.functions.registry"
LISTED = """
import sys
import napari_openhcs.functions.catalogue as catalogue
from pathlib import Path
catalogue.CATALOGUES = Path(sys.argv[1])
from napari_openhcs.functions.registry import specs
print(sum(bool(spec.summary) for spec in specs().values()))
heavy = {"numpy", "scipy", "skimage", "torch", "jax", "cupy", "kornia", "pyclesperanto", "dask"}
print(*sorted(heavy & set(sys.modules)))
"""

PEER_SERVICE = "openhcs.processing.backends.lib_registry.registry_service"
PEER_IMPORT = f"import {PEER_SERVICE}"
PEER_LISTED = f"""
from {PEER_SERVICE} import RegistryService
if __name__ == "__main__":
    print(len(RegistryService.get_all_functions_with_metadata()))
"""


@dataclass(frozen=True)
class Taken:
    """What a fresh process took and printed."""

    seconds: float
    cpu_seconds: float
    printed: str


def run(python: str, code: str, *arguments: str, environment: dict[str, str]) -> Taken:
    """Run code in a fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [python, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(seconds, cpu, done.stdout)


def padded(folder: Path, wanted: int) -> Path:
    """Write our catalogues into `folder`, filled up with copies to `wanted` functions."""
    documents = {path: msgspec.json.decode(path.read_bytes()) for path in CATALOGUES.glob("*.json")}
    missing = wanted - sum(len(document["functions"]) for document in documents.values())
    copies = 0
    while missing > 0:
        copies += 1
        for document in documents.values():
            for function in [item for item in document["functions"] if "~" not in item["id"]]:
                if missing > 0:
                    name = f"{function['id']}~{copies}"
                    document["functions"].append({**function, "id": name})
                    document["signatures"][name] = document["signatures"][function["id"]]
                    missing -= 1
    for path, document in documents.items():
        text = msgspec.json.format(msgspec.json.encode(document), indent=1)
        (folder / path.name).write_bytes(text)
    return folder


def measure(catalogues: Path, repeats: int, environment: dict[str, str]) -> dict[str, object]:
    """Time the bare interpreter, the import and the listing in turn."""
    calls = {"bare": (BARE,), "import": (IMPORT,), "listed": (LISTED, str(catalogues))}
    taken: dict[str, list[Taken]] = {name: [] for name in calls}
    for number in range(repeats + 1):
        for name, call in calls.items():
            one = run(sys.executable, *call, environment=environment)
            # The first round fills the cache of compiled modules.
            if number:
                taken[name].append(one)
    count, _, heavy = taken["listed"][0].printed.partition("\n")
    wall = {key: statistics.median(item.seconds for item in found) for key, found in taken.items()}
    cpu = {
        key: statistics.median(item.cpu_seconds for item in found) for key, found in taken.items()
    }
    return {
        "functions": int(count),
        "libraries_imported": heavy.split(),
        "bare_s": round(wall["bare"], 4),
        "import_above_bare_s": round(wall["import"] - wall["bare"], 4),
        "listed_above_bare_s": round(wall["listed"] - wall["bare"], 4),
        "listed_above_bare_cpu_s": round(cpu["listed"] - cpu["bare"], 4),
        "listed_ratio_to_bare": round(wall["listed"] / wall["bare"], 2),
    }


def measure_peer(python: str, environment: dict[str, str]) -> dict[str, object]:
    """Time OpenHCS's import and registry; its caches lie in a folder of their own."""
    with tempfile.TemporaryDirectory() as home:
        fresh = {**environment, "HOME": home, "XDG_DATA_HOME": home, "OPENHCS_CPU_ONLY": "1"}
        run(python, PEER_IMPORT, environment=fresh)
        bare, imported, cold, cached = (
            run(python, code, environment=fresh)
            for code in (BARE, PEER_IMPORT, PEER_LISTED, PEER_LISTED)
        )
    return {
        "functions": int(cached.printed.split()[-1]),
        "import_above_bare_s": round(imported.seconds - bare.seconds, 2),
        "cold_above_bare_s": round(cold.seconds - bare.seconds, 2),
        "cached_above_bare_s": round(cached.seconds - bare.seconds, 2),
    }


def main() -> None:
    """Print a table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=int, default=0, help="fill up to so many")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--peer-python", help="Python of an environment that has OpenHCS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPYCACHEPREFIX": str(Path(folder, "compiled")),
        }
        (catalogues := Path(folder, "catalogues")).mkdir()
        padded(catalogues, options.functions)
        found = {"ours": measure(catalogues, options.repeats, environment)}
        if options.peer_python:
            found["peer"] = measure_peer(options.peer_python, environment)
    for side, figures in found.items():
        for name, value in figures.items():
            print(f"{side:5} {name:22} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
