"""Symmetric keys and RSA1_5: both directions with jwcrypto, loaded and generated keys, and
that nobody but their callers sees them."""
import base64
import json
import os
import urllib.request

import pytest
from jwcrypto import jwe, jwk, jws

from support.node import Node
from support.peers import PAYLOADS

HMACS = {"HS256": 256, "HS384": 384, "HS512": 512}
WRAPS = {f"A{bits}{kind}": bits for kind in ("KW", "GCMKW") for bits in (128, 192, 256)}
ENCS = {"A128GCM": 128, "A192GCM": 192, "A256GCM": 256,
        "A128CBC-HS256": 256, "A192CBC-HS384": 384, "A256CBC-HS512": 512}
BOXES = [(alg, f"w{bits}", enc) for alg, bits in WRAPS.items() for enc in ENCS]
BOXES += [("dir", f"w{bits}", enc) for enc, bits in ENCS.items()]
BOXES += [("RSA1_5", "old", enc) for enc in ENCS]
SIZES = {f"w{bits}": bits for bits in (128, 192, 256, 384, 512)}

SPEC = """version: 1
keys:
  - {name: es, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: made, generate: {kty: oct, bits: 512}, use: sig}
  - {name: made-enc, generate: {kty: oct, bits: 256}, use: enc}
  - {name: hidden, generate: {kty: oct, bits: 256}, use: sig, alg: HS256, allow: ["uid:4242"]}
  - {name: old, load: {file: keys/old.jwk}, use: enc, alg: RSA1_5}
  - {name: mac, load: {file: keys/mac.jwk}, use: sig}
""" + "".join(f"  - {{name: {name}, load: {{file: keys/{name}.jwk}}, use: enc}}\n" for name in SIZES)


@pytest.fixture(scope="module")
def shared():
    """The keys, as jwcrypto has them."""
    made = {name: jwk.JWK.generate(kty="oct", size=bits) for name, bits in SIZES.items()}
    made["mac"] = jwk.JWK.generate(kty="oct", size=512)
    made["old"] = jwk.JWK.generate(kty="RSA", size=2048)
    return made


