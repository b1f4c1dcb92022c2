"""What is known of each well: its state in the run, its conditions, its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Latest, listen, report_error
from napari_openhcs.widgets.style import escape

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.results import Results

__all__ = ["BY_STATE", "Choice", "WellValues"]

BY_STATE = "state"
NOT_MEASURED = ("well", "field", "label", "z", "t")


@dataclass(frozen=True)
class Choice:
    """Something wells can be coloured by."""

    key: str
    title: str


class WellValues(QObject):
    """Values of the wells of a session's plate, fresh as runs go on and results open.

    Attributes
    ----------
    changed : Signal
        The choices, or their values, are others now.
    """

    changed = Signal()

    def __init__(self, session: Session, owner: QObject) -> None:
        super().__init__(owner)
        self._session = session
        self._latest = Latest(self, delay_ms=50)
        self._measured: dict[str, dict[str, float]] = {}
        listen(self, session.results_changed, self._measure)
        listen(self, session.plate_changed, lambda _: self._forget())
        if session.state.results is not None:
            self._measure(session.state.results)

    def _forget(self) -> None:
        self._measured = {}

    def _measure(self, results: Results | None) -> None:
        if results is None:
            self._measured = {}
            self.changed.emit()
            return
        self._latest.request(
            lambda: measure_wells(results),
            self._measured_now,
            lambda error: report_error(self._session, error),
        )

    def _measured_now(self, measured: dict[str, dict[str, float]]) -> None:
        self._measured = measured
        self.changed.emit()

    def choices(self) -> list[Choice]:
        """Return what there is to colour by: state, numeric conditions, measured columns."""
        found = [Choice(BY_STATE, "State of the run")]
        plate = self._session.plate
        if plate is not None:
            names = dict.fromkeys(name for item in plate.conditions.values() for name in item)
            found += [
                Choice(f"condition/{name}", f"Condition: {name}")
                for name in names
                if self.values(f"condition/{name}")
            ]
        return found + [Choice(f"measured/{name}", name) for name in self._measured]

    def values(self, key: str) -> dict[str, float]:
        """Return the value of each well that has one."""
        kind, _, name = key.partition("/")
        if kind == "measured":
            return self._measured.get(name, {})
        plate = self._session.plate
        conditions = plate.conditions if plate is not None else {}
        return {
            well: float(item[name])
            for well, item in conditions.items()
            if isinstance(item.get(name), int | float)
        }

    def states(self) -> dict[str, str]:
        """Return the state of each well of the plate in the run that is followed."""
        plate, run = self._session.plate, self._session.state.run
        if plate is None:
            return {}
        known = run.wells if run is not None else {}
        return {well: str(known[well].state) if well in known else "idle" for well in plate.wells}

    def tip(self, well: str) -> str:
        """Return a well's tooltip: conditions, state, why it failed, what was measured."""
        state = self._session.state
        lines = [f"<b>{well}</b>"]
        if state.plate is not None:
            for name, value in state.plate.conditions.get(well, {}).items():
                lines.append(f"{escape(name)}: {escape(str(value))}")
        status = state.run.wells.get(well) if state.run is not None else None
        if status is not None:
            lines.append(f"{status.state}, {status.seconds:.1f} s")
            if status.message:
                lines.append(escape(status.message))
        for name, values in list(self._measured.items())[:8]:
            if well in values:
                lines.append(f"{escape(name)}: {values[well]:.4g}")
        return "<br>".join(lines)


def measure_wells(results: Results) -> dict[str, dict[str, float]]:
    """Return, for each table, the number of rows and the mean of each numeric column by well."""
    import pyarrow as pa

    measured: dict[str, dict[str, float]] = {}
    for name in results.table_names:
        table = results.table(name)
        counts = dict.fromkeys(results.wells, 0.0)
        grouped = table.group_by("well")
        columns = [
            column
            for column, kind in zip(table.column_names, table.schema.types, strict=True)
            if column not in NOT_MEASURED
            and column not in _conditions(results)
            and (pa.types.is_integer(kind) or pa.types.is_floating(kind))
        ]
        summary: Any = grouped.aggregate([([], "count_all"), *((c, "mean") for c in columns)])
        rows = summary.to_pylist()
        counts.update({row["well"]: float(row["count_all"]) for row in rows})
        measured[f"{name}: count"] = counts
        for column in columns:
            measured[f"{name}: mean {column}"] = {
                row["well"]: float(row[f"{column}_mean"])
                for row in rows
                if row[f"{column}_mean"] is not None
            }
    return measured


def _conditions(results: Results) -> set[str]:
    return {name for item in results.conditions.values() for name in item}
