"""Every form of JWS and JWE, both ways with jwcrypto; forms that it lacks by the
published examples."""
import json
import os
import zlib

import pytest
from jwcrypto import jwe, jwk, jws
from jwcrypto.common import base64url_decode, base64url_encode

from support.node import Node
from support.peers import SPEC
from support.wire import Wire

VECTORS = os.environ.get("VHSM_VECTORS") or os.path.join(
    os.path.dirname(__file__), "..", "..", "..", "shared", "vectors")
TEXT = b"what is signed, \xc3\xa4nd \"quoted\"\n"


@pytest.fixture(scope="module")
def node():
    with Node(SPEC) as n:
        yield n


@pytest.fixture(scope="module")
def keys(node):
    """The node's public keys by kid."""
    found = json.loads(node.ask("keys"))["keys"]
    return {key["kid"]: jwk.JWK(**key) for key in found}


def sign(node, *args, payload=TEXT):
    return json.loads(node.ask("sign", "--json", *args, input=payload))


def judged(node, token, *args):
    return json.loads(node.ask("verify", "--json", *args, input=token.encode()))


def refused(node, verb, token, *args):
    done = node.cli(verb, *args, input=token.encode())
    assert done.returncode == 1 and done.stdout == b"", done.stdout
    return done.stderr.decode()


def vector(name):
    path = os.path.join(VECTORS, "jose-cookbook", name)
    if not os.path.exists(path):
        pytest.skip("no test vectors at " + path)
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def protected_of(part):
    return json.loads(base64url_decode(part["protected"]))


# --- JWS ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rsa", "p256", "p521", "ed"])
def test_a_flattened_jws_is_read_by_jwcrypto(node, keys, name):
    made = sign(node, "--name", name, "--format", "flattened", "--typ", "x",
                "--unprotected", '{"hint":1}')
    message = json.loads(made["token"])
    assert set(message) == {"payload", "protected", "header", "signature"}
    assert protected_of(message)["alg"] == made["alg"]
    token = jws.JWS()
    token.deserialize(made["token"], keys[made["kid"]])
    assert token.payload == TEXT and token.jose_header["hint"] == 1
    assert node.ask("verify", input=made["token"].encode()) == TEXT


def test_a_general_jws_has_a_signature_of_each_key(node, keys):
    made = sign(node, "--alg", "ES256", "--also", "--name", "rsa", "--alg", "PS384", "--typ", "t",
                "--also", "--kty", "OKP", "--header", '{"x":"y"}', "--unprotected", '{"u":[1]}')
    message = json.loads(made["token"])
    assert [key["alg"] for key in made["signatures"]] == ["ES256", "PS384", "EdDSA"]
    assert made["kid"] == made["signatures"][0]["kid"]
    headers = [protected_of(part) for part in message["signatures"]]
    assert [h["alg"] for h in headers] == ["ES256", "PS384", "EdDSA"]
    assert headers[1]["typ"] == "t" and headers[2]["x"] == "y"
    assert message["signatures"][2]["header"] == {"u": [1]}
    for key in made["signatures"]:
        token = jws.JWS()
        token.deserialize(made["token"], keys[key["kid"]])
        assert token.payload == TEXT
    seen = judged(node, made["token"], "--all")
    assert seen["payload"] == TEXT.decode()
    assert [s["outcome"] for s in seen["signatures"]] == ["done"] * 3
    assert [s["kid"] for s in seen["signatures"]] == [k["kid"] for k in made["signatures"]]


def test_sixteen_signers_are_enough(node):
    also = ["--also", "--alg", "ES256"]
    made = sign(node, "--format", "general", "--alg", "EdDSA", *also * 15)
    assert len(json.loads(made["token"])["signatures"]) == 16
    assert len(judged(node, made["token"], "--all")["signatures"]) == 16
    assert node.cli("sign", "--alg", "EdDSA", *also * 16, input=b"x").returncode == 2
    message = json.loads(made["token"])
    message["signatures"].append(message["signatures"][0])
    assert "16" in refused(node, "verify", json.dumps(message))


