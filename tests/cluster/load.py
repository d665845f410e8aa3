"""Callers that never stop asking, and a relying party that verifies it all."""
import base64
import json
import os
import subprocess
import threading
import time

from support.node import BUILD, die_with_parent
from support.wire import Wire, frame, parse

DEADLINE_MS = 4000  # far above the longest wait that is allowed


class Caller(threading.Thread):
    """One application at one node, one request at a time."""

    def __init__(self, node, op, fields, sink=None, expect=None, pause=0.02, is_far=False):
        super().__init__(daemon=True)
        self.is_far = is_far  # no key of its own node will do
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
                if error != "OK":
                    error = f"{error} {answer.get('WHY', b'').decode()}"
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
            self.sink(answer["TOKEN"].decode(), self.node.name)
        if self.expect is not None and answer.get("DATA") != self.expect:
            self.wrong.append(answer)

    def stop(self):
        self.halt.set()
        self.join(10)

    def between(self, since, until=None):
        return [d for d in self.done if d[0] >= since and (until is None or d[0] <= until)]


def kid_of(head):
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


class RelyingParty:
    """npm jose with createRemoteJWKSet against one node, on that node's host.

    Every token is verified when it comes; of each key the first and the latest
    are verified once more at the end."""

    def __init__(self, node, url):
        self.lock = threading.Lock()
        self.first, self.latest = {}, {}
        self.seen = []  # (time, node, head) of each first token
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", node.namespace, "node",
             os.path.join(BUILD, "npm", "verifier.mjs"), url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)

    def __call__(self, token, node):
        with self.lock:
            head = token.partition(".")[0]
            if head not in self.first:
                self.seen.append((time.monotonic(), node, kid_of(head)))
            self.first.setdefault(head, token)
            self.latest[head] = token
            self.process.stdin.write(token + "\n")

    def kids(self):
        """Of all keys whose tokens have come."""
        with self.lock:
            heads = list(self.first)
        return set(map(kid_of, heads))

    def firsts(self, result):
        """When and where the keys of those tokens that failed came up."""
        kids = {line.split()[-1] for line in result["failures"]}
        return [row for row in self.seen if row[2] in kids]

    def result(self):
        for token in [*self.first.values(), *self.latest.values()]:
            self.process.stdin.write(token + "\n")
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)
