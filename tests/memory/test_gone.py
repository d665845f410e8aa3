"""A key that is destroyed, or gone after its keep_after, leaves nothing behind in
the vault itself.  Looked for where that can be done: on ordinary pages.
"""
import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives import serialization as ser
from jwcrypto import jwk
from jwcrypto.common import base64url_decode

from keylife.life import operate, states
from memory.search import plain_node, scan, secrets_of
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes: needs root")
KEYS = {
    "rsa": ("sig", "PS256"),
    "p256": ("sig", "ES256"),
    "ed": ("sig", "EdDSA"),
    "mac": ("sig", "HS256"),
    "rsa-enc": ("enc", "RSA-OAEP-256"),
    "p521": ("enc", "ECDH-ES"),
    "x": ("enc", "ECDH-ES+A256KW"),
    "kek": ("enc", "A256GCMKW"),
}
LOADED = "version: 1\ndefaults: {keep_after: 2s}\nkeys:\n" + "".join(
    f"  - {{name: {name}, load: {{file: {name}.jwk}}, use: {use}}}\n"
    for name, (use, _) in KEYS.items())
ROTATES = """version: 1
defaults: {publish_before: 1s, keep_after: 2s}
keys:
  - {name: id, generate: {kty: RSA, bits: 2048}, use: sig}
"""


def pem_key(key):
    return jwk.JWK.from_pem(key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8,
                                              ser.NoEncryption()))


def make_keys(folder):
    jwks = {
        "rsa": pem_key(rsa.generate_private_key(65537, 2048)),
        "p256": pem_key(ec.generate_private_key(ec.SECP256R1())),
        "ed": pem_key(ed25519.Ed25519PrivateKey.generate()),
        "mac": jwk.JWK.generate(kty="oct", size=512),
        "rsa-enc": pem_key(rsa.generate_private_key(65537, 2048)),
        "p521": pem_key(ec.generate_private_key(ec.SECP521R1())),
        "x": jwk.JWK.generate(kty="OKP", crv="X25519"),
        "kek": jwk.JWK.generate(kty="oct", size=256),
    }
    for name, key in jwks.items():
        path = os.path.join(folder, f"{name}.jwk")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(key.export())
    return jwks


def use(node, name, alg):
    """By every worker, so that each has made its contexts."""
    node.ask("bench", "--json", "--alg", alg, "--name", name, "--clients", "16", "--seconds", "1")


def kid_by_name(node, name):
    (key,) = json.loads(node.ask("keys", "--json", "--name", name))["keys"]
    return key["kid"]


@pytest.mark.parametrize("verb", ["destroy", "retire"])
def test_of_a_key_that_is_taken_out_nothing_is_left(tmp_path, verb):
    folder = str(tmp_path)
    jwks = make_keys(folder)
    with plain_node(folder, LOADED) as node:
        vault = node.pids()["vhsmd-vault"]
        for name, (_, alg) in KEYS.items():
            use(node, name, alg)
        kids = {name: kid_by_name(node, name) for name in KEYS}
        for name in KEYS:
            assert scan(folder, secrets_of({name: jwks[name]}), "pid", [vault])[0], name
            operate(node, verb, *(["--yes"] if verb == "destroy" else []), kids[name])
        wait(lambda: not set(kids.values()) & set(states(node)))
        for name in KEYS:
            secrets = secrets_of({name: jwks[name]})
            found, report = scan(folder, secrets, "pid", [vault])
            assert not found, f"{name} after {verb}:\n{report}"


def factors(pid, modulus):
    """Where in a process's memory a factor of modulus stands, as libcrypto keeps
    numbers: in words, the least first."""
    half, found = modulus.bit_length() // 16, []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, mode, *_ = line.split()
            if not mode.startswith("rw"):
                continue
            start, end = (int(a, 16) for a in span.split("-"))
            memory.seek(start)
            data = memory.read(end - start)
            for at in range(0, len(data) - half + 1, 8):
                if data[at] & 1 and data[at + half - 1] & 0x80 and \
                        modulus % int.from_bytes(data[at:at + half], "little") == 0:
                    found.append(f"{start + at:#x}")
    return found


def test_of_a_key_that_rotation_has_replaced_nothing_is_left_after_its_time(tmp_path):
    with plain_node(str(tmp_path), ROTATES) as node:
        vault = node.pids()["vhsmd-vault"]
        use(node, "id", "RS256")
        (key,) = json.loads(node.ask("keys"))["keys"]
        modulus = int.from_bytes(base64url_decode(key["n"]), "big")
        assert factors(vault, modulus)
        operate(node, "rotate", "--now", key["kid"])
        wait(lambda: key["kid"] not in states(node))
        assert factors(vault, modulus) == []
        use(node, "id", "RS256")
