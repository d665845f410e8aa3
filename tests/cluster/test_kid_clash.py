"""Two nodes that give different keys one kid: the first keeps it, on every node."""
import json
import os

import pytest
from jwcrypto import jwk, jws

from cluster.fleet import Fleet
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
SPEC = """version: 1
defaults: {publish_before: 1s, keep_after: 10m}
keys:
  - {name: old-%(name)s, load: {file: old.pem}, use: sig, kid: old-1}
  - {name: own-%(name)s, load: {file: own.pem}, use: sig, kid: own-%(name)s}
  - {name: sig-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
"""


def keys_of(node):
    return {k["kid"]: k for k in json.loads(node.ask("keys"))["keys"]}


def test_a_kid_that_another_nodes_key_has_is_refused():
    with Fleet(2, spec=SPEC) as fleet:
        a, b = fleet.nodes
        old = [jwk.JWK.generate(kty="EC", crv="P-256") for _ in fleet.nodes]
        own = [jwk.JWK.generate(kty="EC", crv="P-256") for _ in fleet.nodes]
        for node, key, another in zip(fleet.nodes, old, own):
            node.write("old.pem", key.export_to_pem(private_key=True, password=None))
            node.write("own.pem", another.export_to_pem(private_key=True, password=None))
        a.start()
        wait(lambda: a.cli("sign", "--kid", "old-1", input=b"x").returncode == 0)
        b.start()
        wait(lambda: len(a.members()) == 2 and len(b.members()) == 2 and
             len(keys_of(a)) == 5 and keys_of(a).keys() == keys_of(b).keys())
        for node in fleet.nodes:
            found = keys_of(node)["old-1"]
            assert jwk.JWK(**found).thumbprint() == old[0].thumbprint()
            assert node.wait_for("kid-refused")["key"] == old[1].thumbprint()
        # Whoever asks b for that kid gets a signature of a's key.
        wait(lambda: b.cli("sign", "--kid", "old-1", input=b"x").returncode == 0)
        token = jws.JWS()
        token.deserialize(b.ask("sign", "--kid", "old-1", input=b"x").decode().strip())
        token.verify(old[0])
        assert token.jose_header["kid"] == "old-1"
        assert b.cli("sign", "--name", "old-b", input=b"x").returncode != 0
        # Revoked by that kid, it is gone everywhere, and nobody else's takes its place.
        a.ask("revoke", "old-1", url=a.operator)
        wait(lambda: old[0].thumbprint() not in {jwk.JWK(**k).thumbprint() for k in keys_of(b).values()})
        revoke(fleet, own[1].thumbprint(), "own-b")
        revoke(fleet, "own-a", "own-a")


def revoke(fleet, called, kid):
    """Whatever the operator of a calls a key, it is gone by each of its names."""
    a, b = fleet.nodes
    wait(lambda: all(n.cli("sign", "--kid", kid, input=b"x").returncode == 0 for n in fleet.nodes))
    token = a.ask("sign", "--kid", kid, input=b"doomed")
    thumbprint = jwk.JWK(**keys_of(a)[kid]).thumbprint()
    assert b.ask("verify", input=token) == b"doomed"
    a.ask("revoke", called, url=a.operator)
    wait(lambda: all(kid not in keys_of(n) and kid not in n.published() for n in fleet.nodes))
    for node in fleet.nodes:
        for selector in (f"--kid={kid}", f"--kid={thumbprint}", f"--name={kid}"):
            done = node.cli("sign", selector, input=b"x")
            assert done.returncode == 1 and done.stdout == b"", (node.name, selector)
        done = node.cli("verify", input=token)
        assert done.returncode == 1 and b"key not found" in done.stderr, done.stderr