def test_one_valid_signature_is_enough_unless_all_are_wanted(node):
    made = sign(node, "--alg", "ES256", "--also", "--alg", "EdDSA")
    message = json.loads(made["token"])
    message["signatures"][0]["signature"] = base64url_encode(bytes(63) + b"\1")
    token = json.dumps(message)
    seen = judged(node, token)
    assert [s["outcome"] for s in seen["signatures"]] == ["signature not valid", "done"]
    assert seen["alg"] == "EdDSA" and "jwk" not in seen["signatures"][0]
    assert "signature 1" in refused(node, "verify", token, "--all")
    message["signatures"][1]["signature"] = base64url_encode(bytes(63) + b"\1")
    assert "none of 2" in refused(node, "verify", json.dumps(message))


def test_a_signature_of_a_stranger_is_judged_beside_ours(node, keys):
    other = jwk.JWK.generate(kty="EC", crv="P-256", kid="stranger")
    made = sign(node, "--alg", "ES256", "--format", "general")
    token = jws.JWS(TEXT)
    token.add_signature(other, None, json.dumps({"alg": "ES256", "kid": "stranger"}))
    message = json.loads(made["token"])
    part = json.loads(token.serialize())
    message["signatures"].insert(0, {k: part[k] for k in ("protected", "signature")})
    seen = judged(node, json.dumps(message))
    assert [s["outcome"] for s in seen["signatures"]] == ["key not found", "done"]
    jwks = node.write("stranger", json.dumps({"keys": [json.loads(other.export_public())]}))
    seen = judged(node, json.dumps(message), "--jwks", jwks)
    assert [s["outcome"] for s in seen["signatures"]] == ["done", "key not found"]


def test_jwcryptos_general_jws_is_verified(node):
    token = jws.JWS(TEXT)
    own = [jwk.JWK.generate(kty="EC", crv="P-384"), jwk.JWK.generate(kty="RSA", size=2048)]
    token.add_signature(own[0], None, json.dumps({"alg": "ES384"}), json.dumps({"kid": "a"}))
    token.add_signature(own[1], None, json.dumps({"alg": "RS256"}), json.dumps({"kid": "b"}))
    keys = [{**json.loads(k.export_public()), "kid": kid} for k, kid in zip(own, "ab")]
    jwks = node.write("own", json.dumps({"keys": keys}))
    seen = judged(node, token.serialize(), "--jwks", jwks, "--all")
    assert [s["kid"] for s in seen["signatures"]] == ["a", "b"]
    assert seen["signatures"][0]["unprotected"] == {"kid": "a"}


@pytest.mark.parametrize("form", ["compact", "flattened", "general"])
@pytest.mark.parametrize("unencoded", [False, True])
def test_a_detached_payload_travels_apart(node, keys, form, unencoded):
    options = ["--unencoded"] if unencoded else []
    made = sign(node, "--alg", "ES256", "--format", form, "--detached", *options)
    file = node.write("payload", TEXT)
    assert node.ask("verify", "--payload", file, input=made["token"].encode()) == TEXT
    if form == "compact":
        assert ".." in made["token"]
    else:
        assert "payload" not in json.loads(made["token"])
    other = node.write("other", TEXT + b".")
    assert "not valid" in refused(node, "verify", made["token"], "--payload", other)
    refused(node, "verify", made["token"])
    # jwcrypto takes no detached payload, and no compact token that is unencoded.
    if form == "compact":
        whole = made["token"].replace("..", "." + base64url_encode(TEXT) + ".")
    else:
        text = TEXT.decode() if unencoded else base64url_encode(TEXT)
        whole = json.dumps({**json.loads(made["token"]), "payload": text})
    if form != "compact" or not unencoded:
        jws.JWS().deserialize(whole, keys[made["kid"]])
        assert node.ask("verify", input=whole.encode()) == TEXT
        refused(node, "verify", whole, "--payload", file)


@pytest.mark.parametrize("form", ["compact", "flattened", "general"])
def test_an_unencoded_payload_stands_in_the_token(node, keys, form):
    text = b"$@02" if form == "compact" else b"$.02 \n\xc3\xa4\""
    made = sign(node, "--alg", "EdDSA", "--format", form, "--unencoded", payload=text)
    assert node.ask("verify", input=made["token"].encode()) == text
    if form == "compact":
        assert made["token"].split(".")[1] == text.decode()
        header = json.loads(base64url_decode(made["token"].split(".")[0]))
    else:
        message = json.loads(made["token"])
        assert message["payload"] == text.decode()
        header = protected_of(message if form == "flattened" else message["signatures"][0])
    assert header["b64"] is False and header["crit"] == ["b64"]
    if form != "compact":  # which jwcrypto does not read
        token = jws.JWS()
        token.deserialize(made["token"], keys[made["kid"]])
        assert token.payload == text.decode()