@pytest.fixture(scope="module")
def node(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("symmetric")
    os.mkdir(folder / "keys")
    for name, key in shared.items():
        with open(folder / "keys" / f"{name}.jwk", "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(key.export())
    with Node(SPEC, folder=folder) as running:
        yield running


def described(node, name):
    return json.loads(node.ask("keys", "--name", name))["keys"]


def seal(key, alg, enc, payload, more=None):
    box = jwe.JWE(payload, protected={"alg": alg, "enc": enc, **(more or {})}, algs=[alg, enc])
    box.add_recipient(key)
    return box.serialize(compact=True)


@pytest.mark.parametrize("alg", HMACS)
def test_a_mac_of_the_node_is_the_one_of_jwcrypto(node, shared, alg):
    for payload in PAYLOADS:
        text = node.ask("sign", "--name", "mac", "--alg", alg, input=payload).decode().strip()
        token = jws.JWS()
        token.allowed_algs = [alg]
        token.deserialize(text, shared["mac"])
        assert token.payload == payload
        assert node.ask("verify", input=text.encode()) == payload


@pytest.mark.parametrize("alg", HMACS)
def test_the_node_verifies_a_mac_of_jwcrypto_without_kid(node, shared, alg):
    token = jws.JWS(b"text")
    token.add_signature(shared["mac"], alg, json.dumps({"alg": alg}))
    text = token.serialize(compact=True)
    assert node.ask("verify", input=text.encode()) == b"text"
    head, _, mac = text.rpartition(".")
    bad = f"{head}.{'B' if mac[0] == 'A' else 'A'}{mac[1:]}"
    refused = node.cli("verify", input=bad.encode())
    assert refused.returncode == 1 and b"signature not valid" in refused.stderr


def judged(node, token, *args):
    done = node.cli("verify", "--json", *args, input=token.encode())
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.decode()


def outcomes(seen):
    return [s["outcome"] for s in seen["signatures"]]


def test_macs_and_signatures_stand_in_one_message(node, shared):
    made = json.loads(node.ask("sign", "--json", "--name", "mac", "--alg", "HS256",
                               "--also", "--name", "es", "--also", "--name", "made", "--alg",
                               "HS512", "--also", "--name", "mac", "--alg", "HS384",
                               input=b"text"))
    seen = judged(node, made["token"], "--all")
    assert seen["payload"] == "text" and outcomes(seen) == ["done"] * 4
    assert [s["kid"] for s in seen["signatures"]] == [s["kid"] for s in made["signatures"]]
    assert [s["alg"] for s in seen["signatures"]] == ["HS256", "ES256", "HS512", "HS384"]
    assert seen["signatures"][0]["jwk"]["kty"] == "oct" and "k" not in seen["signatures"][0]["jwk"]
    assert seen["signatures"][1]["jwk"]["kty"] == "EC"
    token = jws.JWS()
    token.allowed_algs = ["HS256", "ES256", "HS512", "HS384"]
    token.deserialize(made["token"], shared["mac"])
    assert token.payload == b"text"
    message = json.loads(made["token"])
    first, second = message["signatures"][0], message["signatures"][2]
    second["signature"] = base64.urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()
    seen = judged(node, json.dumps(message))
    assert outcomes(seen) == ["done", "done", "signature not valid", "done"]
    assert "signature 3" in judged(node, json.dumps(message), "--all")
    first["signature"] = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    seen = judged(node, json.dumps(message))
    assert seen["alg"] == "ES256" and outcomes(seen)[0] == "signature not valid"
    message["signatures"] = [first, second]
    assert "none of 2" in judged(node, json.dumps(message))


def general(key, *algs, kid=None):
    token = jws.JWS(b"text")
    for alg in algs:
        header = {"alg": alg, **({"kid": kid} if kid else {})}
        token.add_signature(key, alg, json.dumps(header))
    return token.serialize()


def test_macs_without_kid_are_found_among_several(node, shared):
    stranger = jwk.JWK.generate(kty="oct", size=512)
    seen = judged(node, general(shared["mac"], "HS256", "HS384"), "--all")
    assert outcomes(seen) == ["done", "done"]
    message = json.loads(general(shared["mac"], "HS256", "HS256"))
    other = json.loads(general(stranger, "HS256", "HS256"))["signatures"]
    message["signatures"][0] = other[0]
    seen = judged(node, json.dumps(message))
    assert outcomes(seen) == ["signature not valid", "done"]
    assert seen["kid"] == described(node, "mac")[0]["kid"]


def test_a_detached_message_with_macs(node):
    token = node.ask("sign", "--name", "mac", "--alg", "HS256", "--also", "--name", "es",
                     "--detached", "--unencoded", input=b"a.b\0").decode()
    seen = judged(node, token, "--all", "--payload", node.write("apart", b"a.b\0"))
    assert outcomes(seen) == ["done", "done"]
    assert "none of 2" in judged(node, token, "--payload", node.write("apart", b"a.b"))


def test_more_macs_than_keys_that_are_tried_cannot_all_be_judged(node, shared):
    kid = described(node, "mac")[0]["kid"]
    seen = judged(node, general(shared["mac"], *["HS256"] * 10, kid=kid))
    assert outcomes(seen) == ["done"] * 8 + ["too large"] * 2


def test_a_mac_of_a_key_of_somebody_else_is_no_news(node, shared):
    token = general(shared["mac"], "HS256", "HS384", kid="nobody")
    assert "key not found" in judged(node, token)


def test_a_jwk_set_of_the_caller_holds_no_secret_of_several(node, shared, tmp_path):
    path = tmp_path / "jwks.json"
    public, = described(node, "es")
    path.write_text(json.dumps({"keys": [public]}))
    made = node.ask("sign", "--name", "mac", "--alg", "HS256", "--also", "--name", "es",
                    input=b"text").decode()
    seen = judged(node, made, "--jwks", str(path))
    assert outcomes(seen)[0] != "done" and outcomes(seen)[1] == "done"


def test_a_public_key_is_no_hmac_key(node):
    """The oldest forgery: HS256 with the text of a published key."""
    public, = described(node, "es")
    for secret in (json.dumps(public).encode(), public["x"].encode()):
        key = jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(secret).rstrip(b"=").decode())
        token = jws.JWS(b"text")
        token.add_signature(key, "HS256", json.dumps({"alg": "HS256", "kid": public["kid"]}))
        refused = node.cli("verify", input=token.serialize(compact=True).encode())
        assert refused.returncode == 1 and refused.stdout == b""


def test_a_jwk_set_of_the_caller_holds_no_secret(node, shared, tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [json.loads(shared["mac"].export())]}))
    text = node.ask("sign", "--name", "mac", "--alg", "HS256", input=b"text")
    refused = node.cli("verify", "--jwks", str(path), input=text)
    assert refused.returncode == 1 and refused.stdout == b""


