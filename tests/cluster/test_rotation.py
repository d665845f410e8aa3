"""A key is rotated on one node: the others know its successor before it signs,
and every token verifies with every node's JWK Set, whoever dies meanwhile."""
import json
import os
import signal
import threading

import pytest

from cluster.fleet import Fleet
from keylife.life import kid_of, states, verify
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

SPEC = """
version: 1
defaults: {publish_before: 1s, keep_after: 5m}
keys:
  - name: %(name)s
    generate: {kty: EC, crv: P-256}
    use: sig
    rotate: {every: 3s}
  - {name: asked-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
"""


@pytest.fixture(scope="module")
def fleet():
    with Fleet(2, spec=SPEC) as running:
        running.start()
        a, b = running.nodes
        ready(a, b)
        yield running


def ready(a, b):
    for name in ("a", "asked-a"):
        wait(lambda: b.cli("sign", "--name", name, input=b"{}").returncode == 0, 30, f"{name} signs")


def keys_of(node):
    return json.loads(node.ask("keys"))["keys"]


def published(node):
    return {key["kid"] for key in keys_of(node)}


class Signer(threading.Thread):
    """Signs at one node all the time; each token must verify at the other at once."""

    def __init__(self, node, name, other):
        super().__init__()
        self.node, self.name_, self.other = node, name, other
        self.used, self.wrong, self.halt = [], [], threading.Event()

    def run(self):
        while not self.halt.is_set():
            try:
                token = self.node.ask("sign", "--name", self.name_, input=b"{}").decode().strip()
                verify(token, keys_of(self.other))
            except AssertionError as e:
                self.wrong.append(str(e))
                return
            if kid_of(token) not in self.used:
                self.used.append(kid_of(token))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.halt.set()
        self.join()


def test_tokens_verify_at_the_other_node_while_keys_rotate(fleet):
    a, b = fleet.nodes
    with Signer(a, "a", b) as signer:
        wait(lambda: len(signer.used) >= 3 or signer.wrong, 60, "two rotations")
    assert not signer.wrong
    assert set(signer.used) <= published(b), "all stay until keep_after"


def begin(node):
    """Has the key on request rotated; its kid, and the successor's once it is there,
    published and not yet active."""
    old = kid_of(node.ask("sign", "--name", "asked-a", input=b"{}").decode())
    node.ask("rotate", "--name", "asked-a", url=node.operator)

    def found():
        return [k for k, key in states(node).items()
                if key["name"] == "asked-a" and key["state"] == "published"]
    wait(found, 10, "the successor is made")
    return old, found()[0]


def test_a_peer_that_is_killed_delays_the_rotation_and_no_more(fleet):
    a, b = fleet.nodes
    with Signer(a, "asked-a", b) as signer:
        old, new = begin(a)
        before = len(a.events("peer-restarted"))
        os.kill(a.pids()["vhsmd-peer"], signal.SIGKILL)
        a.wait_for("peer-restarted", before + 1)
        wait(lambda: new in signer.used or signer.wrong, 30, "the successor signs")
    assert signer.wrong == [] and signer.used == [old, new]
    assert states(a)[old]["state"] == "retired"
    wait(lambda: b.cli("sign", "--name", "asked-a", input=b"{}").returncode == 0, 20, "b reaches a")
    assert {old, new} <= published(b) and {old, new} <= published(a)


@pytest.mark.parametrize("victim", ["peer and front", "vault", "node"])
def test_who_dies_in_a_rotation_leaves_no_token_unverifiable(fleet, victim):
    """Of a node whose vault dies the keys are gone, all else is not."""
    a, b = fleet.nodes
    token = a.ask("sign", "--name", "asked-a", input=b"{}").decode().strip()
    old, new = begin(a)
    assert old == kid_of(token)
    if victim == "peer and front":
        for process in ("peer", "front"):
            os.kill(a.pids()[f"vhsmd-{process}"], signal.SIGKILL)
        wait(lambda: states_or_none(a).get(new, {}).get("state") == "active", 30, "it is completed")
    else:
        lives = len(a.events("ready"))
        if victim == "vault":
            os.kill(a.pids()["vhsmd-vault"], signal.SIGKILL)
            assert a.process.wait(20) != 0, "there is nothing to start again"
            assert a.events("vault-died")
        a.kill()
        verify(token, keys_of(b))
        a.launch().wait_for("ready", lives + 1)
        ready(a, b)
        wait(lambda: new not in published(a) | published(b), 10, "what never signed is not published")
    for node in fleet.nodes:
        wait(lambda: old in published(node), 10, "the old key is published")
        verify(token, keys_of(node))
    latest = a.ask("sign", "--name", "asked-a", input=b"{}").decode().strip()
    assert kid_of(latest) != old
    verify(latest, keys_of(b))


def states_or_none(node):
    """While front is started again nobody tells."""
    try:
        return states(node)
    except AssertionError:
        return {}
