"""Keys that are raw: what they do without JOSE is checked by openssl, cryptography and jwcrypto;
each refusal has its allowed twin."""
import base64
import hashlib
import json
import os
import struct
import subprocess
import time
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (Encoding, PublicFormat,
                                                          load_pem_public_key)
from jwcrypto import jwe, jwk, jws

from support.node import Node
from support.wire import Wire, frame, parse

SPEC = """\
version: 1
defaults: {publish_before: 1s, keep_after: 1h}
keys:
  - {name: RSA, generate: {kty: RSA, bits: 2048}, use: sig, raw: true}
  - {name: P-256, generate: {kty: EC, crv: P-256}, use: sig, raw: true}
  - {name: P-384, generate: {kty: EC, crv: P-384}, use: sig, raw: true}
  - {name: P-521, generate: {kty: EC, crv: P-521}, use: sig, raw: true}
  - {name: secp256k1, generate: {kty: EC, crv: secp256k1}, use: sig, raw: true}
  - {name: Ed25519, generate: {kty: OKP, crv: Ed25519}, use: sig, raw: true}
  - {name: Ed448, generate: {kty: OKP, crv: Ed448}, use: sig, raw: true}
  - {name: box-RSA, generate: {kty: RSA, bits: 2048}, use: enc, raw: true}
  - {name: box-P-256, generate: {kty: EC, crv: P-256}, use: enc, raw: true}
  - {name: box-P-384, generate: {kty: EC, crv: P-384}, use: enc, raw: true}
  - {name: box-P-521, generate: {kty: EC, crv: P-521}, use: enc, raw: true}
  - {name: box-X25519, generate: {kty: OKP, crv: X25519}, use: enc, raw: true}
  - {name: box-X448, generate: {kty: OKP, crv: X448}, use: enc, raw: true}
  - {name: plain-sig, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: plain-RSA, generate: {kty: RSA, bits: 2048}, use: enc}
  - {name: plain-box, generate: {kty: OKP, crv: X25519}, use: enc}
  - {name: typed, generate: {kty: EC, crv: P-256}, use: sig, typ: [JWT]}
  - {name: pinned, generate: {kty: RSA, bits: 2048}, use: sig, alg: PS384, raw: true}
  - {name: wraps, generate: {kty: EC, crv: P-256}, use: enc, alg: ECDH-ES+A256KW, raw: true}
  - {name: checks, generate: {kty: EC, crv: P-256}, use: sig, ops: [verify], raw: true}
  - {name: others, generate: {kty: EC, crv: P-256}, use: sig, allow: [nobody-here], raw: true}
"""
AUDIT = "audit: {file: audit.log}\n"
TEXT = b"what is signed\n" * 3
DENIED = "the key spec does not let this key do that"
SIGNATURES = [("RSA", alg) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")] + [
    ("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512"), ("secp256k1", "ES256K"),
    ("Ed25519", "EdDSA"), ("Ed448", "EdDSA")]
OAEP = {"RSA-OAEP": "sha1", "RSA-OAEP-256": "sha256", "RSA-OAEP-384": "sha384",
        "RSA-OAEP-512": "sha512"}


def hash_of(alg):
    return "sha" + (alg[2:5] if alg[2:5].isdigit() else "256")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def node():
    with Node(SPEC, AUDIT) as running:
        yield running


def jwk_of(node, name):
    (found,) = json.loads(node.ask("keys", "--name", name))["keys"]
    return found


def kid(node, name):
    return jwk_of(node, name)["kid"]


def public(node, name, folder):
    path = folder / f"{name}.pem"
    path.write_bytes(jwk.JWK(**jwk_of(node, name)).export_to_pem())
    return path


