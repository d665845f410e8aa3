"""Invariant 1: no private byte in any readable page, register or core file.

Keys are made here, loaded by the node and used; then every process is read. The
same reading must find the keys in a vault that has ordinary pages, so that it
can fail.
"""
import json
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from jwcrypto import jwe, jwk

from memory.search import plain_node, protection, scan, secrets_of
from support.node import Node

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes: needs root")
OPERATIONS = int(os.environ.get("VHSM_SCAN_OPERATIONS", "100000"))
SPEC = """version: 1
keys:
  - {name: rsa, load: {file: rsa.pem}, use: sig}
  - {name: rsa-enc, load: {file: rsa-enc.der}, use: enc}
  - {name: p256, load: {file: p256.pem}, use: sig}
  - {name: p384, load: {file: p384.jwk}, use: sig}
  - {name: p521, load: {file: p521.jwk}, use: enc}
  - {name: ed, load: {env: VHSM_TEST_KEY}, use: sig}
  - {name: x, load: {file: x.jwk}, use: enc}
  - {name: mac, load: {file: mac.jwk}, use: sig}
  - {name: kek, load: {file: kek.jwk}, use: enc}
  - {name: locked, load: {file: locked.pem, passphrase_file: locked.pass}, use: sig}
  - {name: locked-old, load: {file: locked-old.pem, passphrase_file: locked.pass}, use: sig}
  - {name: p12, load: {file: bundle.p12, passphrase_file: bundle.pass}, use: enc}
"""
PASSPHRASES = {"locked.pass": "A passphrase of some length", "bundle.pass": "Another, for the bundle"}


def as_jwk(key):
    return jwk.JWK.from_pem(key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8,
                                              ser.NoEncryption()))


def der(key, encoding, form):
    return key.private_bytes(encoding, form, ser.NoEncryption())


def make_keys(folder):
    """Writes the key files; the JWKs by name, and the variable's value."""
    keys = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "rsa-enc": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "ed": ed25519.Ed25519PrivateKey.generate(),
        "locked": ec.generate_private_key(ec.SECP256R1()),
        "locked-old": rsa.generate_private_key(65537, 2048),
        "p12": rsa.generate_private_key(65537, 2048),
    }
    jwks = {name: as_jwk(key) for name, key in keys.items()}
    jwks["x"] = jwk.JWK.generate(kty="OKP", crv="X25519")
    jwks["mac"] = jwk.JWK.generate(kty="oct", size=512)
    jwks["kek"] = jwk.JWK.generate(kty="oct", size=256)
    files = {
        "rsa.pem": der(keys["rsa"], ser.Encoding.PEM, ser.PrivateFormat.PKCS8),
        "rsa-enc.der": der(keys["rsa-enc"], ser.Encoding.DER, ser.PrivateFormat.TraditionalOpenSSL),
        "p256.pem": der(keys["p256"], ser.Encoding.PEM, ser.PrivateFormat.TraditionalOpenSSL),
        "p384.jwk": jwks["p384"].export().encode(),
        "p521.jwk": jwks["p521"].export().encode(),
        "x.jwk": jwks["x"].export().encode(),
        "mac.jwk": jwks["mac"].export().encode(),
        "kek.jwk": jwks["kek"].export().encode(),
        **{name: text.encode() for name, text in PASSPHRASES.items()},
    }
    lock = ser.BestAvailableEncryption(PASSPHRASES["locked.pass"].encode())
    files["locked.pem"] = keys["locked"].private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, lock)
    files["locked-old.pem"] = keys["locked-old"].private_bytes(
        ser.Encoding.PEM, ser.PrivateFormat.TraditionalOpenSSL, lock)
    files["bundle.p12"] = pkcs12.serialize_key_and_certificates(
        b"bundle", keys["p12"], None, None,
        ser.BestAvailableEncryption(PASSPHRASES["bundle.pass"].encode()))
    for name, content in files.items():
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
            f.write(content)
    return jwks, jwks["ed"].export()


def passphrases():
    """As they are, and as PKCS#12 spells them."""
    return [f"{name} {text.encode(form).hex()}" for name, text in PASSPHRASES.items()
            for form in ("utf-8", "utf-16-be")]


