"""The programs in client/examples compile as they stand, and work; libvhsm(3) names
all of the library."""
import base64
import hashlib
import json
import os
import re
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from jwcrypto import jwk

from support.built import compiler
from support.node import BUILD, ROOT, Node

FOLDER = os.path.join(ROOT, "client", "examples")
NAMES = sorted(name[:-2] for name in os.listdir(FOLDER) if name.endswith(".c"))


@pytest.fixture(scope="module")
def node():
    with Node() as running:
        yield running


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for name in NAMES:
        subprocess.run([*compiler(), "-Wall", "-Wextra", "-Werror", "-pthread",
                        "-I", os.path.join(ROOT, "client"), os.path.join(FOLDER, name + ".c"),
                        os.path.join(BUILD, "lib", "libvhsm.a"), "-o", str(folder / name)], check=True)
    return folder


def run(node, built, *command, input=""):
    done = subprocess.run([os.path.join(built, command[0]), *command[1:]],
                          input=input if isinstance(input, bytes) else input.encode(),
                          capture_output=True, timeout=60, env={**os.environ, "VHSM_SOCKET": node.url})
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_each_example_has_a_test_here():
    with open(__file__) as f:
        used = set(re.findall(r'run\(node, built, "(\w+)"', f.read()))
    assert used == set(NAMES)


def test_sign_and_verify(node, built, tmp_path):
    out = run(node, built, "sign", "hello").splitlines()
    assert out[1] == "verified: hello"
    (tmp_path / "jwks").write_bytes(node.ask("keys"))
    for more in ([], [str(tmp_path / "jwks")]):
        assert run(node, built, "verify", *more, input=out[0] + "\n").startswith("hello\nkid ")
    changed = out[0][:-8] + ("A" if out[0][-8] != "A" else "B") + out[0][-7:]
    with pytest.raises(AssertionError):
        run(node, built, "verify", input=changed)


@pytest.mark.parametrize("alg", ["ECDH-ES", "RSA-OAEP-256", "ECDH-ES+A128KW"])
def test_decrypt(node, built, alg):
    assert "decrypted: for the node's eyes only" in run(node, built, "decrypt", alg, "A128GCM")


def test_batch(node, built):
    tokens = run(node, built, "batch", "64").split()
    assert len(set(tokens)) == 64
    assert {node.ask("verify", input=t.encode()) for t in tokens} == {b"text %d" % i for i in range(64)}


def test_fork(node, built):
    assert run(node, built, "fork", "5") == "6 processes, 0 failed\n"


def test_pool(node, built):
    assert run(node, built, "pool", "8").startswith("160 signatures by 8 threads")


RAW = """version: 1
keys:
  - {generate: {kty: EC, crv: P-256}, use: sig, raw: true}
  - {generate: {kty: RSA, bits: 2048}, use: enc, alg: RSA-OAEP-256, raw: true}
  - {generate: {kty: OKP, crv: X25519}, use: enc, raw: true}
"""


def test_raw(built):
    with Node(RAW) as node:
        keys = {k["kty"]: k for k in json.loads(node.ask("keys"))["keys"]}
        public = {kty: jwk.JWK(**k).get_op_key("verify" if kty == "EC" else "wrapKey")
                  for kty, k in keys.items() if kty != "OKP"}
        digest = hashlib.sha256(b"text").digest()
        made = bytes.fromhex(run(node, built, "raw", "sign", keys["EC"]["kid"], "ES256", input=digest))
        der = encode_dss_signature(*(int.from_bytes(made[i:i + 32], "big") for i in (0, 32)))
        public["EC"].verify(der, b"text", ec.ECDSA(hashes.SHA256()))

        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"for you")
        box = public["RSA"].encrypt(b"secret", oaep)
        assert bytes.fromhex(run(node, built, "raw", "decrypt", keys["RSA"]["kid"], "RSA-OAEP-256",
                                 "for you", input=box)) == b"secret"

        own = jwk.JWK.generate(kty="OKP", crv="X25519")
        theirs = X25519PublicKey.from_public_bytes(
            base64.urlsafe_b64decode(keys["OKP"]["x"] + "="))
        shared = run(node, built, "raw", "derive", keys["OKP"]["kid"], input=own.export_public())
        assert bytes.fromhex(shared) == own.get_op_key("unwrapKey").exchange(theirs)


def functions():
    names = subprocess.run(["nm", "-D", "--defined-only", os.path.join(BUILD, "lib", "libvhsm.so")],
                           capture_output=True, text=True, check=True).stdout
    return {line.split()[2] for line in names.splitlines()}


def test_the_manual_page_has_every_function_as_the_header_declares_it():
    with open(os.path.join(ROOT, "deploy", "man", "libvhsm.3")) as f:
        page = f.read()
    with open(os.path.join(ROOT, "client", "vhsm.h")) as f:
        header = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    assert set(re.findall(r"^\.Nm (vhsm_\w+)", page, re.M)) == functions()
    synopsis = page.partition(".Sh SYNOPSIS")[2].partition(".Sh DESCRIPTION")[0]
    said = dict(re.findall(r"^\.Fn (vhsm_\w+) (.*)$", synopsis, re.M))
    assert set(said) == functions()
    for name, arguments in said.items():
        declared = re.search(rf"\b{name}\(([^)]*)\)", header)[1]
        assert (re.findall(r'"([^"]*)"', arguments) or [arguments]) == [
            " ".join(a.split()) for a in declared.split(",")], name
        assert re.search(rf"^\.Fn {name}$", page.partition(".Sh DESCRIPTION")[2], re.M) or \
            re.search(rf"^\.Fn {name}( ,| \.)?$", page.partition(".Sh DESCRIPTION")[2], re.M), name
