"""Attacks by keys: huge, malformed, unsound, of the wrong kind, too deep."""
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from forge import accepted, b64, ec_jwk, es256, jws, number, refused, rs256, rsa_jwk

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
N = RSA.public_key().public_numbers().n
GOOD = rsa_jwk(RSA)
TOKEN = jws({"alg": "RS256"}, rs256(RSA))
P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1


def encrypt(target, jwk):
    return target.asks("ENCRYPT", ALG="RSA-OAEP", ENC="A128GCM", DATA=b"x", JWK=json.dumps(jwk))


@pytest.mark.parametrize("change", [
    {"n": ""}, {"n": "AA"}, {"n": number(N)[:-1]}, {"n": b64(b"\0" + N.to_bytes(256, "big"))},
    {"n": number(N) + "="}, {"n": number(N + 1)}, {"n": number(N >> 1024)}, {"n": number(N >> 1)},
    {"n": number(2 ** 8193 + 1)}, {"n": number(2 ** 16384 + 1)}, {"n": -5}, {"n": None},
    {"n": 12345}, {"n": [number(N)]}, {"e": ""}, {"e": "AA"}, {"e": number(1)}, {"e": number(2)},
    {"e": number(4)}, {"e": number(N)}, {"e": number(N - 1)}, {"e": number(2 ** 4096 + 1)},
    {"e": b64(b"\0\1\0\1")}, {"e": 65537}, {"kty": "rsa"}, {"kty": None}, {"kty": "EC"}],
    ids=lambda change: "-".join(f"{k}:{str(v)[:12]}" for k, v in change.items()))
def test_rsa_numbers_that_are_huge_or_malformed_are_refused(target, change):
    accepted(target.verify(TOKEN, GOOD))
    refused(target.verify(TOKEN, {**GOOD, **change}))
    accepted(encrypt(target, GOOD), None)
    refused(encrypt(target, {**GOOD, **change}))


@pytest.mark.parametrize("x,y", [(0, 0), (0, 1), (1, 1), (P, P), (P - 1, P - 1),
                                 (2 ** 256 - 1, 2 ** 256 - 1)])
def test_a_point_off_its_curve_is_no_key(target, x, y):
    token = jws({"alg": "ES256"}, es256(EC))
    accepted(target.verify(token, ec_jwk(EC)))
    bad = {"kty": "EC", "crv": "P-256", "x": number(x, 32), "y": number(y, 32)}
    refused(target.verify(token, bad))
    refused(target.asks("ENCRYPT", ALG="ECDH-ES", ENC="A128GCM", DATA=b"x", JWK=json.dumps(bad)))


@pytest.mark.parametrize("change", [
    {"crv": "P-384"}, {"crv": "P-521"}, {"crv": "Ed25519"}, {"crv": "secp256r1"}, {"crv": None},
    {"x": None}, {"y": None}, {"x": "AA"}, {"y": "A" * 44}, {"x": "A" * 8000}, {"kty": "OKP"}],
    ids=str)
def test_coordinates_have_the_size_of_their_curve(target, change):
    token = jws({"alg": "ES256"}, es256(EC))
    refused(target.verify(token, {**ec_jwk(EC), **change}))


def test_a_private_key_has_no_business_here(target):
    """Whoever sends one has lost it: it is refused, not used."""
    d = number(EC.private_numbers().private_value, 32)
    token = jws({"alg": "ES256"}, es256(EC))
    accepted(target.verify(token, ec_jwk(EC)))
    refused(target.verify(token, {**ec_jwk(EC), "d": d}))


@pytest.mark.parametrize("text", [
    '{"keys":' + "[" * 50000 + "]" * 50000 + "}", '{"a":' * 20000 + "1" + "}" * 20000,
    "[" * 100000, '{"keys":{}}', '{"keys":[]}', "{}", "[]", "null", '{"keys":[1]}', "\0", '{"keys"'],
    ids=lambda text: text[:12])
def test_deep_or_malformed_json_is_no_key_set(target, text):
    accepted(target.verify(TOKEN, GOOD))
    refused(target.verify(TOKEN, text=text))


def test_repeated_members_of_a_key_are_refused(target):
    good = json.dumps(GOOD)
    accepted(target.verify(TOKEN, text=good))
    refused(target.verify(TOKEN, text=good[:-1] + ', "kty": "RSA"}'))
    refused(target.verify(TOKEN, text='{"keys": [%s], "keys": [%s]}' % (good, good)))


def test_many_keys_that_fit_are_tried_a_bounded_number_of_times(target):
    """10,000 candidates must not buy 10,000 verifications."""
    others = [{**GOOD, "n": number(N - 2 * i)} for i in range(1, 5000)]
    error, _ = target.verify(TOKEN, *others, GOOD)
    assert error in ("EVERIFY", "ETOOBIG", "EKEY", "EJSON")
    accepted(target.verify(TOKEN, GOOD, *others[:3]))
