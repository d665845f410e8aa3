"""Callers that never stop asking, and a relying party that verifies it all."""
import json
import os
import subprocess
import threading
import time

from support.node import BUILD, die_with_parent
from support.wire import Wire, frame, parse

DEADLINE_MS = 900


class Caller(threading.Thread):
    """One application at one node, one request at a time."""

    def __init__(self, node, op, fields, sink=None, expect=None, pause=0.02):
        super().__init__(daemon=True)
        self.node, self.op, self.fields = node, op, list(fields.items())
        self.sink, self.expect, self.pause = sink, expect, pause
        self.done = []  # (start, seconds, error)
        self.wrong = []
        self.halt = threading.Event()

    def run(self):
        wire = None
        while not self.halt.is_set():
            start = time.monotonic()
            try:
                wire = wire or Wire(self.node.url, timeout=5)
                wire.send(frame(self.op, self.fields, deadline=DEADLINE_MS))
                error, answer, _ = parse(wire.receive()[1])
                self.check(error, answer)
            except OSError as lost:
                error, wire = f"LOST {type(lost).__name__}", None
            self.done.append((start, time.monotonic() - start, error))
            self.halt.wait(self.pause)
        if wire:
            wire.socket.close()

    def check(self, error, answer):
        if error != "OK":
            return
        if self.sink and "TOKEN" in answer:
            self.sink(answer["TOKEN"].decode())
        if self.expect is not None and answer.get("DATA") != self.expect:
            self.wrong.append(answer)

    def stop(self):
        self.halt.set()
        self.join(10)

    def between(self, since, until=None):
        return [d for d in self.done if d[0] >= since and (until is None or d[0] <= until)]


class RelyingParty:
    """npm jose with createRemoteJWKSet against one node, on that node's host."""

    def __init__(self, node, url):
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", node.namespace, "node",
             os.path.join(BUILD, "npm", "verifier.mjs"), url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)

    def __call__(self, token):
        with self.lock:
            self.process.stdin.write(token + "\n")

    def result(self):
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)
