"""Attacks on the flattened and general forms of JWS: what a compact token has no
place for.  As elsewhere, each forged token has a twin that is accepted."""
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from forge import (SECRETS, Listener, accepted, b64, ec_jwk, es256, flattened, general, hs256,
                   loose, part, ps256, refused, rs256, rsa_jwk, signature)
from cryptography.hazmat.primitives.asymmetric import rsa

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
KEY = ec_jwk(EC)
PAYLOAD = b64(b"payload")
ES = {"alg": "ES256"}
GOOD = signature(es256(EC), ES)
BAD = signature(es256(OTHER), ES)


def changed(message, **members):
    """A message with other members; ... takes one out."""
    message = {**json.loads(message), **members}
    return json.dumps({k: v for k, v in message.items() if v is not ...})


def alone_and_among_others(one):
    """Each form that one signature can come in."""
    return [json.dumps({"payload": PAYLOAD, **one}), general(one), general(one, BAD),
            general(BAD, one)]


# --- what has to be protected ---------------------------------------------------

@pytest.mark.parametrize("protected", [None, {"kid": "a"}, {"typ": "JWT"}])
@pytest.mark.parametrize("alg", ["ES256", "none", "HS256", "RS256", "ES384"])
def test_an_unprotected_alg_is_no_algorithm(target, protected, alg):
    """Even where it is the right one: who can change it can confuse."""
    accepted(target.verify(flattened(es256(EC), ES, typ="x"), KEY))
    one = signature(es256(EC), protected, alg=alg)
    for token in alone_and_among_others(one):
        refused(target.verify(token, KEY), "EHEADER", "EVERIFY")
    error, outcomes = target.outcomes(general(one, GOOD), KEY)
    assert (error, outcomes) == ("OK", ["EHEADER", "OK"])
    assert target.outcomes(general(one, GOOD), KEY, all_of_them=True)[0] == "EVERIFY"


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"crit": ["b64"]}, {"crit": []},
                                    {"b64": False}, {"b64": True}])
def test_unprotected_extensions_are_refused(target, header):
    for token in alone_and_among_others(signature(es256(EC), ES, **header)):
        refused(target.verify(token, KEY), "EHEADER", "EVERIFY")


def test_crit_may_not_point_at_what_is_unprotected(target):
    protected = {"alg": "ES256", "crit": ["b64"]}
    for token in alone_and_among_others(signature(es256(EC), protected, b64=False)):
        refused(target.verify(token, KEY), "EHEADER", "EVERIFY")


@pytest.mark.parametrize("name,value", [("alg", "ES256"), ("alg", "none"), ("kid", "a"),
                                        ("kid", "b"), ("typ", "JWT"), ("x", 1), ("x", None)])
def test_a_header_member_stands_in_one_place(target, name, value):
    protected = {"alg": "ES256", "kid": "a", "typ": "JWT", "x": 1}
    accepted(target.verify(flattened(es256(EC), protected, other=1), KEY))
    for token in alone_and_among_others(signature(es256(EC), protected, **{name: value})):
        refused(target.verify(token, KEY), "EHEADER")


@pytest.mark.parametrize("kid", ["\u0000", "a\nevent=forged", "\u001b[2J", "x" * 5000, 7, None, []])
def test_an_unprotected_kid_is_a_text_without_control_characters(target, kid):
    accepted(target.verify(flattened(es256(EC), ES, kid="a"), KEY))
    for token in alone_and_among_others(signature(es256(EC), ES, kid=kid)):
        refused(target.verify(token, KEY), "ETOKEN", "EHEADER", "EVERIFY", "EJSON")
    assert "event=forged" not in target.node.log() and "\x1b" not in target.node.log()


def test_an_unprotected_kid_leads_to_no_other_key(target):
    """It says which key to try, and nothing of what that key has signed."""
    accepted(target.verify(flattened(es256(EC), ES, kid="a"), {**KEY, "kid": "a"}))
    refused(target.verify(flattened(es256(EC), ES, kid=target.kid("p256"))), "EVERIFY")
    refused(target.verify(flattened(es256(EC), ES, kid="b"), {**ec_jwk(OTHER), "kid": "b"},
                          {**KEY, "kid": "a"}), "EVERIFY")


# --- keys that a token brings along ------------------------------------------------

