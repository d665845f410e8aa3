"""Flattened, general, detached and unencoded JWS, and JWE for several, both ways with
npm's jose."""
import json

import pytest

from interop.test_npm_jose import b64, generate, peer  # noqa: F401
from support.peers import SIGNERS, SPEC  # noqa: F401

TEXT = "what is signed, \u00e4nd \"quoted\"\n".encode()
FORMS = ["flattened", "general"]
BOTH = [("ECDH-ES+A256KW", "p384-enc"), ("RSA-OAEP-512", "rsa-enc"), ("ECDH-ES+A128KW", "x-enc")]


def key(node, name):
    found, = json.loads(node.ask("keys", "--name", name))["keys"]
    return found


def jwks(node, *keys):
    return node.write("peer.jwks", json.dumps({"keys": keys}))


def sign(node, *args, payload=TEXT):
    return json.loads(node.ask("sign", *args, input=payload))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("alg,name", SIGNERS)
def test_jose_reads_a_message_of_the_node(node, peer, alg, name, form):
    message = sign(node, "--name", name, "--alg", alg, "--format", form,
                   "--unprotected", '{"hint":1}')
    seen = peer("verifyJson", message=message, jwk=key(node, name), alg=alg)
    assert seen["payload"] == b64(TEXT) and seen["unprotected"] == {"hint": 1}
    assert seen["header"] == {"alg": alg, "kid": key(node, name)["kid"]}


