"""Five nodes under load while hosts crash, stop, lose packets and each other.

Callers whose selector leaves another active key see no error and wait no longer
than a second; every token that any node issued verifies at a relying party
that knows one node's JWK Set; nothing outlives its deadline.

Node a has no P-384 key and not the second encryption key: two of its callers
depend on other nodes all the time.
"""
import json
import os
import signal
import subprocess
import time

import pytest
from jwcrypto import jwe, jwk

from cluster.fleet import HTTP, PORT, Fleet
from cluster.load import Caller, RelyingParty
from interop.test_npm_jose import install
from support.heartbeat import Heartbeat
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
SPEC = """version: 1
defaults: {publish_before: 3s, keep_after: 10m}
keys:
  - {name: sig, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: shared, load: {file: shared.pem}, use: enc}
"""
FAR = """  - {name: far, generate: {kty: EC, crv: P-384}, use: sig}
  - {name: shared-far, load: {file: far.pem}, use: enc}
"""
KEYS = 5 + 4 + 2  # P-256, P-384, and those that are loaded
LONGEST = 1.0
STALL = 0.5
SILENT = 2000  # connections that say nothing


def spec(name):
    return SPEC if name == "a" else SPEC + FAR


def new_pem():
    return subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                           "ec_paramgen_curve:P-256"], stdin=subprocess.DEVNULL,
                          capture_output=True, check=True).stdout


def token_for(pem):
    key = jwk.JWK.from_pem(pem)
    box = jwe.JWE(b"plain", recipient=jwk.JWK.from_json(key.export_public()), protected={
        "alg": "ECDH-ES+A128KW", "enc": "A128GCM", "kid": key.thumbprint()})
    return box.serialize(compact=True).encode()


class World:
    def __init__(self, fleet):
        self.fleet, self.nodes = fleet, fleet.nodes
        self.pems = {"shared.pem": new_pem(), "far.pem": new_pem()}
        self.beat = Heartbeat()
        self.callers = []

    def load_keys(self, node):
        """A node deletes what it has loaded."""
        for name, pem in self.pems.items():
            if name == "shared.pem" or node.name != "a":
                node.write(name, pem)

    def start(self, party):
        near, far = (token_for(pem) for pem in self.pems.values())
        for node in self.nodes:
            self.callers += [
                Caller(node, "SIGN", {"ALG": b"ES256", "DATA": b"x"}, sink=party),
                Caller(node, "DECRYPT", {"TOKEN": near}, expect=b"plain")]
        self.party, a = party, self.nodes[0]
        self.callers += [
            Caller(a, "SIGN", {"ALG": b"ES384", "DATA": b"x"}, sink=party, is_far=True),
            Caller(a, "DECRYPT", {"TOKEN": far}, expect=b"plain", is_far=True)]
        for thread in [self.beat, *self.callers]:
            thread.start()

    def stop(self):
        for thread in [*self.callers, self.beat]:
            thread.stop()

    def waited(self, done):
        """What the node made a caller wait."""
        return done[1] - self.beat.lost(done[0], done[0] + done[1])

    def judge(self, since, but=(), far_may_say=None):
        """Nobody at a node that runs waits long or sees an error; but callers
        who depend on other nodes may see one."""
        for caller in self.callers:
            if caller.node in but:
                continue
            done = caller.between(since)
            who = f"{caller.node.name} {caller.op} {str(caller.fields[0])[:25]}"
            assert done, f"{who}: nothing came back"
            slow = [d for d in done if d[1] > LONGEST and self.waited(d) > LONGEST]
            assert not slow, f"{who}: {len(slow)} of {len(done)} slow, {slow[:3]}"
            # When nobody here had a processor, neither had the nodes.
            errors = [d for d in done if d[2] != "OK" and d[1] - self.waited(d) < STALL]
            if caller.is_far and far_may_say:
                errors = [d for d in errors if not d[2].startswith(far_may_say)]
            assert not errors, f"{who}: {len(errors)} of {len(done)} errors, {errors[:3]}"

    def all_alive(self):
        return all(set(n.states().values()) == {"alive"} for n in self.nodes)

    def heal(self):
        for node in self.nodes:
            node.heal()

    def relaunch(self, *nodes):
        before = {node: len(node.events("ready")) for node in nodes}
        for node in nodes:
            self.load_keys(node)
            node.launch()
        for node in nodes:
            node.wait_for("ready", count=before[node] + 1)

    def story(self, firsts):
        """What the relying party's node and the signer logged around the first
        signature of each key."""
        since_boot = time.time() - time.monotonic()
        told = []
        for at, name, kid in firsts:
            told.append(f"{kid} first signed at {at + since_boot:.3f} by {name}")
            told += [line for node in self.nodes if node.name in ("a", name)
                     for line in node.log_between(at + since_boot - 8, at + since_boot + 4)
                     if "event=refused" not in line]
        return "\n".join(told)

    def answers_again(self, since):
        """Each caller has an answer without an error."""
        return all(any(d[2] == "OK" for d in c.between(since)) for c in self.callers)


