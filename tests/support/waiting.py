"""Waiting for what is to come, no longer than it may take."""
import time

from support.heartbeat import Heartbeat

STEP = 0.02
beat = None


def wait(condition, seconds=20, what="it"):
    """What condition() gives once that is true.  The time in which the machine gave
    nobody a processor does not count, and as much again is for what it delayed."""
    global beat
    if beat is None:
        beat = Heartbeat()
        beat.start()
    start = time.monotonic()
    while not (found := condition()):
        now = time.monotonic()
        spent = now - start - 2 * beat.lost(start, now)
        assert spent < seconds, f"not within {seconds} s: {what}"
        time.sleep(STEP)
    return found
