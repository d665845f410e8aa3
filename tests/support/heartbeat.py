"""Knows when this machine gave nobody a processor: a virtual one may stand still
for moments, or most of the time, and then what took long was no program's fault."""
import threading
import time


class Heartbeat(threading.Thread):
    TICK = 0.01

    def __init__(self):
        super().__init__(daemon=True)
        self.began = time.monotonic()
        self.gaps = []  # (start, end)
        self.halt = threading.Event()

    def run(self):
        last = time.monotonic()
        while not self.halt.is_set():
            time.sleep(self.TICK)
            now = time.monotonic()
            if now - last > 3 * self.TICK:
                self.gaps.append((last + self.TICK, now))
            last = now

    def lost(self, start, end):
        """Seconds between these two."""
        return sum(self.within(start, end))

    def longest(self, start, end):
        """Seconds of the longest gap between these two."""
        return max(self.within(start, end), default=0)

    def within(self, start, end):
        return [max(0, min(end, b) - max(start, a)) for a, b in list(self.gaps)]

    def stop(self):
        self.halt.set()
        self.join()