def openssl(*args, data=None):
    done = subprocess.run(["openssl", *map(str, args)], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def verify(node, name, alg, signature, folder):
    """By openssl, of TEXT."""
    pem, sig, text = public(node, name, folder), folder / "sig", folder / "text"
    text.write_bytes(TEXT)
    if name.startswith(("P-", "secp")):
        half = len(signature) // 2
        signature = encode_dss_signature(int.from_bytes(signature[:half], "big"),
                                         int.from_bytes(signature[half:], "big"))
    sig.write_bytes(signature)
    if alg == "EdDSA":
        openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", pem, "-in", text, "-sigfile", sig)
        return
    pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
    openssl("dgst", "-" + hash_of(alg), "-verify", pem, "-signature", sig,
            *(pss if alg.startswith("PS") else []), text)


# --- signatures -------------------------------------------------------------

@pytest.mark.parametrize("name,alg", SIGNATURES)
def test_openssl_verifies_a_signature_of_data(node, tmp_path, name, alg):
    signature = node.ask("raw", "sign", "--name", name, "--alg", alg, input=TEXT)
    verify(node, name, alg, signature, tmp_path)


@pytest.mark.parametrize("name,alg", [row for row in SIGNATURES if row[1] != "EdDSA"])
def test_openssl_verifies_a_signature_of_a_digest(node, tmp_path, name, alg):
    digest = hashlib.new(hash_of(alg), TEXT).digest()
    signature = node.ask("raw", "sign", "--digest", "--kid", kid(node, name), "--alg", alg,
                         input=digest)
    verify(node, name, alg, signature, tmp_path)


def test_an_ecdsa_signature_is_as_long_as_jose_has_it(node):
    for name, alg, size in (("P-256", "ES256", 64), ("P-384", "ES384", 96), ("P-521", "ES512", 132)):
        assert len(node.ask("raw", "sign", "--name", name, "--alg", alg, input=TEXT)) == size


def test_the_answer_says_which_key_it_was(node):
    answer = json.loads(node.ask("raw", "sign", "--json", "--name", "P-256", "--alg", "ES256",
                                 input=TEXT))
    assert (answer["kid"], answer["alg"]) == (kid(node, "P-256"), "ES256")
    assert answer["jwk"] == jwk_of(node, "P-256")
    assert len(base64.urlsafe_b64decode(answer["data_b64u"] + "==")) == 64


@pytest.mark.parametrize("name,alg", [("P-256", "ES256"), ("RSA", "PS256")])
def test_a_jws_made_around_it_is_one_for_jwcrypto(node, name, alg):
    head = b64(json.dumps({"alg": alg, "kid": kid(node, name)}).encode())
    digest = hashlib.sha256(f"{head}.{b64(TEXT)}".encode()).digest()
    signature = node.ask("raw", "sign", "--digest", "--name", name, "--alg", alg, input=digest)
    token = jws.JWS()
    token.deserialize(f"{head}.{b64(TEXT)}.{b64(signature)}", jwk.JWK(**jwk_of(node, name)))
    assert token.payload == TEXT


def test_only_raw_keys_are_chosen(node):
    raw = {kid(node, name) for name in ("P-256",)}
    for _ in range(10):
        answer = json.loads(node.ask("raw", "sign", "--json", "--alg", "ES256", input=TEXT))
        assert answer["kid"] in raw


# --- decryption -------------------------------------------------------------

def seal(node, folder, alg, plain, label=None, name="box-RSA"):
    options = ["rsa_padding_mode:oaep", f"rsa_oaep_md:{OAEP[alg]}", f"rsa_mgf1_md:{OAEP[alg]}"]
    if label:
        options.append(f"rsa_oaep_label:{label.encode().hex()}")
    return openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public(node, name, folder),
                   *sum((["-pkeyopt", option] for option in options), []), data=plain)


@pytest.mark.parametrize("alg", OAEP)
@pytest.mark.parametrize("label", [None, "a label"])
def test_what_openssl_encrypted_is_decrypted(node, tmp_path, alg, label):
    for plain in (b"x", b"sixteen bytes ...", bytes(range(60))):
        sealed = seal(node, tmp_path, alg, plain, label)
        options = ["--label", label] if label else []
        assert node.ask("raw", "decrypt", "--kid", kid(node, "box-RSA"), "--alg", alg, *options,
                        input=sealed) == plain


def refusal(node, *args, data=TEXT):
    done = node.cli("raw", *args, input=data)
    assert done.returncode != 0 and done.stdout == b"", done.stdout
    return done.stderr.decode()


def test_all_that_does_not_decrypt_is_one_error(node, tmp_path):
    key, alg = kid(node, "box-RSA"), "RSA-OAEP-256"
    good = seal(node, tmp_path, alg, b"secret")
    flipped = bytes([good[0] ^ 1]) + good[1:]
    bad = [flipped, good[:-1], good + b"\0", b"", b"\0" * 256, b"\xff" * 256,
           seal(node, tmp_path, alg, b"secret", "label"), seal(node, tmp_path, "RSA-OAEP", b"secret"),
           seal(node, tmp_path, alg, b"secret", name="plain-RSA")]
    said = {refusal(node, "decrypt", "--kid", key, "--alg", alg, data=data) for data in bad}
    said.add(refusal(node, "decrypt", "--kid", key, "--alg", alg, "--label", "x", data=good))
    assert said == {"vhsm: raw decrypt: decryption failed\n"}
    assert node.ask("raw", "decrypt", "--kid", key, "--alg", alg, input=good) == b"secret"


