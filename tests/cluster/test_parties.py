"""Tokens of several: the keys of a JWS and of a JWE are those of three nodes."""
import json
import os
import time

import pytest
from jwcrypto import jwe, jwk, jws

from cluster.fleet import Fleet
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
SPEC = """version: 1
defaults: {publish_before: 2s, keep_after: 10m}
keys:
  - {name: sig-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: enc-%(name)s, generate: {kty: EC, crv: P-256}, use: enc}
  - {name: rsa-%(name)s, generate: {kty: RSA, bits: 2048}, use: enc}
"""


@pytest.fixture(scope="module")
def fleet():
    with Fleet(3, SPEC) as running:
        running.start()
        wait(lambda: all(len(n.published()) == 9 for n in running.nodes), 20,
             "every node's JWK Set lists all keys")
        wait(lambda: all(signs(n, f"sig-{name}") for n in running.nodes for name in "abc"), 20,
             "all keys are active")
        yield running


def signs(node, name):
    return node.cli("sign", "--name", name, input=b"x").returncode == 0


def key(node, name):
    (found,) = json.loads(node.ask("keys", "--name", name))["keys"]
    return found


def kids(node, *names):
    return [key(node, name)["kid"] for name in names]


def parties(option, *names):
    """--name A --also --name B ..., with options of their own."""
    args = []
    for name in names:
        args += (["--also"] if args else []) + [option, name]
    return args


def seal(node, *names):
    args = []
    for name in names:
        alg = "RSA-OAEP-256" if name.startswith("rsa") else "ECDH-ES+A256KW"
        args += (["--also"] if args else []) + ["--name", name, "--alg", alg]
    return node.ask("encrypt", "--enc", "A256GCM", "--format", "general", *args, input=b"for all")


def test_a_jws_by_a_key_of_each_node(fleet):
    a, b, c = fleet.nodes
    names = ["sig-b", "sig-a", "sig-c"]
    made = json.loads(a.ask("sign", "--json", *parties("--name", *names), input=b"by three"))
    assert [s["kid"] for s in made["signatures"]] == kids(a, *names)
    seen = json.loads(c.ask("verify", "--json", "--all", input=made["token"].encode()))
    assert seen["payload"] == "by three"
    assert [s["outcome"] for s in seen["signatures"]] == ["done"] * 3
    published = jwk.JWKSet.from_json(b.fetch())
    for kid in kids(a, *names):
        token = jws.JWS()
        token.deserialize(made["token"], published.get_key(kid))
        assert token.payload == b"by three"


@pytest.mark.parametrize("options", [["--detached"], ["--unencoded"],
                                     ["--detached", "--unencoded"]])
def test_forms_of_a_remote_signature(fleet, options):
    a, b, c = fleet.nodes
    payload = "$.02 \u20ac".encode()
    for form in (["--format", "flattened"], ["--format", "general", "--also", "--name", "sig-a"]):
        token = a.ask("sign", "--name", "sig-b", *options, *form, input=payload)
        message = json.loads(token)
        assert ("payload" in message) != ("--detached" in options)
        args = []
        if "--detached" in options:
            args = ["--payload", c.write("payload", payload)]
        assert c.ask("verify", "--all", *args, input=token) == payload


def test_a_compact_detached_signature_of_another_node(fleet):
    a, _, c = fleet.nodes
    token = a.ask("sign", "--name", "sig-c", "--detached", input=b"elsewhere")
    assert b".." in token
    assert c.ask("verify", "--payload", c.write("apart", b"elsewhere"), input=token) == b"elsewhere"


def test_a_jwe_for_keys_of_each_node_is_opened_at_each(fleet):
    box = seal(fleet.nodes[0], "enc-a", "rsa-b", "enc-c")
    recipients = [r["header"]["kid"] for r in json.loads(box)["recipients"]]
    for node, own in zip(fleet.nodes, recipients):
        seen = json.loads(node.ask("decrypt", "--json", input=box))
        assert seen["payload"] == "for all"
        assert seen["kid"] == own, "its own key, not another node's"


def test_a_jwe_for_other_nodes_alone_is_opened_there(fleet):
    a, b, c = fleet.nodes
    box = seal(b, "rsa-b", "enc-c")
    seen = json.loads(a.ask("decrypt", "--json", input=box))
    assert seen["payload"] == "for all" and seen["kid"] in kids(a, "rsa-b", "enc-c")
    box = jwe.JWE(b"by jwcrypto", json.dumps({"enc": "A128GCM"}))
    for name in ("enc-b", "enc-c"):
        mine = key(c, name)
        box.add_recipient(jwk.JWK(**mine), json.dumps({"alg": "ECDH-ES+A128KW",
                                                       "kid": mine["kid"]}))
    assert a.ask("decrypt", input=box.serialize().encode()) == b"by jwcrypto"


def test_with_a_dead_holder(fleet):
    """Last: it takes b away for good."""
    a, b, c = fleet.nodes
    both = parties("--name", "sig-a", "sig-b")
    before = a.ask("sign", *both, input=b"before")
    box, only = seal(a, "enc-b", "rsa-c"), seal(a, "enc-b", "rsa-b")
    b.kill()
    start = time.monotonic()
    done = a.cli("sign", *both, input=b"after")
    assert done.returncode == 1 and done.stdout == b"" and b"2 of 2" in done.stderr, done.stderr
    assert time.monotonic() - start < 12
    wait(lambda: a.states()["b"] == "dead", 15, "b is dead")
    assert c.ask("verify", "--all", input=before) == b"before"
    wait(lambda: a.cli("decrypt", input=box).stdout == b"for all", 10,
         "the other recipient's node opens it")
    done = a.cli("decrypt", input=only)
    assert done.returncode == 1 and done.stdout == b"", done.stderr
    done = a.cli("sign", *both, input=b"later")
    assert done.returncode == 1 and b"2 of 2" in done.stderr, done.stderr
    assert signs(a, "sig-a")
