"""Both directions with jwcrypto, for every alg and every alg with every enc."""
import json
import urllib.request

import pytest
from jwcrypto import jwe, jwk, jws
from jwcrypto.common import base64url_encode

from support.peers import BOXES as ALL_BOXES
from support.peers import NOT_JWCRYPTO, OAEP, PAYLOADS, SIGNERS, SPEC, curve_of  # noqa: F401
from support.peers import WRAP as ALL_WRAP

WRAP = [row for row in ALL_WRAP if row[0] not in NOT_JWCRYPTO]
BOXES = [row for row in ALL_BOXES if row[0] not in NOT_JWCRYPTO]
ALL_JWE = sorted({alg for alg, _ in WRAP}) + sorted({enc for _, _, enc in BOXES})


@pytest.fixture(scope="module")
def published(node):
    """The node's public keys, as a relying party has them."""
    with urllib.request.urlopen(f"http://{node.http}/.well-known/jwks.json") as answer:
        return jwk.JWKSet.from_json(answer.read().decode())


@pytest.fixture(scope="module")
def names(node):
    """kid by the name in the key spec, as a signature or a selector tells it."""
    return {name: kid_of(node, name) for name in {name for _, name in SIGNERS + ALL_WRAP}}


def kid_of(node, name):
    keys = json.loads(node.ask("keys", "--name", name))["keys"]
    assert len(keys) == 1
    return keys[0]["kid"]


@pytest.fixture(scope="module")
def own():
    """jwcrypto's own keys, of the same kinds; generated once."""
    made = {}

    def get(name):
        if name not in made:
            kty, args = curve_of(name)
            key = jwk.JWK.generate(kty=kty, **args)
            made[name] = jwk.JWK(**{**json.loads(key.export()), "kid": key.thumbprint()})
        return made[name]
    return get


# --- signatures ---------------------------------------------------------------

@pytest.mark.parametrize("alg,name", SIGNERS)
def test_jwcrypto_verifies_what_the_node_signs(node, published, names, alg, name):
    for payload in PAYLOADS:
        text = node.ask("sign", "--name", name, "--alg", alg, "--typ", "JOSE",
                        input=payload).decode().strip()
        token = jws.JWS()
        token.allowed_algs = [alg]
        token.deserialize(text)
        header = token.jose_header
        assert header == {"alg": alg, "kid": names[name], "typ": "JOSE"}
        token.verify(published.get_key(header["kid"]))
        assert token.payload == payload


@pytest.mark.parametrize("alg,name", SIGNERS)
def test_the_node_verifies_what_jwcrypto_signs(node, own, tmp_path, alg, name):
    key = own(name)
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [json.loads(key.export_public())]}))
    for payload in PAYLOADS:
        token = jws.JWS(payload)
        token.add_signature(key, alg, json.dumps({"alg": alg, "kid": key["kid"]}))
        text = token.serialize(compact=True)
        assert node.ask("verify", "--jwks", str(keys), input=text.encode()) == payload
        # The same with one bit of the signature turned.
        head, _, signature = text.rpartition(".")
        turned = "B" if signature[5] == "A" else "A"
        bad = f"{head}.{signature[:5]}{turned}{signature[6:]}"
        refused = node.cli("verify", "--jwks", str(keys), input=bad.encode())
        assert refused.returncode == 1 and refused.stdout == b""


@pytest.mark.parametrize("alg,name", SIGNERS)
def test_the_node_verifies_with_its_own_keys(node, alg, name):
    text = node.ask("sign", "--name", name, "--alg", alg, input=b"text")
    assert node.ask("verify", input=text) == b"text"


def test_a_custom_header_is_signed(node, published):
    text = node.ask("sign", "--alg", "ES256", "--header", '{"cty":"x","n":[1,{"a":null}]}',
                    input=b"text").decode().strip()
    token = jws.JWS()
    token.deserialize(text)
    token.verify(published.get_key(token.jose_header["kid"]))
    assert token.jose_header["cty"] == "x"
    assert token.jose_header["n"] == [1, {"a": None}]


# --- encryption ---------------------------------------------------------------

def jwcrypto_encrypts(key, alg, enc, payload, more=None):
    header = {"alg": alg, "enc": enc, **(more or {})}
    box = jwe.JWE(payload, protected=header, algs=ALL_JWE)
    box.add_recipient(key)
    return box.serialize(compact=True)


def jwcrypto_decrypts(key, text):
    box = jwe.JWE(algs=ALL_JWE)
    box.deserialize(text, key)
    return box


@pytest.mark.parametrize("alg,name,enc", BOXES)
def test_the_node_decrypts_what_jwcrypto_encrypts(node, published, names, alg, name, enc):
    key = published.get_key(names[name])
    for payload in PAYLOADS[1::2]:
        text = jwcrypto_encrypts(key, alg, enc, payload, {"kid": names[name]})
        assert node.ask("decrypt", input=text.encode()) == payload


@pytest.mark.parametrize("alg,name,enc", BOXES)
def test_jwcrypto_decrypts_what_the_node_encrypts(node, own, tmp_path, alg, name, enc):
    key = own(name)
    path = tmp_path / "key.jwk"
    path.write_text(key.export_public())
    payload = PAYLOADS[len(enc) % len(PAYLOADS)]
    text = node.ask("encrypt", "--alg", alg, "--enc", enc, "--jwk", str(path),
                    input=payload).decode().strip()
    box = jwcrypto_decrypts(key, text)
    assert box.payload == payload
    header = json.loads(box.objects["protected"])
    assert (header["alg"], header["enc"]) == (alg, enc)


@pytest.mark.parametrize("alg,name", ALL_WRAP)
def test_the_node_decrypts_what_it_encrypts(node, names, alg, name):
    text = node.ask("encrypt", "--alg", alg, "--enc", "A256GCM", "--kid", names[name],
                    input=b"text")
    assert node.ask("decrypt", input=text) == b"text"


@pytest.mark.parametrize("alg,name", WRAP)
def test_a_token_without_kid_finds_its_key(node, published, names, alg, name):
    text = jwcrypto_encrypts(published.get_key(names[name]), alg, "A128GCM", b"text")
    assert node.ask("decrypt", input=text.encode()) == b"text"


@pytest.mark.parametrize("alg,name", [row for row in WRAP if row[0] not in OAEP])
def test_party_info_of_jwcrypto_is_honoured(node, published, names, alg, name):
    parties = {"kid": names[name], "apu": base64url_encode("sender"),
               "apv": base64url_encode(b"\0\xffreceiver")}
    text = jwcrypto_encrypts(published.get_key(names[name]), alg, "A256GCM", b"text", parties)
    assert node.ask("decrypt", input=text.encode()) == b"text"


def test_every_turned_part_of_a_box_is_one_error(node, published, names):
    key = published.get_key(names["rsa-enc"])
    errors = set()
    for enc in ("A256GCM", "A128CBC-HS256"):
        text = jwcrypto_encrypts(key, "RSA-OAEP-256", enc, b"text", {"kid": names["rsa-enc"]})
        parts = text.split(".")
        for i in range(1, 5):
            turned = list(parts)
            turned[i] = ("B" if parts[i][0] == "A" else "A") + parts[i][1:]
            refused = node.cli("decrypt", input=".".join(turned).encode())
            assert refused.returncode == 1 and refused.stdout == b""
            errors.add(refused.stderr)
    assert len(errors) == 1