# --- key agreement ----------------------------------------------------------

def peer_of(crv):
    """A private key of cryptography, and its public JWK."""
    if crv.startswith("P-"):
        made = ec.generate_private_key({"P-256": ec.SECP256R1, "P-384": ec.SECP384R1,
                                        "P-521": ec.SECP521R1}[crv]())
        return made, jwk.JWK.from_pyca(made.public_key()).export_public()
    made = {"X25519": x25519.X25519PrivateKey, "X448": x448.X448PrivateKey}[crv].generate()
    x = made.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return made, json.dumps({"kty": "OKP", "crv": crv, "x": b64(x)})


def derive(node, name, peer, folder):
    path = folder / "peer.jwk"
    path.write_text(peer)
    return node.ask("raw", "derive", "--kid", kid(node, name), "--jwk", str(path))


def shared(node, name, private):
    """What cryptography comes to on the other side."""
    ours = load_pem_public_key(jwk.JWK(**jwk_of(node, name)).export_to_pem())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.exchange(ec.ECDH(), ours)
    return private.exchange(ours)


@pytest.mark.parametrize("crv", ["P-256", "P-384", "P-521", "X25519", "X448"])
def test_cryptography_derives_the_same_secret(node, tmp_path, crv):
    private, peer = peer_of(crv)
    assert derive(node, f"box-{crv}", peer, tmp_path) == shared(node, f"box-{crv}", private)


def test_a_pin_of_the_same_mechanism_derives_too(node, tmp_path):
    private, peer = peer_of("P-256")
    assert derive(node, "wraps", peer, tmp_path) == shared(node, "wraps", private)


def concat(z, enc, size):
    """RFC 7518, 4.6.2, for one round of SHA-256, without party info."""
    info = struct.pack(">I", len(enc)) + enc.encode() + struct.pack(">III", 0, 0, size * 8)
    return hashlib.sha256(struct.pack(">I", 1) + z + info).digest()[:size]


def test_a_jwe_of_jwcrypto_opens_with_the_secret(node, tmp_path):
    box = jwe.JWE(b"payload", json.dumps({"alg": "ECDH-ES", "enc": "A256GCM"}))
    box.add_recipient(jwk.JWK(**jwk_of(node, "box-P-256")))
    token = box.serialize(compact=True)
    epk = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["epk"]
    z = derive(node, "box-P-256", json.dumps(epk), tmp_path)
    head, _, *rest = token.split(".")
    iv, text, tag = (base64.urlsafe_b64decode(part + "==") for part in rest)
    opened = AESGCM(concat(z, "A256GCM", 32)).decrypt(iv, text + tag, head.encode())
    assert opened == b"payload"


# --- refusals ---------------------------------------------------------------

def test_a_key_that_is_not_raw_is_refused_and_does_its_jose(node, tmp_path):
    peer = tmp_path / "peer.jwk"
    peer.write_text(peer_of("X25519")[1])
    for args in (("sign", "--name", "plain-sig", "--alg", "ES256"),
                 ("sign", "--name", "typed", "--alg", "ES256"),
                 ("decrypt", "--kid", kid(node, "plain-RSA"), "--alg", "RSA-OAEP"),
                 ("derive", "--kid", kid(node, "plain-box"), "--jwk", str(peer))):
        assert DENIED in refusal(node, *args)
    node.ask("sign", "--name", "plain-sig", input=TEXT)


def test_ops_hold_for_raw(node):
    assert DENIED in refusal(node, "sign", "--name", "checks", "--alg", "ES256")


def test_allow_holds_for_raw(node):
    said = refusal(node, "sign", "--name", "others", "--alg", "ES256")
    assert "key not found" in said, said


def test_a_digest_of_another_length_is_refused(node):
    for alg, name in (("ES256", "P-256"), ("RS512", "RSA"), ("PS384", "RSA")):
        right = int(hash_of(alg)[3:]) // 8
        for size in (0, 20, right - 1, right + 1, 28):
            said = refusal(node, "sign", "--digest", "--name", name, "--alg", alg, data=bytes(size))
            assert f"a digest of {size} bytes, expected {right} for {alg}" in said, said
        node.ask("raw", "sign", "--digest", "--name", name, "--alg", alg, input=bytes(right))


