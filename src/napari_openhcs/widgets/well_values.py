"""What is known of each well: its state in the run, its conditions, its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Latest, listen, report_error
from napari_openhcs.widgets.style import escape, format_seconds

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.results import Results

__all__ = ["BY_STATE", "Choice", "WellValues", "measure_wells"]

BY_STATE = "state"
COUNT = "object count"
NOT_MEASURED = (
    "well", "field", "label", "z", "t", "orientation",
    "centroid_z", "centroid_y", "centroid_x",
    "bbox_top", "bbox_left", "bbox_bottom", "bbox_right",
)  # fmt: skip
"""Columns that say which object and where: their mean over a well tells nothing."""


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
        if session.state.results is not None:
            self._measure(session.state.results)

    @property
    def busy(self) -> bool:
        """Whether tables are being read."""
        return self._latest.busy

    def _measure(self, results: Results | None) -> None:
        if results is None:
            self._latest.cancel()
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
        found = [Choice(BY_STATE, "run state")]
        plate = self._session.plate
        if plate is not None:
            names = dict.fromkeys(name for item in plate.conditions.values() for name in item)
            found += [
                Choice(f"condition/{name}", name)
                for name in names
                if self.values(f"condition/{name}")
            ]
        return found + [Choice(f"measured/{name}", name) for name in self._measured]

    def first_measured(self) -> str:
        """Return the key of the first measured choice, the number of objects; empty without."""
        return next((f"measured/{name}" for name in self._measured), "")

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

    def tip(self, well: str, shown: str = "") -> str:
        """Return a well's tooltip: conditions, state, why it failed, what was measured.

        Parameters
        ----------
        well : str
        shown : str
            Key of the choice wells are coloured by; its value is told too.
        """
        state = self._session.state
        lines = [f"<b>{well}</b>"]
        if state.plate is not None:
            for name, value in state.plate.conditions.get(well, {}).items():
                lines.append(f"{escape(name)}: {escape(str(value))}")
        status = state.run.wells.get(well) if state.run is not None else None
        if status is not None:
            lines.append(f"{status.state}, {format_seconds(status.seconds)}")
            if status.message:
                lines.append(escape(status.message))
        for name, values in self._measured.items():
            if well in values and (name.endswith(COUNT) or name == shown.partition("/")[2]):
                lines.append(f"{escape(name)}: {values[well]:.4g}")
        return "<br>".join(lines)


def measure_wells(results: Results) -> dict[str, dict[str, float]]:
    """Return, for each table, the number of rows and the mean of each numeric column by well.

    The names begin with the table's where there are several.
    """
    import pyarrow as pa

    conditions = {name for item in results.conditions.values() for name in item}
    measured: dict[str, dict[str, float]] = {}
    for name in results.table_names:
        prefix = f"{name}: " if len(results.table_names) > 1 else ""
        table = results.table(name)
        columns = [
            column
            for column, kind in zip(table.column_names, table.schema.types, strict=True)
            if column not in NOT_MEASURED
            and column.removeprefix("condition_") not in conditions
            and (pa.types.is_integer(kind) or pa.types.is_floating(kind))
        ]
        summary: Any = table.group_by("well").aggregate(
            [([], "count_all"), *((column, "mean") for column in columns)]
        )
        rows = summary.to_pylist()
        counts = dict.fromkeys(results.wells, 0.0)
        counts.update({row["well"]: float(row["count_all"]) for row in rows})
        measured[f"{prefix}{COUNT}"] = counts
        for column in columns:
            means = {row["well"]: row[f"{column}_mean"] for row in rows}
            measured[f"{prefix}mean {column.replace('_', ' ')}"] = {
                well: float(mean) for well, mean in means.items() if mean is not None
            }
    return measured