@pytest.mark.parametrize("alg,name,enc", BOXES)
def test_boxes_come_and_go(node, shared, alg, name, enc):
    kid = described(node, name)[0]["kid"]
    for payload in PAYLOADS[1::2]:
        text = seal(shared[name], alg, enc, payload, {"kid": kid})
        assert node.ask("decrypt", input=text.encode()) == payload
    text = node.ask("encrypt", "--alg", alg, "--enc", enc, "--name", name,
                    input=b"text").decode().strip()
    box = jwe.JWE(algs=[alg, enc])
    box.deserialize(text, shared[name])
    assert box.payload == b"text"


@pytest.mark.parametrize("alg,name", [("A256KW", "w256"), ("A128GCMKW", "w128"), ("dir", "w384")])
def test_a_box_without_kid_finds_its_key(node, shared, alg, name):
    text = seal(shared[name], alg, "A192CBC-HS384", b"text")
    assert node.ask("decrypt", input=text.encode()) == b"text"


def test_dir_takes_the_key_that_is_as_long_as_enc_says(node):
    for enc in ENCS:
        text = node.ask("encrypt", "--alg", "dir", "--enc", enc, input=b"text")
        assert node.ask("decrypt", input=text) == b"text"
    refused = node.cli("encrypt", "--alg", "dir", "--enc", "A256GCM", "--name", "w128",
                       input=b"text")
    assert refused.returncode == 1
    assert b'fits none of the algorithms (use enc): name="w128" alg="dir" enc="A256GCM"' in refused.stderr, refused.stderr


def test_a_secret_of_the_caller_is_no_recipient(node, shared, tmp_path):
    for text in (shared["w256"].export(), '{"kty":"oct"}'):
        path = tmp_path / "key.jwk"
        path.write_text(text)
        refused = node.cli("encrypt", "--alg", "A256KW", "--enc", "A256GCM", "--jwk", str(path),
                           input=b"text")
        assert refused.returncode == 1 and b"key malformed" in refused.stderr


def test_rsa1_5_needs_its_pin(node):
    refused = node.cli("encrypt", "--alg", "RSA-OAEP", "--enc", "A256GCM", "--name", "old",
                       input=b"text")
    assert refused.returncode == 1
    assert described(node, "old")[0]["alg"] == "RSA1_5"


def test_callers_see_what_they_may_use_and_never_k(node):
    key, = described(node, "made")
    assert set(key) == {"kty", "kid", "use", "name"} and key["kty"] == "oct"
    assert len(key["kid"]) == 43
    keys = json.loads(node.ask("keys"))["keys"]
    assert not any("k" in key for key in keys)
    assert {key.get("name") for key in keys if key["kty"] == "oct"} == {
        "made", "made-enc", "mac", *SIZES}
    assert len(json.loads(node.ask("keys", "--kty", "oct"))["keys"]) == 3 + len(SIZES)


def test_who_is_not_allowed_can_neither_sign_nor_verify_nor_encrypt(node):
    refused = node.cli("sign", "--name", "hidden", input=b"text")
    assert refused.returncode == 1 and b"key not found" in refused.stderr
    assert described(node, "hidden") == []


def test_nothing_of_a_symmetric_key_is_published(node):
    with urllib.request.urlopen(f"http://{node.http}/.well-known/jwks.json") as answer:
        text = answer.read().decode()
    assert {key["kty"] for key in json.loads(text)["keys"]} == {"EC", "RSA"}
    assert '"oct"' not in text


def test_the_files_are_deleted(node):
    assert os.listdir(os.path.join(node.dir, "keys")) == []
