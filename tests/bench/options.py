"""What a run may be told: how much of the full size, and how large a bulk."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """The sizes of a run. scale below 1 only shows that a part works: its figures mean nothing."""

    scale: float = 1.0
    bulk: int = 500

    def sized(self, full: int, least: int = 1) -> int:
        """Return this share of the full size, at least `least`."""
        return max(least, round(full * self.scale))
