"""Symmetric keys are their own node's: no other node hears of them, nor does anybody
who reads a JWK Set or a state directory."""
import base64
import json
import os

import pytest

from cluster.fleet import Fleet
from keylife.life import kid_of
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
PLAIN = """version: 1
defaults: {publish_before: 1s, keep_after: 10m}
keys:
  - {name: sig-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
"""
OCT = """\
  - {name: mac, generate: {kty: oct, bits: 256}, use: sig, alg: HS256}
  - {name: wrap, generate: {kty: oct, bits: 256}, use: enc, alg: A256KW}
"""


@pytest.fixture(scope="module")
def nodes():
    with Fleet(2, lambda name: PLAIN % {"name": name} + (OCT if name == "a" else "")) as fleet:
        fleet.start()
        a, b = fleet.nodes
        for node in (a, b):
            for name in ("sig-a", "sig-b"):
                wait(lambda: node.cli("sign", "--name", name, input=b"x").returncode == 0, 30, name)
        wait(lambda: a.cli("sign", "--name", "mac", input=b"x").returncode == 0, 30, "the MAC key, too")
        yield a, b


@pytest.fixture(scope="module")
def made(nodes):
    """A MAC and a box, by keys of a."""
    a, _ = nodes
    return (a.ask("sign", "--name", "mac", input=b"text").strip(),
            a.ask("encrypt", "--name", "wrap", "--alg", "A256KW", "--enc", "A256GCM",
                  input=b"secret").strip())


def rotate(node):
    """The successors, too, are nobody else's."""
    for name in ("mac", "wrap"):
        node.ask("rotate", "--now", "--name", name, url=node.operator)
    wait(lambda: len(oct_kids(node)) == 4, 10, "both have a successor")


def oct_kids(node):
    report = json.loads(node.ask("keys", "--state", "any", "--json"))["keys"]
    return {key["kid"] for key in report if key["name"] in ("mac", "wrap")}


def test_a_symmetric_key_is_not_revoked_but_destroyed(nodes):
    a, _ = nodes
    (key,) = json.loads(a.ask("keys", "--name", "mac"))["keys"]
    done = a.cli("revoke", key["kid"], url=a.operator)
    assert done.returncode == 1 and b"it is symmetric and in no JWK Set" in done.stderr
    a.ask("sign", "--name", "mac", input=b"x")


def test_whoever_revokes_an_unknown_kid_hears_so(nodes):
    a, _ = nodes
    report = json.loads(a.ask("revoke", "--json", "no such kid", url=a.operator))
    assert report == {"revoked": "no such kid", "known": False}


def told(text):
    """All that JWS in a text say."""
    said = []
    for word in text.replace(b"\n", b" ").split():
        parts = word.split(b".")
        if len(parts) == 3:
            said += [base64.urlsafe_b64decode(p + b"=" * (-len(p) % 4)) for p in parts[:2]]
    return b"\n".join(said)


def test_they_work_at_their_own_node(nodes, made):
    a, _ = nodes
    mac, box = made
    assert a.ask("verify", input=mac) == b"text"
    assert a.ask("decrypt", input=box) == b"secret"


def test_callers_of_another_node_are_told_that_there_is_no_such_key(nodes, made):
    _, b = nodes
    mac, box = made
    kid = kid_of(mac.decode())
    for args, text in ((("sign", "--name", "mac"), b"x"), (("sign", f"--kid={kid}"), b"x"),
                       (("sign", "--alg", "HS256"), b"x"), (("verify",), mac), (("decrypt",), box),
                       (("encrypt", "--name", "wrap", "--alg", "A256KW", "--enc", "A256GCM"), b"x")):
        done = b.cli(*args, input=text)
        assert done.returncode == 1 and done.stdout == b"", args
        assert b"key not found" in done.stderr, (args, done.stderr)


def test_no_record_and_no_jwk_set_has_them(nodes, made):
    a, b = nodes
    rotate(a)
    kids = oct_kids(a)
    assert {kid_of(token.decode()) for token in made} < kids
    assert not oct_kids(b)
    for node in nodes:
        assert {key["kty"] for key in json.loads(node.fetch())["keys"]} == {"EC"}
        assert not kids & node.published()
        assert node.members()["a"]["keys"] == 1
    # A record that was made after the rotation, on both disks.
    a.ask("rotate", "--now", "--name", "sig-a", url=a.operator)
    wait(lambda: len(b.published()) == 3 and b.members()["a"]["keys"] == 2, 15, "b knows it")
    for node in nodes:
        path = os.path.join(node.dir, "state", "cluster.state")
        wait(lambda: all(kid in told(read(path)).decode(errors="replace") for kid in node.published()),
             15, "the state is saved")
        said = told(read(path))
        assert b'"oct"' not in said and not any(kid.encode() in said for kid in kids)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""
