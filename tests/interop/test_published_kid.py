"""A loaded key keeps the kid that an earlier system gave it: tokens in flight verify
and decrypt, and both that kid and the thumbprint select the key."""
import json
import os

import pytest
from jwcrypto import jwe, jwk, jws

from keylife.life import kid_of, operate
from support.node import Node
from support.waiting import wait

KID, BOX = "https://old.example/keys,1", "old+enc=="
SPEC = f"""version: 1
keys:
  - {{name: sig, load: {{file: sig.pem}}, use: sig, kid: "{KID}"}}
  - {{name: enc, load: {{file: enc.jwk}}, use: enc, kid: "{BOX}"}}
  - {{name: mac, load: {{file: mac.jwk}}, kid: old-mac}}
  - {{name: made, generate: {{kty: EC, crv: P-256}}, use: sig}}
"""


def sign(key, kid, alg):
    token = jws.JWS(b"before")
    token.add_signature(key, protected=json.dumps({"alg": alg, "kid": kid}))
    return token.serialize(compact=True).encode()


def header(token):
    found = jws.JWS()
    found.deserialize(token.decode().strip())
    return found.jose_header


@pytest.fixture(scope="module")
def old():
    return {"sig": jwk.JWK.generate(kty="EC", crv="P-256"),
            "enc": jwk.JWK.generate(kty="EC", crv="P-256", use="enc"),
            "mac": jwk.JWK.generate(kty="oct", size=256, use="sig", alg="HS256")}


@pytest.fixture(scope="module")
def node(old, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kid")
    made = Node(SPEC, folder=folder)
    made.write("sig.pem", old["sig"].export_to_pem(private_key=True, password=None))
    made.write("enc.jwk", old["enc"].export())
    made.write("mac.jwk", old["mac"].export())
    with made as running:
        yield running


def test_tokens_of_the_earlier_system_verify(node, old):
    assert node.ask("verify", input=sign(old["sig"], KID, "ES256")) == b"before"
    assert node.ask("verify", input=sign(old["mac"], "old-mac", "HS256")) == b"before"
    other = jwk.JWK.generate(kty="EC", crv="P-256")
    assert node.cli("verify", input=sign(other, KID, "ES256")).returncode != 0


def test_boxes_of_the_earlier_system_open(node, old):
    public = jwk.JWK.from_json(old["enc"].export_public())
    box = jwe.JWE(b"before", recipient=public,
                  protected={"alg": "ECDH-ES", "enc": "A128GCM", "kid": BOX})
    assert node.ask("decrypt", input=box.serialize(compact=True).encode()) == b"before"
    made = node.ask("encrypt", "--name", "enc", "--alg", "ECDH-ES", "--enc", "A128GCM", input=b"x")
    assert header_of_box(made) == BOX and node.ask("decrypt", input=made) == b"x"


def header_of_box(token):
    found = jwe.JWE()
    found.deserialize(token.decode().strip())
    return json.loads(found.objects["protected"])["kid"]


def test_the_jwk_set_and_new_tokens_say_the_published_kid(node, old):
    keys = {k["kid"]: k for k in json.loads(node.ask("keys"))["keys"]}
    assert {KID, BOX} <= set(keys) and old["sig"].thumbprint() not in keys
    for kid in (KID, old["sig"].thumbprint()):
        token = node.ask("sign", "--kid", kid, input=b"new")
        assert header(token)["kid"] == KID
        found = jws.JWS()
        found.deserialize(token.decode().strip())
        found.verify(jwk.JWK(**keys[KID]))
    assert header(node.ask("sign", "--name", "mac", input=b"new"))["kid"] == "old-mac"
    made = header(node.ask("sign", "--name", "made", input=b"new"))["kid"]
    assert jwk.JWK(**keys[made]).thumbprint() == made


def test_a_report_tells_the_thumbprint_behind_it(node, old):
    report = json.loads(node.cli("--json", "keys", "--state", "any", check=True).stdout)
    thumbprints = {k["kid"]: k["thumbprint"] for k in report["keys"]}
    assert thumbprints[KID] == old["sig"].thumbprint()
    assert thumbprints[BOX] == old["enc"].thumbprint()
    assert thumbprints.pop("old-mac") is None  # it would tell about the secret
    assert all(kid == found for kid, found in thumbprints.items() if kid not in (KID, BOX))


def test_an_operator_names_the_key_by_either(node):
    done = node.cli("retire", KID, url=node.operator)
    assert done.returncode == 0, done.stderr
    assert KID in done.stdout.decode()


def test_an_operator_destroys_a_key_by_its_thumbprint(node, old):
    done = node.cli("destroy", "--yes", "--", old["enc"].thumbprint(), url=node.operator)
    assert done.returncode == 0, done.stderr
    wait(lambda: BOX not in {k["kid"] for k in json.loads(node.ask("keys"))["keys"]})
    assert b"key not found" in node.cli("encrypt", "--kid", BOX, "--alg", "ECDH-ES", "--enc", "A128GCM",
                                        input=b"x").stderr


# --- a key spec that is read anew ---------------------------------------------
ENTRY = "  - {name: %s, load: {file: %s.pem}, use: sig%s}\n"


def entries(*rows):
    head = "version: 1\ndefaults: {publish_before: 0s, keep_after: 1h}\nkeys:\n"
    return head + "".join(ENTRY % (name, name, f', kid: "{kid}"' if kid else "")
                          for name, kid in rows)


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory):
    """A node with a key that has a kid and one that has none."""
    made = Node(entries(("one", "kid-1"), ("two", None)), folder=tmp_path_factory.mktemp("reload"))
    made.keys = {name: jwk.JWK.generate(kty="EC", crv="P-256") for name in ("one", "two", "three", "four")}
    for name in ("one", "two"):
        put(made, name)
    with made as running:
        yield running


