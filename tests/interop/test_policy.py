"""What principals may ask for and what keys may do: each refusal and its allowed twin."""
import json
import os
import time
import urllib.request

import pytest

from support.node import Node

UID = os.getuid()
RATE = 5
CONFIG = f"principals: {{app: {{uids: [{UID}], rate: {RATE}}}, other: {{uids: [4242], rate: 1}}}}\n"


def metric(node, name):
    text = urllib.request.urlopen(f"http://{node.http}/metrics").read().decode()
    return int(next(line for line in text.splitlines() if line.startswith(name)).split()[-1])


def refusals(node, reason, expected=None):
    """How many were refused for that; waits for a number, since metrics may be a second old."""
    name = f'vhsmd_policy_refusals_total{{reason="{reason}"}}'
    until = time.monotonic() + 5
    while expected is not None and metric(node, name) != expected and time.monotonic() < until:
        time.sleep(0.2)
    return metric(node, name)


def run(node, *args, payload=b"payload"):
    """Status, standard output and the error line of one call."""
    done = node.cli(*args, input=payload)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def limited():
    with Node(None, config=CONFIG) as node:
        yield node


def many(node, count):
    """The answers of that many requests to sign in one message, in order."""
    done = node.cli("sign", "--lines", "--alg", "ES256", input=b"aGk\n" * count)
    return done, (done.stdout + done.stderr).decode()


def test_a_name_has_its_rate_and_no_more(limited):
    time.sleep(1.1)
    before = refusals(limited, "rate")
    done, said = many(limited, RATE + 3)
    assert done.returncode != 0 and "rate of app: 5 a second" in said, said
    assert done.stdout.count(b".") // 2 == RATE, said
    assert refusals(limited, "rate", before + 3) == before + 3


def test_what_uses_no_key_is_not_limited(limited):
    for _ in range(RATE * 2):
        limited.ask("status")
        limited.ask("keys")


def test_operators_have_no_limits(limited):
    for _ in range(RATE * 2):
        limited.ask("sign", "--alg", "ES256", input=b"x", url=limited.operator)


def test_a_second_later_there_is_room_again(limited):
    time.sleep(1.1)
    assert run(limited, "sign", "--alg", "ES256")[0] == 0


def test_a_name_has_its_requests_at_once_and_no_more():
    config = f"principals: {{app: {{uids: [{UID}], in_flight: 2}}, free: {{uids: [{UID}]}}}}\n"
    with Node(None, config=config) as node:
        assert many(node, 2)[0].returncode == 0
        before = refusals(node, "in_flight")
        done, said = many(node, 8)
        assert "in_flight of app: 2 at once" in said, said
        assert done.stdout.count(b".") // 2 == 2
        assert refusals(node, "in_flight", before + 6) == before + 6
        assert many(node, 2)[0].returncode == 0


def test_who_has_no_limited_name_has_no_limits():
    config = "principals: {app: {uids: [4242], rate: 1, in_flight: 1}}\n"
    with Node(None, config=config) as node:
        assert many(node, 40)[0].returncode == 0


# --- what keys may do -------------------------------------------------------

SPEC = """\
version: 1
keys:
  - {name: plain, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: verifies, generate: {kty: oct, bits: 256}, use: sig, alg: HS256, ops: [verify]}
  - {name: signs, generate: {kty: oct, bits: 256}, use: sig, alg: HS256, ops: [sign]}
  - {name: once, generate: {kty: OKP, crv: Ed25519}, use: sig, ops: [sign]}
  - {name: seals, generate: {kty: RSA, bits: 2048}, use: enc, ops: [encrypt]}
  - {name: opens-too, generate: {kty: EC, crv: P-521}, use: enc}
  - {name: opens, generate: {kty: OKP, crv: X25519}, use: enc, ops: [decrypt]}
  - {name: typed, generate: {kty: EC, crv: P-256}, use: sig, typ: [JWT, at+jwt]}
  - {name: claims, generate: {kty: EC, crv: P-384}, use: sig,
     claims: {max_lifetime: 1h, iss: "https://a.example"}}
"""
DENIED = "ops of the key spec do not let callers do this with the key"


@pytest.fixture(scope="module")
def spec_node():
    with Node(SPEC) as node:
        yield node


def refused(node, *args, payload=b"payload"):
    """The error line of a call that policy refuses."""
    status, out, said = run(node, *args, payload=payload)
    assert status != 0 and out == b"", (out, said)
    assert "the key spec does not let this key do that" in said, said
    return said


def jwt(lifetime=60, iss="https://a.example", **more):
    claims = {"exp": int(time.time()) + lifetime, "iss": iss, **more}
    return json.dumps({k: v for k, v in claims.items() if v is not None}).encode()


def test_a_key_that_may_not_sign_is_refused_by_name(spec_node):
    before = refusals(spec_node, "policy")
    assert DENIED in refused(spec_node, "sign", "--name", "verifies")
    assert refusals(spec_node, "policy", before + 1) == before + 1


