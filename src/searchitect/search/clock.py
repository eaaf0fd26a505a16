"""Time spent on a run, over all its sessions."""

import time


class Clock:
    """Seconds of work on a run.

    Args:
        spent: of earlier sessions.
    """

    def __init__(self, spent: float = 0.0) -> None:
        self._before = spent
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds since the run began, the time between its sessions not counted."""
        return self._before + time.monotonic() - self._began
