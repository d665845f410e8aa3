"""No key signs before the cluster knows of it as active."""
import json
import os
import signal
import time

import pytest

from cluster.fleet import Fleet
from cluster.test_continuity import SPEC, relaunch, settled, verifies
from keylife.life import operate
from support.waiting import wait
from support.wire import Wire

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def fleet():
    with Fleet(3, SPEC) as made:
        made.start()
        settled(made, 6)
        yield made


def first_signature(node):
    """The first token that a key of this very life of the node makes, and the
    node is gone the moment it is there."""
    own = {key["kid"] for key in json.loads(node.ask("keys", "--name", f"sig-{node.name}"))["keys"]}
    pids = list(node.pids().values())
    until = time.monotonic() + 30
    with Wire(node.url) as wire:
        while time.monotonic() < until:
            error, answer = wire.ask("SIGN", NAME=f"sig-{node.name}".encode(), DATA=node.name.encode())
            if error == "OK" and answer["KID"].decode() in own:
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                return answer["TOKEN"]
            assert error in ("OK", "EINACTIVE", "ENOKEY"), error
    raise AssertionError("it never signed")


def test_the_first_signature_of_a_node_that_dies_right_then_verifies(fleet):
    a, b, c = fleet.nodes
    tokens = []
    for last in (False, False, False, False, True):
        c.kill()
        relaunch(c)
        wait(lambda: c.cli("keys", "--name", "sig-c").returncode == 0, 10, "c has keys")
        token = first_signature(c)
        c.kill()
        tokens.append(token)
        # It comes back at once, or is given up: verified then, and by who asks later.
        if last:
            wait(lambda: all(n.states()["c"] == "dead" for n in (a, b)), 15, "the crash is known")
        wait(lambda: verifies(a, {"c": token}) and verifies(b, {"c": token}), 5, "the token verifies")
        assert all(verifies(n, {"c": t}) for n in (a, b) for t in tokens)


def test_a_node_alone_signs_after_its_disk_has_it(fleet):
    a = fleet.nodes[0]
    for node in fleet.nodes:
        node.kill()
    a.launch()
    a.wait_for("ready", count=len(a.events("ready")) + 1)
    token = first_signature(a)
    a.kill()
    for node in fleet.nodes:
        relaunch(node)
    wait(lambda: all(verifies(n, {"a": token}) for n in fleet.nodes), 30,
         "the token of the node that was alone verifies everywhere")


def test_a_suspected_node_is_waited_for(fleet):
    """It may live, and relying parties ask it: until it is found dead, a key does not
    sign that it does not know."""
    a, _, c = fleet.nodes
    wait(lambda: set(a.states().values()) == {"alive"}, 30, "all live")
    wait(lambda: a.cli("sign", "--name", "sig-a", input=b"x").returncode == 0, 30, "it signs")
    events = ("activated", "member-dead")
    before = {event: len(a.events(event)) for event in events}
    peer = c.pids()["vhsmd-peer"]
    os.kill(peer, signal.SIGSTOP)
    try:
        wait(lambda: a.states()["c"] == "suspect", 15, "it is missed")
        operate(a, "rotate", "--name", "sig-a")  # its successor is due in a second
        signs, dead = (a.wait_for(event, count=before[event] + 1) for event in events)
    finally:
        os.kill(peer, signal.SIGCONT)
    assert dead["node"] == "c" and dead["time"] <= signs["time"], (dead, signs)
    wait(lambda: set(a.states().values()) == {"alive"}, 30, "it is back")