def test_a_key_that_may_not_sign_is_never_chosen(spec_node):
    for _ in range(8):
        answer = json.loads(spec_node.ask("sign", "--json", "--alg", "HS256", input=b"x"))
        assert json.loads(json.dumps(answer))["jwk"]["name"] == "signs"


def ed_token(node):
    """A signature by a key that may not verify, which names it."""
    token = node.ask("sign", "--name", "once", input=b"x")
    assert DENIED in refused(node, "verify", payload=token)
    keys = node.write("once.jwks", node.ask("keys", "--name", "once"))
    assert node.ask("verify", "--jwks", keys, input=token) == b"x", "anybody may, elsewhere"
    return token


def test_a_key_that_may_not_verify_does_not(spec_node):
    token = spec_node.ask("sign", "--name", "signs", input=b"x")
    assert DENIED in refused(spec_node, "verify", payload=token)
    assert DENIED in refused(spec_node, "verify", "--name", "once", payload=ed_token(spec_node))


def test_a_key_that_may_only_seal_does_not_open(spec_node):
    box = spec_node.ask("encrypt", "--name", "seals", "--alg", "RSA-OAEP", "--enc", "A128GCM",
                        input=b"x")
    assert DENIED in refused(spec_node, "decrypt", payload=box)


def test_a_key_that_may_only_seal_does_not_open_what_is_for_several(spec_node):
    args = ("--name", "seals", "--alg", "RSA-OAEP", "--enc", "A128GCM", "--also", "--name", "seals",
            "--alg", "RSA-OAEP-256")
    box = spec_node.ask("encrypt", *args, input=b"x")
    assert DENIED in refused(spec_node, "decrypt", payload=box)
    peer = ("--also", "--name", "opens-too", "--alg", "ECDH-ES+A128KW")
    box = spec_node.ask("encrypt", *args, *peer, input=b"x")
    assert spec_node.ask("decrypt", input=box) == b"x"


def test_a_key_that_may_only_open_does_not_seal(spec_node):
    assert DENIED in refused(spec_node, "encrypt", "--name", "opens", "--alg", "ECDH-ES", "--enc",
                             "A128GCM")


@pytest.mark.parametrize("typ", ["JWT", "at+jwt"])
def test_a_listed_typ_is_signed(spec_node, typ):
    spec_node.ask("sign", "--name", "typed", "--typ", typ, input=b"x")
    spec_node.ask("sign", "--name", "typed", "--header", json.dumps({"typ": typ}), input=b"x")


@pytest.mark.parametrize("args", [(), ("--typ", "jwt"), ("--header", '{"typ":"JOSE"}')])
def test_another_typ_or_none_is_refused(spec_node, args):
    assert 'of typ "JWT,at+jwt", found' in refused(spec_node, "sign", "--name", "typed", *args)


FORMS = [(), ("--detached",), ("--format", "flattened"), ("--format", "general")]


@pytest.mark.parametrize("form", FORMS)
def test_a_jwt_within_its_limits_is_signed_in_every_form(spec_node, form):
    spec_node.ask("sign", "--name", "claims", *form, input=jwt())
    spec_node.ask("sign", "--name", "claims", *form, input=jwt(3600, iat=int(time.time())))


def test_a_jwt_is_never_unencoded(spec_node):
    """RFC 7797, 7."""
    args = ("--name", "claims", "--detached", "--unencoded")
    assert "never b64: false" in refused(spec_node, "sign", *args, payload=jwt())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("payload, why", [
    (jwt(90000), "live for at most 3600 s"),
    (jwt(1800, iat=int(time.time()) - 3600), "from iat"),
    (jwt(iss="https://b.example"), "found another"),
    (jwt(iss=None), "found none"),
    (b'{"iss":"https://a.example"}', "whose exp is a whole number"),
    (b"payload", "whose payload is a JSON object"),
    (b'{"exp":1,"exp":2,"iss":"https://a.example"}', "whose payload is a JSON object"),
], ids=["long", "since-iat", "issuer", "no-issuer", "no-exp", "no-json", "twice"])
def test_what_is_past_its_limits_is_refused_in_every_form(spec_node, form, payload, why):
    assert why in refused(spec_node, "sign", "--name", "claims", *form, payload=payload)


def test_of_several_signers_one_that_may_not_is_enough(spec_node):
    said = refused(spec_node, "sign", "--name", "plain", "--also", "--name", "claims")
    assert "whose payload is a JSON object" in said


def test_items_of_a_batch_are_judged_one_by_one(spec_node):
    good, bad = jwt(), jwt(90000)
    done = spec_node.cli("sign", "--lines", "--name", "claims", input=good + b"\n" + bad + b"\n")
    assert done.stdout.count(b".") == 2 and b"live for at most 3600 s" in done.stderr