@pytest.mark.parametrize("protect", [True, False])
def test_a_key_in_a_header_is_not_trusted(target, protect):
    def token(**more):
        return flattened(es256(EC), {**ES, **more}) if protect else flattened(es256(EC), ES, **more)
    listener = Listener(json.dumps({"keys": [{**KEY, "kid": "theirs"}]}).encode())
    try:
        for more in ({"jwk": KEY}, {"jwk": KEY, "kid": "theirs"}, {"x5c": ["MIIB"]},
                     {"jku": listener.url, "kid": "theirs"}, {"x5u": listener.url}):
            accepted(target.verify(token(**more), {**KEY, "kid": "theirs"}))
            refused(target.verify(token(**more)), "EVERIFY", "ENOKEY")
        assert listener.hits == []
    finally:
        listener.server.shutdown()


# --- several signatures ------------------------------------------------------------

def test_one_bad_signature_among_good_ones_is_named(target):
    token = general(GOOD, BAD)
    assert target.outcomes(token, KEY) == ("OK", ["OK", "EVERIFY"])
    assert target.outcomes(token, KEY, all_of_them=True) == ("EVERIFY", [])
    assert target.outcomes(general(GOOD, GOOD), KEY, all_of_them=True)[0] == "OK"
    assert target.outcomes(general(BAD, BAD), KEY)[0] == "EVERIFY"


def test_none_beside_a_signature_is_no_signature(target):
    none = {"protected": part({"alg": "none"}), "signature": "AA"}
    assert target.outcomes(general(none, GOOD), KEY) == ("OK", ["EALG", "OK"])
    for token in (general(none), general(none, BAD), general(none, none)):
        refused(target.verify(token, KEY), "EALG", "EVERIFY")
    refused(target.verify(general({**none, "signature": ""}, GOOD), KEY), "ETOKEN")


def test_a_signature_belongs_to_its_own_header(target):
    twin = signature(es256(EC), {"alg": "ES256", "typ": "JWT"})
    accepted(target.verify(general(GOOD, twin), KEY))
    swapped = [{**GOOD, "protected": twin["protected"]}, {**twin, "protected": GOOD["protected"]}]
    refused(target.verify(general(*swapped), KEY), "EVERIFY")
    for one in swapped:
        refused(target.verify(general(one), KEY), "EVERIFY")


def test_a_signature_belongs_to_its_own_payload(target):
    token = target.sign(FORMAT="flattened")
    accepted(target.verify(token))
    refused(target.verify(changed(token, payload=b64(b"Payload"))), "EVERIFY")
    refused(target.verify(changed(token, payload="")), "EVERIFY")


def test_a_public_key_is_no_hmac_secret_of_one_of_several(target):
    public = json.dumps(KEY).encode()
    for secret in (public, b"", b64(public).encode()):
        forged = signature(hs256(secret), {"alg": "HS256", "kid": target.kid("mac")})
        own = signature(hs256(SECRETS["mac"]), {"alg": "HS256", "kid": target.kid("mac")})
        assert target.outcomes(general(own, forged)) == ("OK", ["OK", "EVERIFY"])
        refused(target.verify(general(forged)), "EVERIFY")
        refused(target.verify(general(forged, forged)), "EVERIFY")


def test_signers_do_not_agree_on_less_than_each_alone(target):
    """Two signatures that are wrong in different ways are not one that is right."""
    rsa_bad = signature(ps256(RSA, 0), {"alg": "PS256"})
    mixed = signature(rs256(RSA), {"alg": "PS256"})
    keys = (KEY, rsa_jwk(RSA))
    accepted(target.verify(general(rsa_bad, mixed, GOOD), *keys))
    refused(target.verify(general(rsa_bad, mixed, BAD), *keys), "EVERIFY")


@pytest.mark.parametrize("count", [17, 18, 1000, 100000])
def test_signatures_are_counted_before_they_are_verified(target, count):
    accepted(target.verify(general(*[GOOD] * 16), KEY))
    refused(target.verify(general(*[{"signature": "AA"}] * (count - 1), GOOD), KEY), "ETOOBIG")


# --- unencoded payloads -------------------------------------------------------------

def unencoded(text, protected=None, one=None):
    protected = protected or {"alg": "ES256", "b64": False, "crit": ["b64"]}
    return json.dumps({"payload": text.decode(),
                       **(one or signature(es256(EC), protected, text))})


