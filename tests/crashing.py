"""Kills within the test's own process: what the dead one had in memory is gone."""

import pytest

import store.crash_points
from store.crash_points import CRASH_AT, POINTS


class CrashError(BaseException):
    """Ends what runs, past every handler of ordinary errors."""


class Crashes:
    """Raises CrashError at the point that is armed, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(store.crash_points, "end_at", self._end)

    def arm(self, point: str) -> None:
        assert point in POINTS
        self._monkeypatch.setenv(CRASH_AT, point)

    def _end(self, point: str) -> None:
        self._monkeypatch.delenv(CRASH_AT)
        raise CrashError(point)