def test_eddsa_signs_no_digest(node):
    said = refusal(node, "sign", "--digest", "--name", "Ed25519", "--alg", "EdDSA", data=bytes(64))
    assert "EdDSA signs data, not its digest" in said, said


@pytest.mark.parametrize("name,alg", [
    ("RSA", "ES256"), ("P-256", "ES384"), ("P-256", "RS256"), ("pinned", "RS256"),
    ("pinned", "PS256"), ("P-256", "HS256"), ("P-256", "none"), ("RSA", "RSA-OAEP")])
def test_a_mechanism_that_is_not_the_keys_is_refused(node, name, alg):
    assert "algorithm unknown or not fit for this key" in refusal(node, "sign", "--name", name,
                                                                 "--alg", alg)


def test_the_pinned_mechanism_is_the_one_that_works(node, tmp_path):
    signature = node.ask("raw", "sign", "--name", "pinned", "--alg", "PS384", input=TEXT)
    verify(node, "pinned", "PS384", signature, tmp_path)


def test_a_key_of_the_wrong_use_is_refused(node, tmp_path):
    peer = tmp_path / "peer.jwk"
    peer.write_text(peer_of("P-256")[1])
    for args in (("sign", "--name", "box-RSA", "--alg", "RS256"),
                 ("decrypt", "--kid", kid(node, "RSA"), "--alg", "RSA-OAEP"),
                 ("derive", "--kid", kid(node, "P-256"), "--jwk", str(peer))):
        assert "key not found" in refusal(node, *args)


def test_rsa1_5_does_not_decrypt_raw(node):
    assert "algorithm unknown" in refusal(node, "decrypt", "--kid", kid(node, "box-RSA"), "--alg",
                                          "RSA1_5", data=bytes(256))


def test_a_point_that_gives_no_secret_is_refused(node, tmp_path):
    path = tmp_path / "peer.jwk"
    good = jwk_of(node, "box-P-256")
    points = [("box-P-256", {**good, "y": b64(bytes(31) + b"\1")}),
              ("box-P-256", json.loads(peer_of("P-384")[1])),
              ("box-X25519", {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}),
              ("box-X448", {"kty": "OKP", "crv": "X448", "x": b64(b"\1" + bytes(55))})]
    for name, point in points:
        path.write_text(json.dumps({k: point[k] for k in ("kty", "crv", "x", "y") if k in point}))
        said = refusal(node, "derive", "--kid", kid(node, name), "--jwk", str(path))
        assert "not acceptable" in said or "not fit for this use" in said, said


def test_nobody_signs_a_proof_for_another_node(node):
    said = refusal(node, "sign", "--name", "Ed25519", "--alg", "EdDSA", data=b"vhsm-proof|b|1|k")
    assert 'begins with "vhsm-proof|"' in said, said


# --- spec, batch, audit, metrics, reload ------------------------------------

@pytest.mark.parametrize("entry,says", [
    ("{generate: {kty: EC, crv: P-256}, use: sig, typ: [JWT], raw: true}",
     "found true beside typ"),
    ("{generate: {kty: EC, crv: P-256}, use: sig, claims: {iss: a}, raw: true}",
     "found true beside claims"),
    ("{generate: {kty: oct, bits: 256}, use: sig, raw: true}", "found true for oct"),
    ("{generate: {kty: RSA, bits: 2048}, use: enc, alg: RSA1_5, raw: true}",
     "found true for alg RSA1_5")])
def test_a_spec_that_would_go_around_itself_does_not_start(entry, says):
    node = Node(f"version: 1\nkeys:\n  - {entry}\n")
    try:
        node.launch()
        assert node.process.wait(30) != 0
        with open(node.log_file) as log:
            assert "raw: " + says in log.read().replace('\\"', '"')
    finally:
        node.__exit__(None, None, None)


def test_a_loaded_symmetric_key_cannot_be_raw():
    node = Node("version: 1\nkeys:\n  - {load: {file: key.jwk}, use: sig, raw: true}\n")
    try:
        node.write("key.jwk", json.dumps({"kty": "oct", "k": b64(os.urandom(32))}))
        node.launch()
        assert node.process.wait(30) != 0
        with open(node.log_file) as log:
            assert "raw of the key spec does not fit a symmetric key" in log.read()
        assert os.path.exists(os.path.join(node.dir, "key.jwk")), "nothing was deleted"
    finally:
        node.__exit__(None, None, None)


