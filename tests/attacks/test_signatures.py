"""Attacks on verification.  Each forged token has a twin that is right in just the
detail under attack, and is accepted."""
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forge import (HS, Listener, accepted, b64, ec_jwk, es256, es256_der, guises, hs, jws, loose,
                   part, ps256, refused, rs256, rsa_jwk, unb64)

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def es(header=None, **more):
    return jws(header or {"alg": "ES256", **more}, es256(EC))


# --- alg: none, and confusion -------------------------------------------------

@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "none ", "", "\u0000none"])
def test_alg_none_is_no_algorithm(target, alg):
    good = target.sign()
    accepted(target.verify(good))
    _, payload, signature = good.split(".")
    kid = target.keys["p256"]["kid"]
    for header in ({"alg": alg}, {"alg": alg, "kid": kid}):
        refused(target.verify(f"{part(header)}.{payload}."), "EALG", "ETOKEN", "EHEADER")
        refused(target.verify(f"{part(header)}.{payload}.{signature}"), "EALG", "ETOKEN")
        refused(target.verify(f"{part(header)}.{payload}.", ec_jwk(EC)), "EALG", "ETOKEN")


@pytest.mark.parametrize("alg", [None, 5, ["ES256"], {"a": 1}, True, "es256", "ES256\u0000"])
def test_alg_is_one_known_text(target, alg):
    accepted(target.verify(es(), ec_jwk(EC)))
    refused(target.verify(es(alg=alg), ec_jwk(EC)), "EALG", "ETOKEN", "EHEADER")


def test_alg_is_needed(target):
    refused(target.verify(jws({"kid": "a"}, es256(EC)), ec_jwk(EC)), "EALG", "ETOKEN", "EHEADER")


@pytest.mark.parametrize("name", ["rsa", "p256"])
def test_a_public_key_is_no_hmac_secret(target, name):
    accepted(target.verify(target.sign(name)))
    jwk = target.keys[name]
    for secret in [*guises(target.public(name)), json.dumps(jwk).encode()]:
        for alg in ("HS256", "HS384", "HS512"):
            for header in ({"alg": alg}, {"alg": alg, "kid": jwk["kid"]}):
                token = jws(header, hs(secret, HS[alg]))
                refused(target.verify(token))
                refused(target.verify(token, jwk))


def test_a_signature_counts_for_its_own_algorithm_only(target):
    key = rsa_jwk(RSA)
    accepted(target.verify(jws({"alg": "RS256"}, rs256(RSA)), key))
    accepted(target.verify(jws({"alg": "PS256"}, ps256(RSA)), key))
    refused(target.verify(jws({"alg": "PS256"}, rs256(RSA)), key), "EVERIFY")
    refused(target.verify(jws({"alg": "RS256"}, ps256(RSA)), key), "EVERIFY")
    refused(target.verify(jws({"alg": "RS512"}, rs256(RSA)), key), "EVERIFY")


def test_an_algorithm_needs_its_own_kind_of_key(target):
    ed = ed25519.Ed25519PrivateKey.generate()
    raw = ed.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    edjwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
    accepted(target.verify(jws({"alg": "EdDSA"}, ed.sign), edjwk))
    refused(target.verify(jws({"alg": "ES256"}, ed.sign), edjwk))
    refused(target.verify(jws({"alg": "EdDSA"}, es256(EC)), ec_jwk(EC)))
    refused(target.verify(jws({"alg": "RS256"}, es256(EC)), ec_jwk(EC)))
    refused(target.verify(jws({"alg": "ES256"}, es256(P384, 48)), ec_jwk(P384, "P-384")))


def test_a_jwk_that_names_an_algorithm_is_good_for_no_other(target):
    token = jws({"alg": "RS256"}, rs256(RSA))
    accepted(target.verify(token, rsa_jwk(RSA, alg="RS256")))
    refused(target.verify(token, rsa_jwk(RSA, alg="PS256")))


# --- use ------------------------------------------------------------------------

def test_a_key_of_the_wrong_use_verifies_nothing(target):
    token = jws({"alg": "RS256"}, rs256(RSA))
    accepted(target.verify(token, rsa_jwk(RSA, use="sig")))
    refused(target.verify(token, rsa_jwk(RSA, use="enc")))
    refused(target.verify(token, rsa_jwk(RSA, key_ops=["encrypt"])))


@pytest.mark.parametrize("name,alg", [("rsa-enc", "RS256"), ("rsa-enc", "PS256"),
                                      ("p256-enc", "ES256")])
def test_an_encryption_key_does_not_sign(target, name, alg):
    kid = target.keys[name]["kid"]
    twin = name.removesuffix("-enc")
    accepted(target.asks("SIGN", KID=target.keys[twin]["kid"], ALG=alg, DATA=b"x"), None)
    refused(target.asks("SIGN", KID=kid, ALG=alg, DATA=b"x"))
    refused(target.asks("SIGN", KID=kid, DATA=b"x"))
    refused(target.asks("SIGN", NAME=name, USE="enc", DATA=b"x"))


