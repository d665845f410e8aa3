"""Five nodes under load while hosts crash, stop, lose packets and each other.

Callers whose selector leaves another active key see no error and wait no longer
than a second; every token that any node issued verifies at a relying party
that knows one node's JWK Set; nothing outlives its deadline.
"""
import json
import os
import signal
import subprocess
import time

import pytest
from jwcrypto import jwe, jwk

from cluster.fleet import HTTP, Fleet
from cluster.load import Caller, RelyingParty
from cluster.test_three import wait
from interop.test_npm_jose import install

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
SPEC = """version: 1
defaults: {publish_before: 3s, keep_after: 10m}
keys:
  - {name: sig, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: shared, load: {file: shared.pem}, use: enc}
"""
LONGEST = 1.3  # a second, and what a loaded test machine adds


def shared_key(fleet):
    """One encryption key, loaded on every node."""
    pem = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                          "ec_paramgen_curve:P-256"], stdin=subprocess.DEVNULL,
                         capture_output=True, check=True).stdout
    for node in fleet.nodes:
        node.write("shared.pem", pem)
    return jwk.JWK.from_pem(pem)


@pytest.fixture(scope="module")
def world():
    reason = install()
    if reason:
        pytest.skip(reason)
    with Fleet(5, SPEC) as fleet:
        key = shared_key(fleet)
        fleet.start()
        wait(lambda: all(len(n.published()) == 6 for n in fleet.nodes), 30, "all keys published")
        wait(lambda: all(set(n.states().values()) == {"alive"} for n in fleet.nodes), 30, "joined")
        party = RelyingParty(fleet.nodes[0],
                             f"http://{fleet.nodes[0].address}:{HTTP}/.well-known/jwks.json")
        public = jwk.JWK.from_json(key.export_public())
        box = jwe.JWE(b"plain", recipient=public, protected={
            "alg": "ECDH-ES+A128KW", "enc": "A128GCM", "kid": key.thumbprint()})
        token = box.serialize(compact=True).encode()
        callers = []
        for node in fleet.nodes:
            callers.append(Caller(node, "SIGN", {"ALG": b"ES256", "DATA": b"x"}, sink=party))
            callers.append(Caller(node, "DECRYPT", {"TOKEN": token}, expect=b"plain"))
        for caller in callers:
            caller.start()
        yield fleet, callers
        for caller in callers:
            caller.stop()
        result = party.result()
        assert result["failed"] == 0, result
        assert result["verified"] > 1000
        assert not any(caller.wrong for caller in callers)


def judge(callers, since, but=()):
    """Nobody at a node that runs waits long or sees an error."""
    for caller in callers:
        if caller.node in but:
            continue
        done = caller.between(since)
        assert done, f"{caller.node.name} {caller.op}: nothing came back"
        slow = [d for d in done if d[1] > LONGEST]
        errors = [d for d in done if d[2] != "OK"]
        assert not slow, f"{caller.node.name} {caller.op}: {len(slow)} slow, {slow[:3]}"
        assert not errors, f"{caller.node.name} {caller.op}: {len(errors)} errors, {errors[:3]}"


def all_alive(fleet, but=()):
    names = {n.name for n in fleet.nodes} - {n.name for n in but}
    return all({s for m, s in n.states().items() if m in names} == {"alive"}
               for n in fleet.nodes if n not in but)


def test_a_killed_node_and_its_restart(world):
    fleet, callers = world
    victim = fleet.nodes[3]
    start = time.monotonic()
    victim.kill()
    wait(lambda: all(n.states()[victim.name] == "dead" for n in fleet.nodes if n is not victim),
         10, "the crash is known")
    time.sleep(2)  # load goes on
    judge(callers, start, but=[victim])


def test_a_stopped_node(world):
    fleet, callers = world
    victim = fleet.nodes[2]
    start = time.monotonic()
    for pid in victim.pids().values():
        os.kill(pid, signal.SIGSTOP)
    try:
        wait(lambda: all(n.states()[victim.name] == "dead" for n in fleet.nodes[:2]), 15,
             "the stopped node is taken for dead")
        time.sleep(max(0, 30 - (time.monotonic() - start)))
    finally:
        for pid in victim.pids().values():
            os.kill(pid, signal.SIGCONT)
    judge(callers, start, but=[victim, fleet.nodes[3]])
    wait(lambda: all_alive(fleet, but=[fleet.nodes[3]]), 15, "it is back")


def test_a_partition_heals(world):
    fleet, callers = world
    left, right = fleet.nodes[:2], [fleet.nodes[2], fleet.nodes[4]]
    start = time.monotonic()
    for one in left:
        one.cut_off(*right)
    for one in right:
        one.cut_off(*left)
    wait(lambda: left[0].states()[right[0].name] == "dead", 15, "the others are gone")
    time.sleep(5)
    judge(callers, start, but=[fleet.nodes[3]])
    for one in left + right:
        one.heal()
    wait(lambda: all_alive(fleet, but=[fleet.nodes[3]]), 15, "whole again")
    judge(callers, start, but=[fleet.nodes[3]])


def test_a_one_way_partition(world):
    fleet, callers = world
    start = time.monotonic()
    fleet.nodes[1].cut_off(fleet.nodes[0])
    time.sleep(10)
    judge(callers, start, but=[fleet.nodes[3]])
    fleet.nodes[1].heal()
    wait(lambda: all_alive(fleet, but=[fleet.nodes[3]]), 15, "whole again")


def test_five_percent_loss(world):
    fleet, callers = world
    start = time.monotonic()
    for node in fleet.nodes[:3]:
        node.lose(5)
    time.sleep(15)
    judge(callers, start, but=[fleet.nodes[3]])
    for node in fleet.nodes[:3]:
        node.heal()
    wait(lambda: all_alive(fleet, but=[fleet.nodes[3]]), 15, "nobody was given up")


def test_json_of_status_is_an_object(world):
    fleet, _ = world
    assert json.loads(fleet.nodes[0].ask("--json", "status"))["ready"] is True