def operations(node):
    status = json.loads(node.cli("--json", "status").stdout)
    return sum(a["ok"] for a in status["algorithms"].values())


def use_all(node, jwks):
    """Decrypts tokens whose content keys are known, then OPERATIONS of all kinds."""
    ceks = []
    for name, alg in [("rsa-enc", "RSA-OAEP"), ("rsa-enc", "RSA-OAEP-256"),
                      ("p521", "ECDH-ES+A256KW"), ("x", "ECDH-ES+A128KW"), ("x", "ECDH-ES")]:
        for enc in ("A256GCM", "A256CBC-HS512"):
            box = jwe.JWE(b"plain", recipient=jwk.JWK.from_json(jwks[name].export_public()),
                          protected={"alg": alg, "enc": enc, "kid": jwks[name].thumbprint()})
            token = box.serialize(compact=True)
            assert node.cli("decrypt", input=token.encode()).stdout == b"plain"
            ceks.append(f"cek-{alg}-{enc} {box.cek.hex()}")
    for alg in ("A256KW", "A256GCMKW", "dir"):
        kid = json.loads(node.ask("keys", "--name", "kek"))["keys"][0]["kid"]
        box = jwe.JWE(b"plain", recipient=jwks["kek"],
                      protected={"alg": alg, "enc": "A256GCM", "kid": kid})
        token = box.serialize(compact=True)
        assert node.cli("decrypt", input=token.encode()).stdout == b"plain"
        ceks.append(f"cek-{alg} {box.cek.hex()}")
    mix = [("HS256", "mac"), ("HS512", "mac"), ("A256GCMKW", "kek"), ("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "p256"), ("ES384", "p384"),
           ("EdDSA", "ed"), ("RSA-OAEP-256", "rsa-enc"), ("ECDH-ES", "x"),
           ("ECDH-ES+A128KW", "p521")]
    while operations(node) < OPERATIONS:
        for alg, name in mix:
            seconds = "2" if alg in ("ES256", "EdDSA") else "1"
            node.cli("--json", "bench", "--alg", alg, "--name", name, "--clients", "16",
                     "--seconds", seconds)
    return ceks


def test_no_private_byte_is_readable(tmp_path):
    folder = str(tmp_path)
    jwks, variable = make_keys(folder)
    secrets = secrets_of(jwks) + passphrases()
    with Node(SPEC, folder=folder, env={"VHSM_TEST_KEY": variable}) as node:
        if protection(node) != "memfd_secret":
            pytest.skip("this kernel has no memfd_secret: root can read locked pages")
        pids = list(node.pids().values())
        assert len(pids) == 3
        found, report = scan(folder, secrets, "pid", pids)
        assert not found, "after loading:\n" + report
        secrets += use_all(node, jwks)
        found, report = scan(folder, secrets, "pid", pids)
        assert not found, "after use:\n" + report
        cores = []
        for name, pid in node.pids().items():
            subprocess.run(["gcore", "-a", "-o", os.path.join(folder, f"core-{name}"), str(pid)],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=True)
            cores.append(os.path.join(folder, f"core-{name}.{pid}"))
        assert all(os.path.getsize(core) > 100_000 for core in cores)
        found, report = scan(folder, secrets, "file", cores)
        assert not found, "in a core:\n" + report
        assert node.cli("sign", "--name", "p256", input=b"still alive").returncode == 0


def test_the_scan_finds_keys_on_ordinary_pages(tmp_path):
    folder = str(tmp_path)
    jwks, variable = make_keys(folder)
    with plain_node(folder, SPEC, env={"VHSM_TEST_KEY": variable}) as node:
        assert protection(node) == "none"
        vault = node.pids()["vhsmd-vault"]
        others = [pid for name, pid in node.pids().items() if name != "vhsmd-vault"]
        for name, key in jwks.items():
            found, report = scan(folder, secrets_of({name: key}), "pid", [vault])
            assert found, f"{name} not found:\n{report}"
        found, report = scan(folder, secrets_of(jwks) + passphrases(), "pid", others)
        assert not found, report
