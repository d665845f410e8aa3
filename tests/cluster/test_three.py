"""Three nodes: any node signs and decrypts with any key."""
import json
import os
import signal
import time

import pytest
from jwcrypto import jwe, jwk, jws

from cluster.fleet import Fleet
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def fleet():
    with Fleet(3) as running:
        running.start()
        wait(lambda: all(len(n.published()) == 6 for n in running.nodes), 20,
             "every node's JWK Set lists all keys")
        wait(lambda: all(active(n) == 3 for n in running.nodes), 20, "all keys are active")
        yield running


def active(node):
    """How many nodes' signing keys can be used at this one now."""
    return sum(node.cli("sign", "--name", f"sig-{name}", input=b"x").returncode == 0
               for name in "abc")


def verified(node, token):
    keys = jwk.JWKSet.from_json(node.fetch())
    signed = jws.JWS()
    signed.deserialize(token.decode().strip())
    signed.verify(keys.get_key(signed.jose_header["kid"]))
    return signed.payload


def test_every_node_publishes_the_same_set(fleet):
    wait(lambda: len({n.fetch() for n in fleet.nodes}) == 1, 10, "one JWK Set everywhere")


def test_a_signature_by_a_key_of_another_node(fleet):
    a, b, c = fleet.nodes
    token = a.ask("sign", "--name", "sig-b", input=b"signed elsewhere")
    assert verified(c, token) == b"signed elsewhere"
    assert verified(b, token) == b"signed elsewhere"


def test_a_jwe_for_a_key_of_another_node(fleet):
    a, _, c = fleet.nodes
    (key,) = [k for k in json.loads(c.ask("keys", "--name", "enc-c"))["keys"]]
    box = jwe.JWE(b"opened elsewhere", recipient=jwk.JWK.from_json(json.dumps(key)),
                  protected={"alg": "ECDH-ES+A128KW", "enc": "A128GCM", "kid": key["kid"]})
    assert a.ask("decrypt", input=box.serialize(compact=True).encode()) == b"opened elsewhere"
    made = a.ask("encrypt", "--alg", "ECDH-ES", "--enc", "A256GCM", "--kid", key["kid"],
                 input=b"there and back")
    assert c.ask("decrypt", input=made) == b"there and back"


def test_status_names_all_nodes(fleet):
    for node in fleet.nodes:
        assert node.states() == {"a": "alive", "b": "alive", "c": "alive"}
        assert all(row["keys"] == 2 for row in node.members().values())


def test_one_request_id_in_both_logs(fleet):
    a, b, _ = fleet.nodes
    a.ask("sign", "--name", "sig-b", input=b"traced")
    ids = {line["rid"] for line in a.events("forwarded")} & \
          {line["rid"] for line in b.events("relayed")}
    assert ids or "level=debug" not in a.log()


def test_peer_dies_and_local_callers_do_not_notice(fleet):
    a = fleet.nodes[0]
    os.kill(a.pids()["vhsmd-peer"], signal.SIGKILL)
    for _ in range(50):
        assert a.cli("sign", "--name", "sig-a", input=b"x").returncode == 0
    a.wait_for("peer-restarted")
    wait(lambda: a.cli("sign", "--name", "sig-b", input=b"x").returncode == 0, 15,
         "a reaches b again")
    assert len(a.published()) == 6


def test_a_killed_node_is_noticed_by_its_kid_only(fleet):
    """Last: it takes b away for good."""
    a, b, c = fleet.nodes
    before = a.ask("sign", "--name", "sig-b", input=b"by b")
    b.kill()
    for _ in range(100):
        start = time.monotonic()
        done = a.cli("sign", "--alg", "ES256", input=b"any key will do")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - start < 1.5
    wait(lambda: a.states()["b"] == "dead" and c.states()["b"] == "dead", 10, "b is dead")
    assert verified(a, before) == b"by b", "a token of a dead node must stay verifiable"
    wait(lambda: b"not found" in a.cli("sign", "--name", "sig-b", input=b"x").stderr, 5,
         "a key nobody holds is not found")
    wait(lambda: not any(k["use"] == "enc" and k["kid"] not in alive_kids(fleet)
                         for k in json.loads(a.fetch())["keys"]), 10,
         "b's encryption key is withdrawn")


def alive_kids(fleet):
    a, _, c = fleet.nodes
    return {k["kid"] for n, name in ((a, "a"), (c, "c"))
            for k in json.loads(n.ask("keys", "--name", f"enc-{name}"))["keys"]}
