"""An hour (SOAK_SECONDS) of mixed load: the node stays what it was.

Callers sign, decrypt, verify and encrypt without a pause; some come with a new
connection for every request, some send what is refused.  After a tenth of the
time for warming up, neither the memory of any process nor its descriptors nor
what the arena has in use may grow.  Two keys get a successor every second, the
audit trail a new file whenever one is full; in the end the files that are left
are checked.
"""
import json
import os
import threading
import time

from support.node import Node
from support.wire import Wire

SECONDS = int(os.environ.get("SOAK_SECONDS", "60"))
GROWTH_KIB = 2048    # of a process, from the first third to the last
GROWTH_ARENA = 64 << 10
GROWTH_FILES = 3     # two callers and vhsm come and go: each has one, or none
AUDIT_KEPT = 4
CONFIG = f"audit: {{file: audit.log, max_size: 256KiB, keep: {AUDIT_KEPT}}}\n"
SPEC = """version: 1
defaults: {publish_before: 0s, keep_after: 5s}
keys:
  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig, rotate: {every: 1s}}
  - {name: ed, generate: {kty: OKP, crv: Ed25519}, use: sig, rotate: {every: 1s}}
  - {name: rsa, generate: {kty: RSA, bits: 2048}, use: sig}
  - {name: rsa-enc, generate: {kty: RSA, bits: 2048}, use: enc}
  - {name: ec-enc, generate: {kty: EC, crv: P-256}, use: enc}
"""


class Caller(threading.Thread):
    """Asks round after round; round(wire) says whether all answers were right."""

    def __init__(self, node, one_round, keeps):
        super().__init__(daemon=True)
        self.node, self.one_round, self.keeps = node, one_round, keeps
        self.rounds, self.wrong = 0, []
        self.halt = threading.Event()

    def run(self):
        wire = None
        while not self.halt.is_set():
            wire = wire or Wire(self.node.url)
            wrong = self.one_round(wire)
            if wrong and len(self.wrong) < 10:
                self.wrong.append(wrong)
            self.rounds += 1
            if not self.keeps:
                wire.socket.close()
                wire = None


def signs(name, size):
    def one_round(wire):
        error, answer = wire.ask("SIGN", NAME=name.encode(), DATA=os.urandom(size))
        if error != "OK":
            return f"sign: {error}"
        error, _ = wire.ask("VERIFY", TOKEN=answer["TOKEN"])
        return "" if error == "OK" else f"verify: {error}"
    return one_round


def opens(name, alg, enc, size):
    def one_round(wire):
        text = os.urandom(size)
        error, answer = wire.ask("ENCRYPT", NAME=name.encode(), ALG=alg, ENC=enc, DATA=text)
        if error != "OK":
            return f"encrypt: {error}"
        token = answer["TOKEN"]
        error, answer = wire.ask("DECRYPT", TOKEN=token)
        if error != "OK" or answer["DATA"] != text:
            return f"decrypt: {error}"
        error, _ = wire.ask("DECRYPT", TOKEN=token[:-4] + b"AAAA")
        return "" if error in ("EDECRYPT", "ETOKEN") else f"spoiled: {error}"
    return one_round


def is_refused(wire):
    for op, fields in (("SIGN", {"NAME": b"nobody", "DATA": b""}), ("VERIFY", {"TOKEN": b"a.b.c"}),
                       ("DECRYPT", {"TOKEN": os.urandom(200)})):
        if wire.ask(op, **fields)[0] == "OK":
            return f"{op} was accepted"
    return ""


MIX = [(signs("ec", 100), True), (signs("ed", 10_000), True), (signs("rsa", 100), True),
       (signs("ec", 100), False), (is_refused, True), (is_refused, False),
       (opens("rsa-enc", b"RSA-OAEP-256", b"A256GCM", 1000), True),
       (opens("ec-enc", b"ECDH-ES+A128KW", b"A128CBC-HS256", 300_000), True)]


def measured(node):
    """KiB in memory and descriptors of each process, bytes of the arena in use."""
    found = {}
    for name, pid in node.pids().items():
        with open(f"/proc/{pid}/status") as f:
            lines = dict(line.split(":", 1) for line in f if ":" in line)
        found[f"KiB of {name}"] = int(lines["VmRSS"].split()[0])
        found[f"descriptors of {name}"] = len(os.listdir(f"/proc/{pid}/fd"))
    status = json.loads(node.ask("--json", "status"))
    found["arena"] = status["arena_bytes"] - status["arena_free_bytes"]
    return found


def lowest(samples, name):
    """Of a third: buffers come and go, a leak lifts the floor."""
    return min(sample[name] for sample in samples)


def check_trail(node):
    """The files that are left are one sound chain, and hold what was done."""
    state = os.path.join(node.dir, "state")
    names = [f"audit.log.{n}" for n in range(AUDIT_KEPT, 0, -1)] + ["audit.log"]
    found = json.loads(node.ask("--json", "audit", "verify",
                                *(os.path.join(state, name) for name in names)))
    print(f"audit: {found['lines']} lines left of {found['seq']}, "
          f"{len(node.events('audit-rotated'))} files were full")
    assert found["repeated"] == 0


def test_an_hour_of_mixed_load_leaves_memory_flat():
    with Node(SPEC, CONFIG) as node:
        callers = [Caller(node, *row) for row in MIX]
        for caller in callers:
            caller.start()
        time.sleep(SECONDS / 10)
        samples, until = [], time.monotonic() + SECONDS * 9 / 10
        while time.monotonic() < until:
            samples.append(measured(node))
            time.sleep(max(SECONDS / 400, 0.2))
        for caller in callers:
            caller.halt.set()
        for caller in callers:
            caller.join(30)
        assert [caller.wrong for caller in callers if caller.wrong] == []
        assert all(caller.rounds > 10 for caller in callers)
        assert not any(caller.is_alive() for caller in callers)
        third = len(samples) // 3
        assert third >= 10
        for name in samples[0]:
            before, after = lowest(samples[:third], name), lowest(samples[-third:], name)
            most = (GROWTH_KIB if name.startswith("KiB") else
                    GROWTH_ARENA if name == "arena" else GROWTH_FILES)
            print(f"{name}: {before}, then {after}")
            assert after - before <= most, (name, before, after)
        status = json.loads(node.ask("--json", "status"))
        print(f"rotations: {status['life']['rotations']} in {SECONDS} s")
        assert status["life"]["rotations"] >= SECONDS and not status["life"]["rotations_failed"]
        assert status["audit"]["lost"] == status["audit"]["refused"] == 0
        assert len(node.events("audit-rotated")) > AUDIT_KEPT
        assert len(node.events("ready")) == 1
        assert node.stop() == 0
        check_trail(node)