@pytest.mark.parametrize("form, text", [("compact", b"a.b"), ("compact", b"\n"),
                                        ("compact", b"\xc3\xa4"), ("general", b"\xff"),
                                        ("flattened", b"\0")])
def test_what_cannot_stand_unencoded_has_to_be_detached(node, form, text):
    args = ("sign", "--alg", "ES256", "--format", form, "--unencoded")
    done = node.cli(*args, input=text)
    assert done.returncode == 1 and b"detached" in done.stderr
    token = node.ask(*args, "--detached", input=text)
    assert node.ask("verify", "--payload", node.write("p", text), input=token) == text


def test_signing_options_that_exclude_each_other_are_refused(node):
    for args in (["--unprotected", '{"a":1}'], ["--format", "flattened", "--also"],
                 ["--format", "general", "--unprotected", '{"alg":"none"}'],
                 ["--format", "general", "--unprotected", '{"kid":"x"}'],
                 ["--format", "general", "--unprotected", '{"a":1,"a":2}'],
                 ["--format", "general", "--header", '{"a":1}', "--unprotected", '{"a":2}'],
                 ["--format", "general", "--typ", "a", "--unprotected", '{"typ":"b"}'],
                 ["--also", "--alg", "NOPE"], ["--also", "--kid", "nobody"],
                 ["--also", "--header", '{"b64":false}'], ["--also", "--use", "enc"]):
        done = node.cli("sign", *args, input=b"x")
        assert done.returncode == 1 and done.stdout == b"", args
    assert node.cli("sign", "--format", "odd", input=b"x").returncode == 2


# --- JWS by the book -------------------------------------------------------------


def public(key):
    return {name: value for name, value in key.items()
            if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}


def test_rfc_7520_4_8_has_one_signature_that_we_accept(node):
    book = vector("jws/4_8.multiple_signatures.json")
    keys = [public(k) for k in book["input"]["key"] if k["kty"] != "oct"]
    jwks = node.write("book", json.dumps({"keys": keys}))
    seen = judged(node, json.dumps(book["output"]["json"]), "--jwks", jwks)
    assert seen["payload"] == book["input"]["payload"]
    first, second, third = seen["signatures"]
    assert first["outcome"] == "done" and first["kid"] == "bilbo.baggins@hobbiton.example"
    assert second["outcome"] == "header not acceptable"  # alg is not protected
    assert third["outcome"] != "done"
    refused(node, "verify", json.dumps(book["output"]["json"]), "--jwks", jwks, "--all")


@pytest.mark.parametrize("name", ["jws/4_1.rsa_v15_signature.json",
                                  "jws/4_2.rsa-pss_signature.json",
                                  "jws/4_3.ecdsa_signature.json"])
def test_the_json_forms_of_rfc_7520_are_verified(node, name):
    book = vector(name)
    jwks = node.write("book", json.dumps(public(book["input"]["key"])))
    for form in ("compact", "json_flat", "json"):
        token = book["output"][form]
        token = token if isinstance(token, str) else json.dumps(token)
        assert judged(node, token, "--jwks", jwks)["payload"] == book["input"]["payload"]
        if form == "compact":
            head, _, signature = token.split(".")
            token = f"{head}..{signature}"
        else:
            message = json.loads(token)
            del message["payload"]
            token = json.dumps(message)
        payload = node.write("payload", book["input"]["payload"])
        assert judged(node, token, "--jwks", jwks, "--payload", payload)["kid"]


def test_rfc_7520_4_7_without_a_protected_alg_is_refused(node):
    book = vector("jws/4_7.protecting_content_only.json")
    assert "not protected" in refused(node, "verify", json.dumps(book["output"]["json_flat"]))


# --- JWE ------------------------------------------------------------------------


@pytest.mark.parametrize("alg, name", [("ECDH-ES", "x-enc"), ("ECDH-ES+A128KW", "p256-enc"),
                                       ("RSA-OAEP-256", "rsa-enc")])
