"""Two nodes that give different keys one kid: the first keeps it, on every node."""
import json
import os
import time

import pytest
from jwcrypto import jwk, jws

from cluster.fleet import Fleet

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
SPEC = """version: 1
defaults: {publish_before: 1s, keep_after: 10m}
keys:
  - {name: old-%(name)s, load: {file: old.pem}, use: sig, kid: old-1}
  - {name: sig-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
"""


def wait(what, seconds=40):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.2)


def keys_of(node):
    return {k["kid"]: k for k in json.loads(node.ask("keys"))["keys"]}


def test_a_kid_that_another_nodes_key_has_is_refused():
    with Fleet(2, spec=SPEC) as fleet:
        a, b = fleet.nodes
        old = [jwk.JWK.generate(kty="EC", crv="P-256") for _ in fleet.nodes]
        for node, key in zip(fleet.nodes, old):
            node.write("old.pem", key.export_to_pem(private_key=True, password=None))
        a.start()
        wait(lambda: a.cli("sign", "--kid", "old-1", input=b"x").returncode == 0)
        b.start()
        wait(lambda: len(a.members()) == 2 and len(b.members()) == 2 and
             len(keys_of(a)) == 3 and keys_of(a).keys() == keys_of(b).keys())
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