def test_a_batch_takes_raw_requests(node):
    name = kid(node, "P-256").encode()
    items = [frame("RAWSIGN", [("KID", name), ("ALG", b"ES256"), ("DATA", TEXT)], 1),
             frame("RAWSIGN", [("KID", name), ("ALG", b"ES256"), ("DATA", bytes(31)),
                               ("PREHASHED", struct.pack(">I", 1))], 2)]
    with Wire(node.url) as wire:
        wire.send(frame("BATCH", [("ITEM", item) for item in items]))
        _, data = wire.receive()
    body, at, found = data[24:], 0, {}
    while at < len(body):
        _, size = struct.unpack_from(">HI", body, at)
        error, fields, number = parse(body[at + 6:at + 6 + size])
        found[number] = (error, len(fields.get("SIGNATURE", b"")))
        at += 6 + size
    assert found == {1: ("OK", 64), 2: ("EFIELD", 0)}


def test_each_use_is_in_the_audit_trail(node, tmp_path):
    before = marked(node)
    digest = hashlib.sha256(TEXT).digest()
    sealed = seal(node, tmp_path, "RSA-OAEP", b"secret")
    node.ask("raw", "sign", "--digest", "--name", "RSA", "--alg", "PS256", input=digest)
    node.ask("raw", "decrypt", "--kid", kid(node, "box-RSA"), "--alg", "RSA-OAEP", input=sealed)
    derive(node, "box-X25519", peer_of("X25519")[1], tmp_path)
    refusal(node, "decrypt", "--kid", kid(node, "box-RSA"), "--alg", "RSA-OAEP", data=bytes(256))
    lines = wait_for_lines(node, before + 4)[before:]
    assert [(x["op"], x["alg"], x["outcome"]) for x in lines] == [
        ("raw-sign", "PS256", "ok"), ("raw-decrypt", "RSA-OAEP", "ok"),
        ("raw-derive", "ECDH-ES", "ok"), ("raw-decrypt", "RSA-OAEP", "EDECRYPT")]
    assert [x["kid"] for x in lines] == [kid(node, name) for name in (
        "RSA", "box-RSA", "box-X25519", "box-RSA")]
    assert lines[0]["digest"] == b64(hashlib.sha256(digest).digest())
    assert lines[1]["digest"] == b64(hashlib.sha256(sealed).digest())
    assert all(x["who"].startswith(f"uid:{os.getuid()}") for x in lines)


def marked(node):
    """How many lines there are when all of earlier tests are written."""
    mark = os.urandom(16)
    node.ask("raw", "sign", "--name", "P-256", "--alg", "ES256", input=mark)
    wanted = b64(hashlib.sha256(mark).digest())
    for _ in range(200):
        found = [i for i, line in enumerate(audit(node)) if line.get("digest") == wanted]
        if found:
            return found[0] + 1
        time.sleep(0.05)
    raise AssertionError("the mark is not in the trail")


def audit(node):
    with open(os.path.join(node.dir, "state", "audit.log"), "rb") as f:
        return [json.loads(line) for line in f.read().rpartition(b"\n")[0].splitlines()]


def wait_for_lines(node, count):
    for _ in range(200):
        if len(audit(node)) >= count:
            break
        time.sleep(0.05)
    return audit(node)


def test_metrics_tell_raw_operations_apart(node):
    node.ask("raw", "sign", "--name", "P-256", "--alg", "ES256", input=TEXT)
    text = urllib.request.urlopen(f"http://{node.http}/metrics").read().decode()
    (line,) = [x for x in text.splitlines() if 'op="RAWSIGN"' in x and 'outcome="ok"' in x]
    assert int(line.split()[-1]) > 0


def test_a_reload_gives_and_takes_raw():
    entry = "version: 1\nkeys:\n  - {name: k, generate: {kty: EC, crv: P-256}, use: sig%s}\n"
    with Node(entry % ", raw: true") as node:
        key = kid(node, "k")
        node.ask("reload", url=node.operator)
        node.ask("raw", "sign", "--name", "k", "--alg", "ES256", input=TEXT)
        for spec, works in (("", False), (", raw: true", True)):
            node.write("keyspec.yaml", entry % spec)
            node.ask("reload", url=node.operator)
            for _ in range(100):
                done = node.cli("raw", "sign", "--name", "k", "--alg", "ES256", input=TEXT)
                if (done.returncode == 0) == works:
                    break
                time.sleep(0.05)
            assert (done.returncode == 0) == works, done.stderr
            assert works or DENIED in done.stderr.decode()
            assert kid(node, "k") == key
