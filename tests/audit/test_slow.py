"""A trail whose file takes lines slowly or not at all: a terminal whose other end the
test reads, or does not, so that write(2) of the vault waits as for a slow disk."""
import collections
import json
import os
import threading
import time
import tty

import pytest
from support.node import Node
from support.waiting import wait
from support.wire import Wire, frame

SPEC = "version: 1\nkeys:\n  - {name: ed, generate: {kty: OKP, crv: Ed25519}, use: sig}\n"
BATCH = 64
CALLERS = 4


class SlowFile:
    """name is what the vault writes to; read() takes what there is from then on."""

    def __init__(self):
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        self.name = os.ttyname(self.theirs)
        self.text = bytearray()
        self.reader = None

    def read(self):
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                got = os.read(self.ours, 1 << 16)
            except OSError:
                return
            self.text += got

    def rest(self):
        """All that was written, once nobody else writes."""
        mark = b"that is all"
        self.read()
        os.write(self.theirs, mark)
        wait(lambda: self.text.endswith(mark))
        return bytes(self.text[:-len(mark)])

    def lines(self):
        return [json.loads(line) for line in self.text.rpartition(b"\n")[0].splitlines()]

    def close(self):
        os.close(self.theirs)


SIGNS = [frame("SIGN", [("NAME", b"ed"), ("DATA", b"x")], request=i + 1) for i in range(BATCH)]


class Load(threading.Thread):
    """Signs in batches until enough(outcomes), and counts these."""

    def __init__(self, node, enough):
        super().__init__()
        self.node, self.enough, self.outcomes = node, enough, collections.Counter()

    def run(self):
        with Wire(self.node.url) as wire:
            while not self.enough(self.outcomes):
                self.outcomes.update(wire.batch(SIGNS))


def load(node, enough):
    callers = [Load(node, enough) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sum((caller.outcomes for caller in callers), collections.Counter())


@pytest.fixture
def slow():
    file = SlowFile()
    yield file
    file.close()


def config(file, when):
    return (f"audit: {{file: {file.name}, when_blocked: {when}}}\n"
            "limits: {per_principal: 1024, queue: 1024}\n")


def audit_of(node):
    return json.loads(node.ask("--json", "status"))["audit"]


def sum_up(node, file):
    """All that was written, once the node has stopped: its check, its lines."""
    wait(lambda: audit_of(node)["seq"] == file.text.count(b"\n"), 60)
    assert node.stop() == 0
    wait(lambda: b'"op":"stop"' in file.text[-1000:] and file.text.endswith(b"\n"))
    path = node.write("trail", file.text)
    done = node.cli("audit", "verify", path)
    assert done.returncode == 0, done.stderr
    return file.lines()


def test_a_full_queue_refuses_at_once_and_no_use_is_without_its_line(slow):
    with Node(SPEC, config(slow, "refuse")) as node:
        first = load(node, lambda outcomes: outcomes["EAUDIT"] > 0)
        assert set(first) == {"OK", "EAUDIT"}
        start = time.monotonic()
        assert node.cli("sign", "--name", "ed", input=b"x").returncode != 0
        assert time.monotonic() - start < 2
        assert audit_of(node)["refused"] >= first["EAUDIT"]
        # Operators' acts neither, but for a drain.
        assert node.cli("reload", url=node.operator).returncode != 0
        assert node.cli("drain", url=node.operator).returncode == 0
        slow.read()
        wait(lambda: node.cli("drain", "--off", url=node.operator).returncode == 0, 60)
        wait(lambda: node.cli("sign", "--name", "ed", input=b"x").returncode == 0, 60)
        found = sum_up(node, slow)
        assert sum(x["op"] == "sign" for x in found) == first["OK"] + 1
        assert [x["op"] for x in found if x["op"] in ("drain", "undrain", "lost")] == ["drain", "undrain"]


def test_a_stop_does_not_wait_for_a_slow_file_and_says_what_has_no_line(slow):
    with Node(SPEC, config(slow, "refuse")) as node:
        done = load(node, lambda outcomes: outcomes["OK"] >= 500)["OK"]
        start = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - start < 10
        assert len(node.events("audit-cut-short")) == 1
        queued = int(node.events("audit-cut-short")[0]["queued"])
        text = slow.rest()
        whole = text[:text.rindex(b"\n") + 1]
        written = [json.loads(line)["op"] for line in whole.splitlines()]
        assert set(written) <= {"start", "sign"} and 0 < queued <= done - written.count("sign")
        # What there is is sound, and that it ends within a line is found.
        assert node.cli("audit", "verify", node.write("whole", whole)).returncode == 0
        if whole != text:
            found = node.cli("audit", "verify", node.write("torn", text))
            assert found.returncode == 1 and b"torn" in found.stderr


def test_uses_that_a_full_queue_lost_are_counted_in_the_trail(slow):
    with Node(SPEC, config(slow, "continue")) as node:
        # More than any queue has: all are answered.
        first = load(node, lambda outcomes: outcomes["OK"] >= 20000)
        assert set(first) == {"OK"}
        slow.read()
        wait(lambda: audit_of(node)["lost"] > 0, 60)
        last = node.ask("sign", "--name", "ed", input=b"x")
        assert last
        found = sum_up(node, slow)
        lost = [x["count"] for x in found if x["op"] == "lost"]
        assert lost and sum(lost) + sum(x["op"] == "sign" for x in found) == first["OK"] + 1