TWO = """\
version: 1
keys:
  - {name: strict, generate: {kty: EC, crv: P-256}, use: sig, typ: [JWT],
     claims: {iss: "https://a.example"}}
  - {name: other, generate: {kty: EC, crv: P-256}, use: sig, claims: {iss: "https://b.example"}}
  - {name: ed, generate: {kty: OKP, crv: Ed25519}, use: sig}
"""


def signer(node, *args, payload):
    """The name of the key that signs."""
    names = {key["kid"]: name for name, key in mine(node)[1].items()}
    return names[json.loads(node.ask("sign", "--json", *args, input=payload))["kid"]]


def test_who_names_no_key_gets_one_that_may_sign():
    """Of keys of one algorithm any would do, but for what the key spec says of each."""
    ours, theirs = jwt(), jwt(iss="https://b.example")
    with Node(TWO) as node:
        for _ in range(12):
            args = ("--alg", "ES256", "--typ", "JWT")
            assert signer(node, *args, payload=ours) == "strict"
            assert signer(node, *args, payload=theirs) == "other"
            assert signer(node, "--alg", "ES256", payload=theirs) == "other"
            assert signer(node, "--alg", "ES256,EdDSA", payload=ours) == "ed", "it has no typ"
            assert signer(node, "--kty", "EC", "--format", "flattened", payload=theirs) == "other"
        before = refusals(node, "policy")
        assert "the key signs" in refused(node, "sign", "--alg", "ES256", payload=ours)
        assert "JSON object" in refused(node, "sign", "--alg", "ES256", "--typ", "JWT")
        assert refusals(node, "policy", before + 2) == before + 2
        said = refused(node, "sign", "--name", "strict", "--typ", "JWT", payload=theirs)
        assert 'of iss "https://a.example", found another' in said, "who names a key gets no other"


# --- what a caller may do ---------------------------------------------------

def mine(node, *args, **more):
    report = json.loads(node.ask("keys", "--mine", "--json", *args, **more))
    return report, {key["name"]: key for key in report["keys"]}


def test_a_caller_is_told_who_it_is_and_how_much_it_may_ask(limited):
    report, keys = mine(limited)
    assert report["principals"] == [f"uid:{UID}", "app"]
    assert report["limits"] == [{"name": f"uid:{UID}", "rate": None, "in_flight": 64},
                                {"name": "app", "rate": RATE, "in_flight": None}]
    assert len(report["keys"]) == 6
    assert mine(limited, url=limited.operator)[0]["limits"] == []


def test_a_caller_is_told_what_it_may_do_with_each_key(spec_node):
    _, keys = mine(spec_node)
    assert {name: key["ops"] for name, key in keys.items()} == {
        "plain": ["sign", "verify"], "verifies": ["verify"], "signs": ["sign"], "once": ["sign"],
        "seals": ["encrypt"], "opens": ["decrypt"], "opens-too": ["encrypt", "decrypt"], "typed": ["sign", "verify"],
        "claims": ["sign", "verify"]}
    assert keys["typed"]["typ"] == ["JWT", "at+jwt"] and keys["plain"]["typ"] == []
    assert keys["claims"]["max_lifetime_s"] == 3600
    assert keys["claims"]["iss"] == "https://a.example"
    assert keys["signs"]["alg"] == ["HS256"] and keys["signs"]["here"] is True


def test_what_is_told_is_what_works(spec_node):
    """Each operation by each key: it succeeds if and only if the report has it."""
    _, keys = mine(spec_node)
    tokens = {}
    for name, key in keys.items():
        if key["use"] == "sig":
            typ = ["--typ", key["typ"][0]] if key["typ"] else []
            done = spec_node.cli("sign", "--name", name, *typ, input=jwt())
            assert (done.returncode == 0) == ("sign" in key["ops"]), name
            tokens[name] = done.stdout
            done = spec_node.cli("verify", "--name", name, input=done.stdout)
            assert (done.returncode == 0) == ({"sign", "verify"} <= set(key["ops"])), name
        else:
            done = spec_node.cli("encrypt", "--name", name, "--alg", key["alg"][0], "--enc",
                                 "A128GCM", input=b"x")
            assert (done.returncode == 0) == ("encrypt" in key["ops"]), name


def test_a_key_for_others_is_not_told_of():
    spec = """\
version: 1
keys:
  - {name: ours, generate: {kty: EC, crv: P-256}, use: sig, allow: [app]}
  - {name: theirs, generate: {kty: EC, crv: P-256}, use: sig, allow: [other]}
"""
    with Node(spec, config=CONFIG) as node:
        assert set(mine(node)[1]) == {"ours"}
        assert set(mine(node, "--name", "theirs")[1]) == set()
        table = node.ask("keys", "--mine").decode()
        assert "sign,verify" in table and f"uid:{UID},app" in table and "theirs" not in table
