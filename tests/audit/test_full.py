"""A disk under the audit trail that is full, has room, is full again, while callers
sign: for DISK_SECONDS, with a few rounds at least."""
import collections
import json
import os
import subprocess
import threading
import time

import pytest
from support.node import Node
from support.waiting import wait
from support.wire import Wire

SECONDS = float(os.environ.get("DISK_SECONDS", "5"))
ROUNDS = 3
CALLERS = 3
SPEC = "version: 1\nkeys:\n  - {name: ed, generate: {kty: OKP, crv: Ed25519}, use: sig}\n"


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "none", str(folder)],
                      stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


class Caller(threading.Thread):
    """Signs some hundred times a second and counts what came of it."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.outcomes, self.halt = node, collections.Counter(), threading.Event()

    def run(self):
        with Wire(self.node.url) as wire:
            while not self.halt.wait(0.003):
                self.outcomes[wire.ask("SIGN", NAME=b"ed", DATA=b"x")[0]] += 1


def fill(file):
    with open(file, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(65536))
        except OSError:
            pass
        try:
            while True:
                f.write(b"x")
        except OSError:
            pass


def test_no_signature_is_without_its_line_on_a_disk_that_fills(disk):
    config = f"audit: {{file: {disk}/audit.log, max_size: 1024MiB}}\n"
    with Node(SPEC, config) as node:
        callers = [Caller(node) for _ in range(CALLERS)]

        def count(outcome):
            return sum(caller.outcomes[outcome] for caller in callers)

        for caller in callers:
            caller.start()
        rounds, until = 0, time.monotonic() + SECONDS
        while rounds < ROUNDS or time.monotonic() < until:
            fill(disk / "filler")
            refused = count("EAUDIT")
            wait(lambda: count("EAUDIT") > refused + 20)
            os.unlink(disk / "filler")
            done = count("OK")
            wait(lambda: count("OK") > done + 100)
            rounds += 1
        for caller in callers:
            caller.halt.set()
        for caller in callers:
            caller.join(20)
        assert set().union(*(caller.outcomes for caller in callers)) == {"OK", "EAUDIT"}
        audit = json.loads(node.ask("--json", "status"))["audit"]
        assert audit["lost"] == 0 and audit["refused"] == count("EAUDIT") and not audit["blocked"]
        assert len(node.events("audit-goes-on")) == len(node.events("audit-blocked")) == rounds
        assert node.stop() == 0
        path = str(disk / "audit.log")
        done = node.cli("audit", "verify", path)
        assert done.returncode == 0, done.stderr
        with open(path, "rb") as f:
            lines = sum(b'"op":"sign"' in line and b'"outcome":"ok"' in line for line in f)
        print(f"{rounds} times full, {count('OK')} signatures, {count('EAUDIT')} refused")
        assert lines == count("OK")