# --- signatures that are not quite one -------------------------------------------

@pytest.mark.parametrize("salt", [0, 8, 20, 31, 33, 64, 222])
def test_pss_salt_is_as_long_as_the_digest(target, salt):
    accepted(target.verify(jws({"alg": "PS256"}, ps256(RSA)), rsa_jwk(RSA)))
    refused(target.verify(jws({"alg": "PS256"}, ps256(RSA, salt)), rsa_jwk(RSA)), "EVERIFY")


def test_an_rsa_signature_is_exactly_as_long_as_the_modulus(target):
    def spoiled(change):
        return jws({"alg": "RS256"}, lambda text: change(rs256(RSA)(text)))
    n = RSA.public_key().public_numbers().n
    accepted(target.verify(spoiled(lambda s: s), rsa_jwk(RSA)))
    for change in (lambda s: b"\0" + s, lambda s: s + b"\0", lambda s: s[:-1], lambda s: b"",
                   lambda s: s * 2, lambda s: bytes(256), lambda s: b"\xff" * 256,
                   lambda s: (int.from_bytes(s, "big") + n).to_bytes(257, "big")):
        refused(target.verify(spoiled(change), rsa_jwk(RSA)), "EVERIFY", "ETOKEN")


def test_an_ecdsa_signature_is_two_numbers_of_fixed_size(target):
    def spoiled(change):
        return jws({"alg": "ES256"}, lambda text: change(es256(EC)(text)))
    key = ec_jwk(EC)
    accepted(target.verify(spoiled(lambda s: s), key))
    refused(target.verify(jws({"alg": "ES256"}, es256_der(EC)), key), "EVERIFY", "ETOKEN")
    refused(target.verify(jws({"alg": "ES256"}, es256(EC, 33)), key), "EVERIFY", "ETOKEN")
    refused(target.verify(jws({"alg": "ES256"}, es256(EC, 66)), key), "EVERIFY", "ETOKEN")
    n = ORDER.to_bytes(32, "big")
    for change in (lambda s: s[:63], lambda s: s + b"\0", lambda s: b"", lambda s: bytes(64),
                   lambda s: bytes(32) + s[32:], lambda s: s[:32] + bytes(32), lambda s: n + s[32:],
                   lambda s: n + n, lambda s: b"\xff" * 64,
                   lambda s: bytes(31) + b"\1" + bytes(31) + b"\1"):
        refused(target.verify(spoiled(change), key), "EVERIFY", "ETOKEN")


# --- encoding --------------------------------------------------------------------

def test_base64url_is_canonical_in_every_part(target):
    def token(header_more, payload):
        return jws({"alg": "ES256", "x": header_more}, es256(EC), payload)
    good = next(t for t in (token("a" * i, b"payload") for i in range(3))
                if len(t.split(".")[0]) % 4 in (2, 3))
    accepted(target.verify(good, ec_jwk(EC)))
    parts = good.split(".")
    for i, one in enumerate(parts):
        spoils = [one + "=", one + "==", one + "\n", " " + one, one[:4] + "\r\n" + one[4:],
                  one + "A" * (1 + (1 - len(one) - 1) % 4), one[:-1] + "+", one[:-1] + "/",
                  one + "\0", loose(one)]
        for spoiled in spoils:
            again = ".".join([*parts[:i], spoiled, *parts[i + 1:]])
            refused(target.verify(again, ec_jwk(EC)), "ETOKEN", "EVERIFY", "EHEADER")


def test_loose_bits_in_what_was_signed_do_not_pass_either(target):
    """The signer signs the loose text itself: only the decoder can refuse."""
    header, payload = part({"alg": "ES256"}), loose(b64(b"payload"))
    signed = es256(EC)(f"{header}.{payload}".encode())
    refused(target.verify(f"{header}.{payload}.{b64(signed)}", ec_jwk(EC)), "ETOKEN")
    payload = b64(b"payload")
    signed = es256(EC)(f"{header}.{payload}".encode())
    accepted(target.verify(f"{header}.{payload}.{b64(signed)}", ec_jwk(EC)))


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 6, 100])
def test_a_compact_token_has_three_parts(target, count):
    parts = target.sign().split(".")
    accepted(target.verify(".".join(parts)))
    if count != 5:  # five are a JWE
        refused(target.verify(".".join((parts * 40)[:count])), "ETOKEN")
    refused(target.verify("." * count), "ETOKEN")


# --- headers ---------------------------------------------------------------------

@pytest.mark.parametrize("header", [
    '{"alg":"ES256","alg":"ES256"}', '{"alg":"none","alg":"ES256"}',
    '{"alg":"ES256","\\u0061lg":"none"}', '{"alg":"ES256","x":{"a":1,"a":2}}',
    '{"alg":"ES256","kid":"a","kid":"b"}', '{"alg":"ES256"}x', '{"alg":"ES256"}{}',
    '["ES256"]', '"ES256"', "", "{}", '{"alg":"ES256",}', '{"alg":"ES256","x":NaN}',
    '\ufeff{"alg":"ES256"}'])
