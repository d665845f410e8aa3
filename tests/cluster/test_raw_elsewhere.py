"""Raw keys of another node: used by way of this one, and passed over where they are not raw."""
import hashlib
import json
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwcrypto import jwk

from cluster.fleet import Fleet
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
PLAIN = """version: 1
defaults: {publish_before: 2s, keep_after: 10m}
keys:
  - {name: plain-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
"""
RAW = """\
  - {name: signs, generate: {kty: EC, crv: P-256}, use: sig, raw: true}
  - {name: opens, generate: {kty: RSA, bits: 2048}, use: enc, raw: true}
  - {name: derives, generate: {kty: EC, crv: P-384}, use: enc, raw: true}
"""
TEXT = b"what another node signs"


@pytest.fixture(scope="module")
def nodes():
    with Fleet(2, lambda name: PLAIN % {"name": name} + (RAW if name == "b" else "")) as fleet:
        fleet.start()
        a, b = fleet.nodes
        wait(lambda: len(a.published()) == 5, 30, "a lists all keys")
        wait(lambda: raw_sign(a).returncode == 0, 30, "the raw key signs by way of a")
        yield a, b


def raw_sign(node, *args, data=TEXT):
    return node.cli("raw", "sign", "--alg", "ES256", *args, input=data)


def key(node, name):
    (found,) = json.loads(node.ask("keys", "--name", name))["keys"]
    return found, load_pem_public_key(jwk.JWK(**found).export_to_pem())


def test_a_digest_is_signed_by_the_node_that_has_the_key(nodes):
    a, _ = nodes
    found, public = key(a, "signs")
    digest = hashlib.sha256(TEXT).digest()
    signature = a.ask("raw", "sign", "--digest", "--kid", found["kid"], "--alg", "ES256",
                      input=digest)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"),
                               int.from_bytes(signature[32:], "big"))
    public.verify(der, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_only_what_is_raw_is_asked_for(nodes):
    a, _ = nodes
    for _ in range(8):
        answer = json.loads(a.ask("raw", "sign", "--json", "--alg", "ES256", input=TEXT))
        assert answer["kid"] == key(a, "signs")[0]["kid"]


def test_it_decrypts_and_derives_there_too(nodes, tmp_path):
    a, _ = nodes
    found, public = key(a, "opens")
    sealed = public.encrypt(b"secret", padding.OAEP(padding.MGF1(hashes.SHA256()),
                                                    hashes.SHA256(), None))
    args = ("raw", "decrypt", "--kid", found["kid"], "--alg", "RSA-OAEP-256")
    assert a.ask(*args, input=sealed) == b"secret"
    done = a.cli(*args, input=bytes(256))
    assert done.returncode != 0 and b"decryption failed" in done.stderr, done.stderr
    found, public = key(a, "derives")
    mine = ec.generate_private_key(ec.SECP384R1())
    peer = tmp_path / "peer.jwk"
    peer.write_text(jwk.JWK.from_pyca(mine.public_key()).export_public())
    assert a.ask("raw", "derive", "--kid", found["kid"], "--jwk", str(peer)) == mine.exchange(
        ec.ECDH(), public)


def test_a_key_that_is_not_raw_is_refused_wherever_it_is(nodes):
    for node in nodes:
        for name in ("plain-a", "plain-b"):
            done = raw_sign(node, "--kid", key(node, name)[0]["kid"])
            assert done.returncode != 0
            assert b"the key spec does not let this key do that" in done.stderr, done.stderr
