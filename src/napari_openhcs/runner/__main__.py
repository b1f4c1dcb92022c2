"""``python -m napari_openhcs.runner RUN_FOLDER``: the supervisor of one run.

It is started in a session of its own, reads ``plan.json`` and writes ``events.jsonl`` in
RUN_FOLDER (``<output>/.openhcs``), and listens on no socket.  Exit status: 0 all wells
done, 1 the run failed, 2 refused, 130 stopped.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.runner.supervisor import Supervisor


def main(arguments: list[str]) -> int:
    """Run the plan in the folder that is the only argument."""
    if len(arguments) != 1:
        print("usage: python -m napari_openhcs.runner RUN_FOLDER", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return Supervisor(Path(arguments[0])).run()
    except (OpenHCSError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    status = main(sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a thread that hangs in a function (executor 'threads') would keep it alive.
    os._exit(status)