@pytest.fixture(scope="module")
def world():
    reason = install()
    if reason:
        pytest.skip(reason)
    with Fleet(5, spec) as fleet:
        made = World(fleet)
        for node in fleet.nodes:
            made.load_keys(node)
        fleet.start()
        wait(lambda: all(len(n.published()) == KEYS for n in fleet.nodes), 30, "all keys published")
        wait(made.all_alive, 30, "joined")
        wait(lambda: all(n.events("activated") for n in fleet.nodes), 30, "all keys are active")
        a = fleet.nodes[0]
        party = RelyingParty(a, f"http://{a.address}:{HTTP}/.well-known/jwks.json")
        made.start(party)
        yield made
        made.stop()
        result = party.result()
        assert result["failed"] == 0, f"{result}\n{made.story(party.firsts(result))}"
        assert result["verified"] > 1000
        assert not any(caller.wrong for caller in made.callers)


def test_a_killed_node_and_its_restart_under_the_same_name(world):
    victim = world.nodes[3]
    others = [n for n in world.nodes if n is not victim]
    before = victim.published()
    start = time.monotonic()
    victim.kill()
    wait(lambda: all(n.states()[victim.name] == "dead" for n in others), 10, "the crash is known")
    time.sleep(2)  # load goes on
    world.judge(start, but=[victim])
    world.relaunch(victim)
    wait(world.all_alive, 15, "it is back")
    # A new P-256 and a new P-384 key.
    wait(lambda: all(len(n.published() - before) == 2 for n in world.nodes), 15, "its new keys")
    back = time.monotonic()
    time.sleep(4)
    assert all(world.party.kids() <= n.published() for n in world.nodes)
    world.judge(start, but=[victim])
    world.judge(back)


def test_a_stopped_node(world):
    victim = world.nodes[2]
    start = time.monotonic()
    pids = list(victim.pids().values())
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait(lambda: all(n.states()[victim.name] == "dead" for n in world.nodes[:2]), 15,
             "the stopped node is taken for dead")
        time.sleep(max(0, 30 - (time.monotonic() - start)))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    world.judge(start, but=[victim])
    wait(world.all_alive, 15, "it is back")


def test_a_partition_heals(world):
    left, right = world.nodes[:2], world.nodes[2:]
    start = time.monotonic()
    for one in left:
        one.cut_off(*right)
    for one in right:
        one.cut_off(*left)
    try:
        wait(lambda: left[0].states()[right[0].name] == "dead", 15, "the others are gone")
        time.sleep(5)
    finally:
        world.heal()
    wait(world.all_alive, 15, "whole again")
    world.judge(start)


def test_a_one_way_partition(world):
    start = time.monotonic()
    world.nodes[1].cut_off(world.nodes[0])
    time.sleep(10)
    world.heal()
    wait(world.all_alive, 15, "whole again")
    world.judge(start)


def test_five_percent_loss(world):
    start = time.monotonic()
    for node in world.nodes[:3]:
        node.lose(5)
    time.sleep(15)
    world.heal()
    wait(world.all_alive, 15, "nobody was given up")
    world.judge(start)


def test_peers_that_are_killed(world):
    """First of a node that others depend on, then of the one that depends on
    others: until its next peer has found them, its callers may be told that the
    cluster is out of reach, but do not wait for it."""
    for node in world.nodes[1::-1]:
        start = time.monotonic()
        os.kill(node.pids()["vhsmd-peer"], signal.SIGKILL)
        node.wait_for("peer-restarted")
        time.sleep(4)
        world.judge(start, far_may_say="ELOST" if node.name == "a" else None)
        world.judge(start + 3)
    wait(world.all_alive, 15, "both are back")


def test_silent_connections_to_the_cluster_port(world):
    a, stranger = world.nodes[0], world.nodes[4]
    script = ("import resource, socket, sys, time\n"
              f"resource.setrlimit(resource.RLIMIT_NOFILE, ({SILENT + 100}, {SILENT + 100}))\n"
              "held = []\n"
              f"for i in range({SILENT}):\n"
              "    s = socket.socket(); s.setblocking(False)\n"
              f"    try: s.connect(('{a.address}', {PORT}))\n"
              "    except BlockingIOError: pass\n"
              "    held.append(s)\n"
              "print('held', flush=True)\n"
              "time.sleep(60)\n")
    start = time.monotonic()
    flood = subprocess.Popen(["ip", "netns", "exec", stranger.namespace, "python3", "-c", script],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        assert flood.stdout.readline().strip() == "held"
        time.sleep(8)
        world.judge(start)
    finally:
        flood.kill()
        flood.wait()
    wait(world.all_alive, 15, "nobody was given up")
    assert not a.events("front-died") and not a.events("vault-died")


def test_a_power_cut_of_all_nodes(world):
    for node in world.nodes:
        node.kill()
    used = world.party.kids()
    time.sleep(2)
    start = time.monotonic()
    world.relaunch(*world.nodes)
    wait(world.all_alive, 15, "all are back")
    assert all(used <= n.published() for n in world.nodes)
    wait(lambda: world.answers_again(start), 15, "every caller is served")
    back = time.monotonic()
    time.sleep(5)
    world.judge(back)


def test_json_of_status_is_an_object(world):
    assert json.loads(world.nodes[0].ask("--json", "status"))["ready"] is True
