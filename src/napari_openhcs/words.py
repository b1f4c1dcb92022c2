"""Numbers as people read them in sentences."""

from __future__ import annotations

__all__ = ["byte_size", "counted"]


def counted(number: int, word: str) -> str:
    """Return a number and a word in its right form: ``1 well``, ``1,200 wells``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def byte_size(count: float) -> str:
    """Return a number of bytes: ``512 B``, ``1.2 GB`` (thousands, not 1024s)."""
    size, units = max(count, 0.0), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    digits = 1 if units[0] != "B" and size < 99.95 else 0
    return f"{size:.{digits}f} {units[0]}"
