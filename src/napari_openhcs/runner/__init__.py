"""Running a compiled plate: in the background, well by well, losing nothing.

Who calls whom::

    start_run(plan)                      handle.py    window, command line, script
      prepare the output, write plan     prepare.py   refuses what is not its own
      python -m napari_openhcs.runner    __main__.py  own session, no window, no socket
        Supervisor.run()                 supervisor.py  the only writer of events and of
          transition(state, event)       state.py       plate metadata; pure decisions
          executor                       executors/     one file an engine
            WellRunner                   worker.py      one well a task
              execute_well()             well.py        the steps of one well, in memory
              publish_well()             publish.py     stage, verify, rename, marker last
    read_status(output), stop_run()      follow.py    anybody, any time, from files alone

``events.jsonl`` holds exactly the events the supervisor's state machine saw, so whoever
reads it replays the same machine and comes to the same state.  Committed is what has a
marker; everything else is invisible.  ``tuning.py`` runs single wells in a warm
process of its own for previews, with the same ``well.py``.
"""

from __future__ import annotations

from napari_openhcs.runner.events import Event
from napari_openhcs.runner.follow import EventFollower, committed_wells, read_status, stop_run
from napari_openhcs.runner.handle import RunHandle, start_run
from napari_openhcs.runner.status import RunStatus, WellStatus

__all__ = [
    "Event",
    "EventFollower",
    "RunHandle",
    "RunStatus",
    "WellStatus",
    "committed_wells",
    "read_status",
    "start_run",
    "stop_run",
]