@pytest.mark.parametrize("form", ["flattened", "general"])
def test_a_json_jwe_for_one_is_read_by_both(node, alg, name, form):
    args = ("encrypt", "--alg", alg, "--enc", "A128CBC-HS256", "--format", form, "--aad", "seen",
            "--typ", "t", "--unprotected", '{"hint":1}')
    box = node.ask(*args, "--name", name, input=TEXT)
    seen = json.loads(node.ask("decrypt", "--json", input=box))
    assert seen["payload"] == TEXT.decode() and seen["aad"] == "seen"
    assert seen["unprotected"] == {"hint": 1} and seen["header"]["typ"] == "t"
    own = jwk.JWK.generate(**({"kty": "RSA", "size": 2048} if name == "rsa-enc" else
                              {"kty": "EC", "crv": "P-256"}))
    file = node.write("own", own.export_public())
    box = node.ask(*args, "--jwk", file, input=TEXT)
    token = jwe.JWE()
    token.deserialize(box.decode(), own)
    assert token.payload == TEXT and token.objects["aad"] == b"seen"
    changed = {**json.loads(node.ask(*args, "--name", name, input=TEXT)),
               "aad": base64url_encode("Seen")}
    assert "decryption failed" in refused(node, "decrypt", json.dumps(changed))


def recipients_of(node):
    own = jwk.JWK.generate(kty="EC", crv="P-521", kid="own", use="enc")
    file = node.write("own", own.export_public())
    args = ["encrypt", "--enc", "A256GCM", "--name", "x-enc", "--alg", "ECDH-ES+A256KW",
            "--also", "--jwk", file, "--alg", "ECDH-ES+A192KW", "--header", '{"for":"own"}',
            "--also", "--name", "rsa-enc", "--alg", "RSA-OAEP"]
    return own, args


@pytest.mark.parametrize("zip_option", [[], ["--zip"]])
def test_a_jwe_for_several_is_read_by_each(node, zip_option):
    own, args = recipients_of(node)
    made = json.loads(node.ask(*args, *zip_option, "--aad", "seen", "--json", input=TEXT))
    message = json.loads(made["token"])
    assert [k["alg"] for k in made["signatures"]] == ["ECDH-ES+A256KW", "ECDH-ES+A192KW",
                                                      "RSA-OAEP"]
    assert made["signatures"][1]["kid"] == "own"
    assert "alg" not in protected_of(message) and message["recipients"][1]["header"]["for"]
    token = jwe.JWE()
    token.deserialize(made["token"], own)
    assert token.payload == TEXT
    for kept in (0, 2):
        seen = json.loads(node.ask("decrypt", "--json", input=json.dumps(
            {**message, "recipients": [message["recipients"][1],
                                       message["recipients"][kept]]}).encode()))
        assert seen["payload"] == TEXT.decode() and seen["aad"] == "seen"
        assert seen["kid"] == message["recipients"][kept]["header"]["kid"]
    only = {**message, "recipients": message["recipients"][1:2]}
    assert "key not found" in refused(node, "decrypt", json.dumps(only))


def test_recipients_without_kid_are_tried(node):
    _, args = recipients_of(node)
    message = json.loads(node.ask(*args, input=TEXT))
    for recipient in message["recipients"]:
        del recipient["header"]["kid"]
    assert node.ask("decrypt", input=json.dumps(message).encode()) == TEXT
    message["recipients"].reverse()
    assert node.ask("decrypt", input=json.dumps(message).encode()) == TEXT


def test_jwcryptos_general_jwe_is_decrypted(node, keys):
    mine = json.loads(node.ask("keys", "--name", "p384-enc"))["keys"][0]
    other = jwk.JWK.generate(kty="RSA", size=2048)
    for options in ({"protected": {"enc": "A128GCM", "zip": "DEF"}, "unprotected": {"x": 1}},
                    {"protected": {"enc": "A192CBC-HS384", "typ": "t"}}):
        token = jwe.JWE(TEXT, json.dumps(options["protected"]), aad="extra",
                        unprotected=json.dumps(options.get("unprotected", {"y": 2})))
        token.add_recipient(other, json.dumps({"alg": "RSA-OAEP", "kid": "stranger"}))
        token.add_recipient(jwk.JWK(**mine),
                            json.dumps({"alg": "ECDH-ES+A256KW", "kid": mine["kid"]}))
        seen = json.loads(node.ask("decrypt", "--json", input=token.serialize().encode()))
        assert seen["payload"] == TEXT.decode() and seen["kid"] == mine["kid"]
        assert seen["aad"] == "extra"