def test_b64_false_without_crit_is_refused_in_every_form(target):
    accepted(target.verify(unencoded(b"text"), KEY), b"text")
    for value in (False, True, None, "false", 0):
        one = signature(es256(EC), {"alg": "ES256", "b64": value}, "text")
        refused(target.verify(json.dumps({"payload": "text", **one}), KEY), "EHEADER", "ETOKEN")
        refused(target.verify(general(one, payload="text"), KEY), "EHEADER")
        refused(target.verify(general(one, GOOD, payload="text"), KEY), "EHEADER", "EVERIFY")
        compact = f"{one['protected']}.text.{one['signature']}"
        refused(target.verify(compact, KEY), "EHEADER")


def test_what_was_signed_encoded_does_not_pass_unencoded(target):
    """Payload text that is base64url of another: one signature must not be good for both."""
    protected = {"alg": "ES256", "b64": False, "crit": ["b64"]}
    assert target.verify(unencoded(PAYLOAD.encode()), KEY)[1]["DATA"] == PAYLOAD.encode()
    encoded = flattened(es256(EC), ES)
    accepted(target.verify(encoded, KEY))
    refused(target.verify(changed(encoded, protected=part(protected)), KEY), "EVERIFY")
    raw = unencoded(PAYLOAD.encode())
    refused(target.verify(changed(raw, protected=part(ES)), KEY), "EVERIFY")


def test_signers_agree_on_b64(target):
    raw = signature(es256(EC), {"alg": "ES256", "b64": False, "crit": ["b64"]}, "text")
    coded = signature(es256(EC), ES, "text")
    accepted(target.verify(general(raw, raw, payload="text"), KEY), b"text")
    refused(target.verify(general(raw, coded, payload="text"), KEY), "EHEADER")
    refused(target.verify(general(coded, raw, payload="text"), KEY), "EHEADER", "ETOKEN")


@pytest.mark.parametrize("text", ["a.b", "a\nb", "\x7f", "\u00e4"])
def test_an_unencoded_payload_cannot_move_the_dots_of_a_compact_token(target, text):
    protected = {"alg": "ES256", "b64": False, "crit": ["b64"]}
    one = signature(es256(EC), protected, text)
    accepted(target.verify(unencoded(text.encode()), KEY), text.encode())
    refused(target.verify(f"{one['protected']}.{text}.{one['signature']}", KEY), "ETOKEN")


# --- the message itself ----------------------------------------------------------------

@pytest.mark.parametrize("members", [
    {"payload": ...}, {"payload": None}, {"payload": 5}, {"payload": [PAYLOAD]},
    {"payload": {"payload": PAYLOAD}}, {"protected": ""}, {"protected": None}, {"protected": ES},
    {"protected": [GOOD["protected"]]}, {"protected": ...}, {"signature": ...}, {"signature": ""},
    {"signature": None}, {"signature": [GOOD["signature"]]}, {"header": []}, {"header": None},
    {"header": "e30"}, {"signatures": []}, {"signatures": {}}, {"signatures": None},
    {"signatures": [GOOD]}, {"signatures": [GOOD], "protected": ..., "header": {}}],
    ids=lambda m: json.dumps({k: "gone" if v is ... else v for k, v in m.items()})[:30])
def test_a_flattened_message_has_the_members_of_one(target, members):
    token = json.dumps({"payload": PAYLOAD, **GOOD})
    accepted(target.verify(changed(token, other="is skipped"), KEY))
    refused(target.verify(changed(token, **members), KEY), "ETOKEN")


@pytest.mark.parametrize("signatures", [None, 5, "x", {}, [], [None], [[GOOD]], ["x"],
                                        [GOOD, None], [{}], [{"signature": "AA"}],
                                        [{"protected": GOOD["protected"]}]], ids=str)
def test_a_general_message_has_a_list_of_signatures(target, signatures):
    accepted(target.verify(general(GOOD), KEY))
    refused(target.verify(json.dumps({"payload": PAYLOAD, "signatures": signatures}), KEY), "ETOKEN")


def test_members_of_a_message_are_not_repeated(target):
    token = json.dumps({"payload": PAYLOAD, **GOOD})
    accepted(target.verify(token, KEY))
    several = general(GOOD)
    for name in ("payload", "protected", "signature"):
        again = token[:-1] + f', "{name}": {json.dumps(json.loads(token)[name])}}}'
        refused(target.verify(again, KEY), "EJSON")
        escaped = again[:-1] + f', "\\u00{ord(name[0]):02x}{name[1:]}": "e30"}}'
        refused(target.verify(escaped, KEY), "EJSON")
    refused(target.verify(several[:-1] + f', "signatures": [{json.dumps(GOOD)}]}}', KEY), "EJSON")
    inner = json.dumps(GOOD)[:-1] + ', "header": {"a": 1, "a": 2}}'
    refused(target.verify(f'{{"payload": "{PAYLOAD}", "signatures": [{inner}]}}', KEY), "EJSON")