def test_a_header_is_one_json_object_without_repeated_members(target, header):
    accepted(target.verify(jws('{"alg":"ES256","x":{"a":1,"b":2}}', es256(EC)), ec_jwk(EC)))
    refused(target.verify(jws(header, es256(EC)), ec_jwk(EC)), "ETOKEN", "EHEADER", "EALG", "EJSON")


@pytest.mark.parametrize("more", [
    {"crit": ["exp"]}, {"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": "exp", "exp": 1},
    {"crit": ["alg"]}, {"crit": [1]}, {"crit": None}, {"crit": {"exp": 1}},
    {"crit": ["x", "x"], "x": 1}, {"crit": ["kid"], "kid": "a"}, {"crit": ["crit"]},
    {"crit": ["b64"]}, {"crit": ["b64", "exp"], "b64": True, "exp": 1},
    {"crit": ["http://example.com/UNDEFINED"], "http://example.com/UNDEFINED": True}])
def test_crit_is_strict(target, more):
    without = {k: v for k, v in more.items() if k not in ("crit", "b64")}
    accepted(target.verify(es(**without), ec_jwk(EC)))
    refused(target.verify(es(**more), ec_jwk(EC)), "ETOKEN", "EHEADER")


@pytest.mark.parametrize("value", [False, None, "false", 0])
def test_b64_without_crit_is_refused(target, value):
    refused(target.verify(es(b64=value), ec_jwk(EC)), "ETOKEN", "EHEADER")


@pytest.mark.parametrize("kid", ["\u0000", "a\u0000b", "a\nb", "a\r\nevent=forged", "\u001b[2J",
                                 "x" * 5000, 7, None, ["a"], {"a": 1}])
def test_a_kid_with_control_characters_or_no_text_is_refused(target, kid):
    key = ec_jwk(EC)
    accepted(target.verify(es(kid="../../etc/passwd' OR 1=1"), key))
    refused(target.verify(es(kid=kid), key), "ETOKEN", "EHEADER", "ENOKEY")
    refused(target.verify(es(kid=kid)), "ETOKEN", "EHEADER", "ENOKEY")
    assert "event=forged" not in target.node.log()
    assert "\x1b" not in target.node.log()


def test_another_keys_kid_does_not_help(target):
    """A token of the attacker's key under the kid of the node's."""
    kid = target.keys["p256"]["kid"]
    accepted(target.verify(target.sign()))
    refused(target.verify(es(kid=kid)), "EVERIFY")
    refused(target.verify(es(kid=kid), target.keys["p256"]), "EVERIFY")


# --- keys that a token brings along --------------------------------------------------

def test_an_embedded_jwk_is_not_trusted(target):
    key = ec_jwk(EC)
    token = es(jwk=key)
    accepted(target.verify(token, key))  # only because the caller gives it
    refused(target.verify(token), "EVERIFY", "ENOKEY")
    refused(target.verify(es(jwk=key, kid=target.keys["p256"]["kid"])), "EVERIFY")
    refused(target.verify(token, ec_jwk(ec.generate_private_key(ec.SECP256R1()))), "EVERIFY")


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_no_url_of_a_token_is_fetched(target, member):
    key = ec_jwk(EC, kid="theirs")
    listener = Listener(json.dumps({"keys": [key]}).encode())
    try:
        token = es(kid="theirs", **{member: listener.url})
        refused(target.verify(token), "EVERIFY", "ENOKEY")
        accepted(target.verify(token, key))
        assert listener.hits == []
    finally:
        listener.server.shutdown()


def test_a_certificate_in_a_token_is_not_trusted(target):
    token = es(x5c=["MIIB"], x5t="AAAA")
    accepted(target.verify(token, ec_jwk(EC)))
    refused(target.verify(token), "EVERIFY", "ENOKEY")


# --- the signer is not led astray ------------------------------------------------

@pytest.mark.parametrize("header", [
    '{"alg":"none"}', '{"kid":"x"}', '{"crit":["x"],"x":1}', '{"b64":false}', '{"x":1,"x":2}',
    '{"a":' * 2000 + "1" + "}" * 2000, "[]", "x", '{"a":1}}', '{"\\u0061lg":"none"}'],
    ids=lambda header: header[:16])
def test_a_caller_cannot_override_what_the_node_says(target, header):
    accepted(target.asks("SIGN", NAME="p256", DATA=b"x", HEADER='{"x":1}'), None)
    refused(target.asks("SIGN", NAME="p256", DATA=b"x", HEADER=header), "ETOKEN")


def test_a_signature_made_here_says_its_algorithm_under_protection(target):
    header = json.loads(unb64(target.sign().split(".")[0]))
    assert header["alg"] == "ES256" and header["kid"] == target.keys["p256"]["kid"]