def test_encrypting_options_that_exclude_each_other_are_refused(node):
    base = ["encrypt", "--alg", "ECDH-ES+A128KW", "--enc", "A128GCM"]
    for args in (["--aad", "x"], ["--unprotected", '{"a":1}'], ["--also"],
                 ["--format", "flattened", "--also", "--alg", "RSA-OAEP"],
                 ["--also", "--alg", "ECDH-ES"], ["--also", "--kid", "nobody", "--alg", "RSA-OAEP"],
                 ["--also", "--alg", "RSA-OAEP", "--header", '{"enc":"A128GCM"}'],
                 ["--also", "--alg", "RSA-OAEP", "--header", '{"zip":"DEF"}'],
                 ["--header", '{"a":1}', "--also", "--alg", "RSA-OAEP", "--header", '{"a":1}'],
                 ["--format", "general", "--unprotected", '{"epk":{}}']):
        done = node.cli(*base, *args, input=b"x")
        assert done.returncode == 1 and done.stdout == b"", args


# --- by the book, with private keys ----------------------------------------------

BOOK = {"mac": "jws/4_6.protecting_specific_header_fields.json",
        "wrap": "jwe/5_11.protecting_specific_header_fields.json",
        "gcm": "jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json"}
BOOK_SPEC = """version: 1
keys:
  - {name: mac, load: {file: mac.jwk}, use: sig}
  - {name: wrap, load: {file: wrap.jwk}, use: enc}
  - {name: gcm, load: {file: gcm.jwk}, use: enc}
  - {name: frodo, load: {file: frodo.jwk}, use: enc, alg: RSA1_5}
  - {name: peregrin, load: {file: peregrin.jwk}, use: enc}
"""


@pytest.fixture(scope="module")
def book_node(tmp_path_factory):
    """A node with the secret keys of RFC 7520; its kids of symmetric keys are its own."""
    secret = {name: vector(file)["input"]["key"] for name, file in BOOK.items()}
    several = vector("jwe/5_13.encrypting_to_multiple_recipients.json")["input"]["key"]
    secret["frodo"], secret["peregrin"], _ = several
    folder = tmp_path_factory.mktemp("book")
    for name, key in secret.items():
        path = folder / f"{name}.jwk"
        path.write_text(json.dumps(key))
        path.chmod(0o600)
    with Node(BOOK_SPEC, folder=folder) as running:
        yield running


def own_kid(node, name):
    return json.loads(node.ask("keys", "--name", name))["keys"][0]["kid"]


def renamed(part, kid):
    """The message or part of one with the kid in its unprotected header replaced."""
    for place in ("header", "unprotected"):
        if "kid" in part.get(place, {}):
            part[place]["kid"] = kid
            return part
    raise AssertionError("no kid outside the protected header")


@pytest.mark.parametrize("form", ["json", "json_flat"])
def test_rfc_7520_4_6_is_verified(book_node, form):
    book = vector(BOOK["mac"])
    message = book["output"][form]
    renamed(message["signatures"][0] if form == "json" else message, own_kid(book_node, "mac"))
    seen = judged(book_node, json.dumps(message))
    assert seen["payload"] == book["input"]["payload"] and seen["alg"] == "HS256"


@pytest.mark.parametrize("form", ["json", "json_flat"])
@pytest.mark.parametrize("name", ["5_11.protecting_specific_header_fields",
                                  "5_12.protecting_content_only"])
def test_rfc_7520_5_11_and_5_12_are_opened(book_node, name, form):
    book = vector(f"jwe/{name}.json")
    message = renamed(book["output"][form], own_kid(book_node, "wrap"))
    seen = json.loads(book_node.ask("decrypt", "--json", input=json.dumps(message).encode()))
    assert seen["payload"] == book["input"]["plaintext"]


@pytest.mark.parametrize("at, name", enumerate(["frodo", "peregrin", "gcm"]))
def test_rfc_7520_5_13_is_opened_by_each_recipient(book_node, at, name):
    book = vector("jwe/5_13.encrypting_to_multiple_recipients.json")
    message = book["output"]["json"]
    kid = own_kid(book_node, name)
    renamed(message["recipients"][at], kid)
    seen = json.loads(book_node.ask("decrypt", "--json", input=json.dumps(message).encode()))
    assert seen["payload"] == book["input"]["plaintext"] and seen["kid"] == kid
    assert seen["unprotected"]["cty"] == "text/plain"
    message["recipients"][at]["encrypted_key"] = message["recipients"][at - 1]["encrypted_key"]
    assert refused(book_node, "decrypt", json.dumps(message)) == \
        "vhsm: decrypt: decryption failed\n"