def put(node, name):
    return node.write(f"{name}.pem", node.keys[name].export_to_pem(private_key=True, password=None))


def signs_as(node, name):
    """The kid in the header of its tokens, which verify with what is published by it."""
    token = node.ask("sign", "--name", name, input=b"x").decode().strip()
    found, kid = jws.JWS(), kid_of(token)
    found.deserialize(token)
    keys = {k["kid"]: k for k in json.loads(node.ask("keys"))["keys"]}
    found.verify(jwk.JWK(**keys[kid]))
    assert keys[kid]["x"] == json.loads(node.keys[name].export_public())["x"]
    return kid


def test_a_changed_an_added_and_a_dropped_kid_leave_the_key_what_it_is(reloaded):
    thumbprint = reloaded.keys["two"].thumbprint()
    for one, two in (("kid-x", "kid-y"), (None, "kid-1"), ("kid-1", None)):
        reloaded.write("keyspec.yaml", entries(("one", one), ("two", two)))
        report = operate(reloaded, "reload")
        assert (report["entries_kept"], report["entries_new"], report["entries_gone"]) == (2, 0, 0)
        assert signs_as(reloaded, "one") == "kid-1" and signs_as(reloaded, "two") == thumbprint
        assert reloaded.cli("sign", "--kid", "kid-x", input=b"x").returncode != 0


def kept(node):
    return [(e["entry"], e["name"], e["kid"], e["asked"]) for e in node.events("kid-kept")]


def test_a_kid_that_is_not_taken_is_told_once_for_each_reload(reloaded):
    thumbprints = {name: reloaded.keys[name].thumbprint() for name in ("one", "two")}
    for one, two, told in (("kid-1", None, []),
                           ("kid-z", None, [("1", "one", "kid-1", "kid-z")]),
                           ("kid-z", None, [("1", "one", "kid-1", "kid-z")]),
                           (None, "kid-y", [("1", "one", "kid-1", thumbprints["one"]),
                                            ("2", "two", thumbprints["two"], "kid-y")]),
                           ("kid-1", thumbprints["two"], [])):
        before = len(kept(reloaded))
        reloaded.write("keyspec.yaml", entries(("one", one), ("two", two)))
        operate(reloaded, "reload")
        assert kept(reloaded)[before:] == told


def test_a_new_entry_with_a_kid_is_published_by_it(reloaded):
    path = put(reloaded, "three")
    reloaded.write("keyspec.yaml", entries(("one", "kid-1"), ("two", None), ("three", "kid-3")))
    assert operate(reloaded, "reload")["entries_new"] == 1
    wait(lambda: reloaded.cli("sign", "--name", "three", input=b"x").returncode == 0)
    assert signs_as(reloaded, "three") == "kid-3" and not os.path.exists(path)


@pytest.mark.parametrize("kid", ["kid-1", "thumbprint of two"])
def test_a_new_entry_with_the_kid_of_another_key_changes_nothing(reloaded, kid):
    before = reloaded.ask("keys")
    path = put(reloaded, "four")
    taken = reloaded.keys["two"].thumbprint() if kid.startswith("thumb") else kid
    reloaded.write("keyspec.yaml", entries(("one", "kid-1"), ("two", None), ("four", taken)))
    done = reloaded.cli("reload", url=reloaded.operator)
    assert done.returncode == 1 and b"a kid of its own" in done.stderr, done.stderr
    assert os.path.exists(path) and reloaded.ask("keys") == before


REFUSED = {
    "two-keys": ("{load: {file: set.jwk}, use: sig, kid: one}", "exactly one"),
    "twice": ("{load: {file: '*.pem'}, use: sig, kid: one}", "a kid of its own"),
    "thumbprint": ("{load: {file: a.pem}, use: sig, kid: %s}\n"
                   "  - {load: {file: b.pem}, use: sig}", "a kid of its own"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_kid_that_is_not_one_keys_own_stops_the_start_and_deletes_nothing(case, tmp_path):
    a, b = (jwk.JWK.generate(kty="EC", crv="P-256") for _ in range(2))
    entry, text = REFUSED[case]
    if "%s" in entry:
        entry %= b.thumbprint()
    node = Node(f"version: 1\nkeys:\n  - {entry}\n", folder=tmp_path)
    node.write("a.pem", a.export_to_pem(private_key=True, password=None))
    node.write("b.pem", b.export_to_pem(private_key=True, password=None))
    both = jwk.JWKSet()
    both.add(a)
    both.add(b)
    node.write("set.jwk", both.export(private_keys=True))
    try:
        node.launch()
        assert node.process.wait(60) != 0
        assert text in node.log()
        assert {"a.pem", "b.pem", "set.jwk"} <= set(os.listdir(tmp_path))
    finally:
        node.kill()