@pytest.mark.parametrize("change", [
    lambda t: t + "x", lambda t: t + t, lambda t: "[" + t + "]", lambda t: t[:-1], lambda t: "{}",
    lambda t: "{", lambda t: "\ufeff" + t, lambda t: t.replace(":", "=", 1), lambda t: t + "\0",
    lambda t: t[:-1] + ',"x":1e999}', lambda t: t[:-1] + ',"x":' + "9" * 400 + "}",
    lambda t: t[:-1] + ',"x":"\\ud800"}', lambda t: t[:-1] + ',"x":' + "[" * 17 + "]" * 17 + "}",
    lambda t: t[:-1] + ',"x":' + "[" * 100000 + "]" * 100000 + "}",
    lambda t: t[:-1] + ',"x":' + '{"a":' * 50000 + "1" + "}" * 50000 + "}",
    lambda t: t[:-1] + ',"x":[' + "0," * 200000 + "0]}"], ids=range(16))
def test_a_message_is_one_json_object_of_bounded_depth(target, change):
    token = json.dumps({"payload": PAYLOAD, **GOOD})
    accepted(target.verify(" \r\n\t" + token + "\n", KEY))
    refused(target.verify(change(token), KEY), "ETOKEN")


def test_base64url_is_canonical_in_every_member(target):
    def token(x, payload):
        head = {"alg": "ES256", "x": x}
        return {"payload": payload, **signature(es256(EC), head, payload)}
    good = next(t for t in (token("a" * i, PAYLOAD) for i in range(3))
                if len(t["protected"]) % 4 in (2, 3))
    accepted(target.verify(json.dumps(good), KEY))
    for name in ("payload", "protected", "signature"):
        one = good[name]
        for spoiled in (one + "=", one + "\n", " " + one, one[:4] + "\r\n" + one[4:],
                        one[:-1] + "+", one[:-1] + "/", one + "\u0000", one + ".", loose(one)):
            refused(target.verify(json.dumps({**good, name: spoiled}), KEY), "ETOKEN", "EJSON",
                    "EVERIFY")
    spoiled = loose(PAYLOAD)  # the signer signs the loose text itself
    refused(target.verify(json.dumps(token("a", spoiled)), KEY), "ETOKEN")


def test_a_detached_payload_is_in_one_place(target):
    token = json.dumps({"payload": PAYLOAD, **GOOD})
    detached = changed(token, payload=...)
    jwks = json.dumps({"keys": [KEY]})
    accepted(target.asks("VERIFY", TOKEN=detached, DATA=b"payload", JWKS=jwks))
    refused(target.asks("VERIFY", TOKEN=detached, DATA=b"Payload", JWKS=jwks), "EVERIFY")
    refused(target.asks("VERIFY", TOKEN=detached, JWKS=jwks), "ETOKEN")
    for payload in (PAYLOAD, "", None):
        refused(target.asks("VERIFY", TOKEN=changed(token, payload=payload), DATA=b"payload",
                            JWKS=jwks), "ETOKEN")
    head, _, tail = target.sign().split(".")
    refused(target.asks("VERIFY", TOKEN=f"{head}.{PAYLOAD}.{tail}", DATA=b"payload"), "ETOKEN")


# --- the signer ------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["flattened", "general"])
@pytest.mark.parametrize("header", [
    '{"alg":"none"}', '{"kid":"x"}', '{"crit":["x"],"x":1}', '{"b64":false}', '{"typ":"x"}',
    '{"x":1,"x":2}', '{"p":1}', '[]', 'x', '{"\\u0061lg":"none"}', '{"a":' * 40 + "1" + "}" * 40],
    ids=lambda header: header[:16])
def test_a_caller_cannot_put_beside_what_the_node_says(target, form, header):
    fields = {"NAME": "p256", "DATA": b"x", "FORMAT": form, "HEADER": '{"p":2}', "TYP": "JWT"}
    accepted(target.asks("SIGN", **fields, UNPROTECTED='{"x":1}'), None)
    refused(target.asks("SIGN", **fields, UNPROTECTED=header), "ETOKEN")