@pytest.mark.parametrize("name", [
    "5_6.direct_encryption_using_aes-gcm",
    "5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2",
    "5_8.key_wrap_using_aes-keywrap_with_aes-gcm", "5_9.compressed_content",
    "5_10.including_additional_authentication_data"])
def test_examples_that_protect_a_kid_of_their_own_find_no_key(book_node, name):
    """The kid of a symmetric key is random; these name another one."""
    output = vector(f"jwe/{name}.json")["output"]
    assert "key not found" in refused(book_node, "decrypt", json.dumps(output["json_flat"]))


# --- zip ------------------------------------------------------------------------


def encrypt_packed(node, packed):
    """A JWE that says zip of bytes that were packed elsewhere."""
    mine = json.loads(node.ask("keys", "--name", "rsa-enc"))["keys"][0]
    token = jwe.JWE(b"", json.dumps({"alg": "RSA-OAEP", "enc": "A128GCM", "zip": "DEF",
                                     "kid": mine["kid"]}))
    token.plaintext = b"x"
    import jwcrypto.jwe as module
    original = module.zlib.compress
    module.zlib.compress = lambda data, *args: b"  " + packed + b"    "
    try:
        token.add_recipient(jwk.JWK(**mine))
    finally:
        module.zlib.compress = original
    return token.serialize(compact=True)


def deflate(data, level=9):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def test_zip_works_both_ways(node):
    text = b"the same again and again, " * 9000
    box = node.ask("encrypt", "--alg", "RSA-OAEP", "--enc", "A128GCM", "--zip", input=text)
    assert len(box) < 4000
    assert node.ask("decrypt", input=box) == text
    own = jwk.JWK.generate(kty="RSA", size=2048)
    file = node.write("own", own.export_public())
    box = node.ask("encrypt", "--alg", "RSA-OAEP", "--enc", "A128GCM", "--zip", "--jwk", file,
                   input=text[:200000])
    token = jwe.JWE()
    token.deserialize(box.decode().strip(), own)
    assert token.payload == text[:200000]
    for sample in (b"", b"x", os.urandom(1000), bytes(256 << 10)):
        assert node.ask("decrypt", input=encrypt_packed(node, deflate(sample)).encode()) == sample


def test_zip_bombs_and_broken_streams_are_one_error(node):
    whole = deflate(os.urandom(5000) + bytes(5000))
    for packed in (deflate(bytes((256 << 10) + 1)), deflate(bytes(64 << 20)), whole[:-1], b"",
                   whole + b"\0", b"\xff" * 20, zlib.compress(b"with a head")):
        error = refused(node, "decrypt", encrypt_packed(node, packed))
        assert error == "vhsm: decrypt: decryption failed\n"
    done = node.cli("encrypt", "--alg", "RSA-OAEP", "--enc", "A128GCM", "--zip",
                    input=bytes((256 << 10) + 1))
    assert done.returncode == 1 and b"too large" in done.stderr


# --- a client of the wire --------------------------------------------------------


def test_a_party_has_the_fields_of_a_party(node):
    import struct

    def nest(**fields):
        from support.wire import TAGS
        return b"".join(struct.pack(">HI", TAGS[tag], len(value)) + value
                        for tag, value in fields.items())

    with Wire(node.url) as wire:
        error, fields = wire.ask("SIGN", DATA=b"x", FORMAT=b"general", ALG=b"ES256",
                                 PARTY=nest(ALG=b"EdDSA"))
        assert error == "OK" and len(json.loads(fields["TOKEN"])["signatures"]) == 2
        for party in (nest(DATA=b"y"), nest(FORMAT=b"general"), b"\0", nest(JWK=b"{}")):
            error, _ = wire.ask("SIGN", DATA=b"x", FORMAT=b"general", PARTY=party)
            assert error in ("EFIELD", "EPARSE")
        for fields in ({"FORMAT": b"odd"}, {"PARTY": nest(ALG=b"EdDSA")},
                       {"FORMAT": b"flattened", "PARTY": nest(ALG=b"EdDSA")}):
            assert wire.ask("SIGN", DATA=b"x", **fields)[0] == "EFIELD"
        assert wire.ask("SIGN", DATA=b"x", FORMAT=b"compact")[0] == "OK"
