"""A node that is about to leave: its encryption keys go first, what it was asked is
done, and whoever can be served by another node notices nothing."""
import json
import os
import signal
import threading
import time

import pytest
from jwcrypto import jwk

from cluster.fleet import Fleet
from support.waiting import wait
from support.wire import Wire, frame, parse

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


def spec(name):
    text = f"""version: 1
defaults: {{publish_before: 2s, keep_after: 10m}}
keys:
  - {{name: sig-{name}, generate: {{kty: EC, crv: P-256}}, use: sig}}
  - {{name: enc-{name}, generate: {{kty: EC, crv: P-256}}, use: enc}}
"""
    if name == "b":  # the smallest of the heavy lane
        text += "  - {name: heavy, generate: {kty: RSA, bits: 3328}, use: sig}\n"
    if name in "bc":
        text += "  - {name: shared, load: {file: keys/shared.jwk}, use: sig}\n"
    return text


def signs(node, name):
    return node.cli("sign", "--name", name, input=b"x").returncode == 0


@pytest.fixture(scope="module")
def fleet():
    shared = jwk.JWK.generate(kty="RSA", size=2048).export()
    with Fleet(3, spec) as running:
        running.shared = shared
        for node in running.nodes[1:]:
            node.write("keys/shared.jwk", shared)
        running.start()
        a = running.nodes[0]
        for name in ("sig-a", "sig-b", "sig-c", "heavy", "shared"):
            wait(lambda: signs(a, name), 30, f"{name} signs")
        wait(lambda: len({n.fetch() for n in running.nodes}) == 1, 10, "one JWK Set everywhere")
        yield running


def kid_of(node, name):
    (key,) = json.loads(node.ask("keys", "--name", name))["keys"]
    return key["kid"]


def relayed(node):
    """Requests of other nodes that a node has taken on so far."""
    return sum(int(line.split()[-1]) for line in node.fetch("/metrics").splitlines()
               if line.startswith("vhsmd_relayed_total"))


def test_a_node_that_drains_is_not_asked_and_its_encryption_keys_are_withdrawn(fleet):
    a, b, c = fleet.nodes
    enc, sig = kid_of(b, "enc-b"), kid_of(b, "sig-b")
    b.ask("drain", url=b.operator)
    for node in fleet.nodes:
        wait(lambda: node.states()["b"] == "leaving", 5, "everybody knows")
        wait(lambda: enc not in node.published(), 5, "the encryption key is withdrawn")
        assert sig in node.published()
    wait(lambda: 'vhsmd_cluster_members{state="leaving"} 1' in a.fetch("/metrics"), 5, "counted")
    before = relayed(b)
    for _ in range(30):
        assert signs(a, "shared")
    assert relayed(b) == before
    # Only it has this one: it is asked all the same, and says why not.
    refused = a.cli("sign", "--name", "sig-b", input=b"x")
    assert refused.returncode != 0 and b"busy" in refused.stderr
    b.ask("drain", "--off", url=b.operator)
    for node in fleet.nodes:
        wait(lambda: node.states()["b"] == "alive", 5, "it stays")
        wait(lambda: enc in node.published(), 5, "the encryption key is back")
    wait(lambda: signs(a, "sig-b"), 5, "it signs again")
    wait(lambda: signs(a, "shared") and relayed(b) > before + 1, 10, "it is asked again")


def heavy(wire, count, name=b"heavy"):
    """Asks for signatures; gives what waits for the answers."""
    for _ in range(count):
        wire.send(frame("SIGN", [("NAME", name), ("DATA", b"x")], deadline=20000))
    return lambda: [parse(wire.receive()[1])[0] for _ in range(count)]


def stand_still(pid):
    """A signal is taken by one thread; the others go on until it has been."""
    os.kill(pid, signal.SIGSTOP)
    tasks = [f"/proc/{pid}/task/{task}/stat" for task in os.listdir(f"/proc/{pid}/task")]

    def state(task):
        with open(task) as f:
            return f.read().rpartition(")")[2].split()[0]
    wait(lambda: all(state(task) == "T" for task in tasks), 10, "every thread stands still")


def test_its_encryption_keys_are_withdrawn_while_it_is_still_at_work(fleet):
    """What its own callers asked it is not done before that is seen, since its vault
    stands still."""
    a, b, c = fleet.nodes
    enc, vault = kid_of(c, "enc-c"), c.pids()["vhsmd-vault"]
    with Wire(c.url, timeout=30) as wire:
        try:
            stand_still(vault)
            answers = heavy(wire, 3, b"sig-c")
            assert wire.ask("CLUSTER")[0] == "OK", "so those before it have been read"
            c.process.send_signal(signal.SIGTERM)
            wait(lambda: enc not in a.published() and enc not in b.published(), 8, "withdrawn")
            assert c.process.poll() is None and a.states()["c"] == "leaving"
        finally:
            os.kill(vault, signal.SIGCONT)
        assert answers() == ["OK"] * 3
    assert c.process.wait(20) == 0
    wait(lambda: a.states()["c"] == "left" and b.states()["c"] == "left", 5, "it has left")
    c.write("keys/shared.jwk", fleet.shared)
    c.launch().wait_for("ready", count=2)
    wait(lambda: a.states()["c"] == "alive" and b.states()["c"] == "alive", 10, "it is back")
    wait(lambda: signs(a, "sig-c"), 10, "it signs")


class Callers:
    """They have the shared key used through a node, one after the other."""

    def __init__(self, node, count):
        self.node, self.over, self.outcomes = node, False, []
        self.threads = [threading.Thread(target=self.work) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def work(self):
        with Wire(self.node.url) as wire:
            while not self.over:
                self.outcomes.append(wire.ask("SIGN", NAME=b"shared", DATA=b"x")[0])

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join()
        return self.outcomes


def some_work(wire):
    """How many of the heavy signatures take a second or two now.  Their lane gets
    what others leave of the machine, and a node that stops gives its work ten
    seconds, however busy the machine is."""
    start = time.monotonic()
    answers = heavy(wire, 8)
    assert answers() == ["OK"] * 8
    return max(4, min(60, int(8 * 1.5 / (time.monotonic() - start))))


def test_a_node_that_is_told_to_stop_finishes_what_others_asked_it(fleet):
    """Last: it takes b away."""
    a, b, c = fleet.nodes
    enc, sig = kid_of(b, "enc-b"), kid_of(b, "sig-b")
    callers = Callers(a, 4)
    with Wire(a.url, timeout=30) as wire:
        answers = heavy(wire, some_work(wire))
        wait(lambda: "vhsmd_relayed_in_flight 0" not in b.fetch("/metrics"), 5, "b has begun")
        b.process.send_signal(signal.SIGTERM)
        wait(lambda: enc not in a.published() and enc not in c.published(), 10, "withdrawn")
        assert set(answers()) == {"OK"}
    assert b.process.wait(20) == 0
    wait(lambda: a.states()["b"] == "left" and c.states()["b"] == "left", 5, "it has left")
    outcomes = callers.end()
    assert len(outcomes) > 100 and set(outcomes) == {"OK"}
    for node in (a, c):
        lines = node.log().splitlines()
        leaving, left = (next(i for i, line in enumerate(lines)
                              if f"event={event} node=b" in line)
                         for event in ("member-leaving", "member-left"))
        assert leaving < left
        assert sig in node.published()