def test_jose_finds_each_of_three_signatures_of_the_node(node, peer):
    message = sign(node, "--name", "p256", "--also", "--name", "rsa", "--alg", "PS256",
                   "--also", "--name", "ed", "--typ", "x")
    for name, alg in (("p256", "ES256"), ("rsa", "PS256"), ("ed", "EdDSA")):
        seen = peer("verifyJson", message=message, jwk=key(node, name), alg=alg)
        assert seen["payload"] == b64(TEXT) and seen["header"]["kid"] == key(node, name)["kid"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unencoded", [False, True])
def test_jose_reads_a_detached_message_of_the_node(node, peer, form, unencoded):
    message = sign(node, "--name", "p256", "--format", form, "--detached",
                   *(["--unencoded"] if unencoded else []))
    assert "payload" not in message
    apart = {"raw": b64(TEXT)} if unencoded else {"payload": b64(TEXT)}
    seen = peer("verifyJson", message=message, jwk=key(node, "p256"), alg="ES256", **apart)
    assert seen["payload"] == b64(TEXT)
    assert seen["header"].get("b64", True) is not unencoded


@pytest.mark.parametrize("form", FORMS)
def test_jose_reads_an_unencoded_message_of_the_node(node, peer, form):
    message = sign(node, "--name", "ed", "--format", form, "--unencoded")
    assert message["payload"] == TEXT.decode()
    seen = peer("verifyJson", message=message, jwk=key(node, "ed"), alg="EdDSA")
    assert seen["payload"] == b64(TEXT) and seen["header"]["crit"] == ["b64"]


def signer(public, name, alg, **more):
    return {"name": f"{name} {alg}", "header": {"alg": alg, **more},
            "unprotected": {"kid": public["kid"]}}


@pytest.mark.parametrize("alg,name", SIGNERS)
def test_the_node_reads_a_flattened_message_of_jose(node, peer, alg, name):
    public = generate(peer, name, alg)
    message = peer("signJson", signers=[signer(public, name, alg)], payload=b64(TEXT),
                   flattened=True)
    assert node.ask("verify", "--jwks", jwks(node, public),
                    input=json.dumps(message).encode()) == TEXT


def test_the_node_reads_a_general_message_of_jose(node, peer):
    rows = [("p521", "ES512"), ("rsa", "RS256"), ("ed", "EdDSA")]
    public = [generate(peer, name, alg) for name, alg in rows]
    message = peer("signJson", payload=b64(TEXT),
                   signers=[signer(k, *row) for k, row in zip(public, rows)])
    seen = json.loads(node.ask("verify", "--json", "--all", "--jwks", jwks(node, *public),
                               input=json.dumps(message).encode()))
    assert seen["payload"] == TEXT.decode()
    assert [s["kid"] for s in seen["signatures"]] == [k["kid"] for k in public]
    message["signatures"][1]["signature"] = b64(bytes(255) + b"\1")
    assert node.cli("verify", "--all", "--jwks", jwks(node, *public),
                    input=json.dumps(message).encode()).returncode == 1


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("flattened", [False, True])
def test_the_node_reads_an_unencoded_message_of_jose(node, peer, flattened, detached):
    public = generate(peer, "p256", "ES256")
    message = peer("signJson", payload=b64(TEXT), flattened=flattened,
                   signers=[signer(public, "p256", "ES256", b64=False, crit=["b64"])])
    message.pop("payload", None)  # jose leaves it to the caller
    args = ["--jwks", jwks(node, public)]
    if detached:
        args += ["--payload", node.write("payload", TEXT)]
    else:
        message["payload"] = TEXT.decode()
    assert node.ask("verify", *args, input=json.dumps(message).encode()) == TEXT


# --- JWE ------------------------------------------------------------------------


@pytest.mark.parametrize("alg,name", [("ECDH-ES", "p256-enc"), *BOTH])
def test_the_node_opens_a_flattened_box_of_jose(node, peer, alg, name):
    mine = key(node, name)
    message = peer("encryptJson", recipients=[{"jwk": mine, "alg": alg}], payload=b64(TEXT),
                   header={"enc": "A128CBC-HS256"}, aad=b64(b"seen"), shared={"x": 1},
                   flattened=True)
    seen = json.loads(node.ask("decrypt", "--json", input=json.dumps(message).encode()))
    assert seen["payload"] == TEXT.decode() and seen["aad"] == "seen"
    assert seen["kid"] == mine["kid"] and seen["unprotected"]["x"] == 1


@pytest.mark.parametrize("alone", range(3))
def test_the_node_opens_a_box_of_jose_for_several_with_each_key(node, peer, alone):
    stranger = generate(peer, "p256-enc", "ECDH-ES+A192KW")
    recipients = [{"jwk": key(node, name), "alg": alg} for alg, name in BOTH]
    recipients.insert(0, {"jwk": stranger, "alg": "ECDH-ES+A192KW"})
    message = peer("encryptJson", recipients=recipients, payload=b64(TEXT),
                   header={"enc": "A256GCM"}, aad=b64(b"seen"))
    assert len(message["recipients"]) == 4
    assert node.ask("decrypt", input=json.dumps(message).encode()) == TEXT
    message["recipients"] = [message["recipients"][0], message["recipients"][1 + alone]]
    seen = json.loads(node.ask("decrypt", "--json", input=json.dumps(message).encode()))
    assert seen["payload"] == TEXT.decode() and seen["kid"] == key(node, BOTH[alone][1])["kid"]


def stranger_file(node, public):
    return node.write("stranger.jwk", json.dumps(public))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("alg,name", [("ECDH-ES", "p521-enc"), *BOTH])
def test_jose_opens_a_box_of_the_node(node, peer, alg, name, form):
    public = generate(peer, name, alg)
    box = node.ask("encrypt", "--alg", alg, "--enc", "A192GCM", "--format", form, "--aad", "seen",
                   "--unprotected", '{"u":2}', "--jwk", stranger_file(node, public), input=TEXT)
    seen = peer("decryptJson", name=f"{name} {alg}", message=json.loads(box))
    assert seen["payload"] == b64(TEXT) and seen["aad"] == b64(b"seen")
    assert seen["shared"] == {"u": 2} or seen["unprotected"] == {"u": 2}


@pytest.mark.parametrize("alg,name", BOTH)
def test_jose_opens_a_box_of_the_node_for_several(node, peer, alg, name):
    public = generate(peer, name, alg)
    box = node.ask("encrypt", "--enc", "A256CBC-HS512", "--name", "p256-enc", "--alg",
                   "ECDH-ES+A128KW", "--also", "--jwk", stranger_file(node, public), "--alg", alg,
                   input=TEXT)
    seen = peer("decryptJson", name=f"{name} {alg}", message=json.loads(box))
    assert seen["payload"] == b64(TEXT) and seen["unprotected"]["alg"] == alg
    assert node.ask("decrypt", input=box) == TEXT
