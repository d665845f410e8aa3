"""Policy across three nodes: what a holder refuses, and whom nobody asks for it."""
import json
import os
import subprocess
import time

import pytest

from cluster.fleet import Fleet
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

# Each node: one key for everything of each use, and on c some with rules.
PLAIN = """version: 1
defaults: {publish_before: 2s, keep_after: 10m}
keys:
  - {name: sig-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
"""
RULES = """\
  - {name: verifies, generate: {kty: EC, crv: P-384}, use: sig, ops: [verify]}
  - {name: signs, generate: {kty: OKP, crv: Ed25519}, use: sig, ops: [sign]}
  - {name: seals, generate: {kty: EC, crv: P-256}, use: enc, ops: [encrypt]}
  - {name: opens, generate: {kty: OKP, crv: X25519}, use: enc, ops: [decrypt]}
  - {name: typed, generate: {kty: EC, crv: P-256}, use: sig, typ: [JWT]}
  - {name: claims, generate: {kty: EC, crv: P-256}, use: sig,
     claims: {max_lifetime: 1h, iss: "https://a.example"}}
"""
# One key file, at b and at c, for different things.
SHARED = "  - {name: shared, load: {file: %s}, use: sig, delete: false, ops: [%s]}\n"
REFUSED = b"the key spec does not let this key do that"
DENIED = b"ops of the key spec do not let callers do this with the key"


def spec(name, file):
    text = PLAIN % {"name": name} + (RULES if name == "c" else "")
    return text + (SHARED % (file, {"b": "verify", "c": "sign"}[name]) if name != "a" else "")


def jwt(lifetime=60, iss="https://a.example"):
    return json.dumps({"exp": int(time.time()) + lifetime, "iss": iss}).encode()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-521", "-out", path], check=True, capture_output=True)
    os.chmod(path, 0o600)
    return path


@pytest.fixture(scope="module")
def fleet(file):
    with Fleet(3, lambda name: spec(name, file)) as running:
        running.start()
        a, b, c = running.nodes
        wait(lambda: all(len(n.published()) == 10 for n in running.nodes), 20,
             "every node's JWK Set lists all keys")
        for node in running.nodes:
            wait(lambda: sign(node, "claims", payload=jwt()).returncode == 0, 20, "keys are active")
            wait(lambda: sign(node, "typed", "--typ", "JWT").returncode == 0, 20, "keys are active")
        yield running


def sign(node, name, *args, payload=b"x"):
    return node.cli("sign", "--name", name, *args, input=payload)


def asked(holder):
    """How many requests of other nodes' callers the holder has had."""
    text = holder.fetch("/metrics")
    return sum(int(line.split()[-1]) for line in text.splitlines()
               if line.startswith("vhsmd_relayed_total"))


def settle(holder):
    """The same, once the count is no longer moving: /metrics may be a second old."""
    time.sleep(1.2)
    return asked(holder)


def test_typ_and_claims_are_refused_by_the_holder(fleet):
    a, b, c = fleet.nodes
    before = settle(c)
    for node in (a, b):
        for done in (sign(node, "typed"), sign(node, "typed", "--typ", "JOSE"),
                     sign(node, "claims", payload=jwt(90000)),
                     sign(node, "claims", payload=jwt(iss="https://b.example"))):
            assert done.returncode != 0 and done.stdout == b""
            assert REFUSED in done.stderr and b"node c" in done.stderr, done.stderr
    assert settle(c) == before + 8


def test_what_the_rules_let_pass_is_signed_for_callers_of_any_node(fleet):
    for node in fleet.nodes:
        assert sign(node, "typed", "--typ", "JWT").returncode == 0
        assert sign(node, "claims", payload=jwt()).returncode == 0


def test_who_names_no_key_gets_one_that_may_sign_at_whichever_node(fleet):
    """Of c's three P-256 keys each has other rules, and a's and b's own have none."""
    a, _, c = fleet.nodes
    a.write("keyspec.yaml", "version: 1\nkeys:\n  - {name: sig-a, generate: {kty: EC, crv: P-256}, "
            "use: sig, typ: [none]}\n")
    a.ask("reload", url=a.operator)
    wait(lambda: REFUSED in sign(a, "sig-a").stderr, 10, "a's own key signs nothing")
    names = {k["kid"]: k["name"] for k in json.loads(a.ask("keys", "--mine", "--json"))["keys"]}
    before, seen = settle(c), set()
    for _ in range(12):
        answer = json.loads(a.ask("sign", "--json", "--alg", "ES256", "--typ", "JWT", input=b"x"))
        seen.add(names[answer["kid"]])
        answer = json.loads(a.ask("sign", "--json", "--alg", "ES256", input=jwt(90000)))
        assert names[answer["kid"]] in ("sig-b", "sig-c")
    assert seen <= {"typed", "sig-b", "sig-c"} and len(seen) > 1
    assert settle(c) > before, "c signs its share"
    a.write("keyspec.yaml", spec("a", None))
    a.ask("reload", url=a.operator)
    wait(lambda: sign(a, "sig-a").returncode == 0, 10, "a's key signs again")


def test_a_key_that_does_not_let_callers_is_asked_for_by_nobody(fleet):
    a, b, c = fleet.nodes
    before = settle(c)
    for node in (a, b):
        done = sign(node, "verifies")
        assert REFUSED in done.stderr and DENIED in done.stderr, done.stderr
        done = node.cli("sign", "--alg", "ES384", input=b"x")
        assert done.returncode != 0 and b"key not found" in done.stderr, done.stderr
        done = node.cli("encrypt", "--name", "opens", "--alg", "ECDH-ES", "--enc", "A128GCM",
                        input=b"x")
        assert REFUSED in done.stderr and DENIED in done.stderr, done.stderr
        done = node.cli("encrypt", "--alg", "ECDH-ES", "--crv", "X25519", "--enc", "A128GCM",
                        input=b"x")
        assert done.returncode != 0 and b"key not found" in done.stderr, done.stderr
    assert settle(c) == before, "c was asked"


def test_a_box_for_a_key_that_only_seals_is_opened_nowhere(fleet):
    for node in fleet.nodes:
        box = node.ask("encrypt", "--name", "seals", "--alg", "ECDH-ES", "--enc", "A128GCM",
                       input=b"x")
        for other in fleet.nodes:
            done = other.cli("decrypt", input=box)
            assert REFUSED in done.stderr and done.stdout == b"", done.stderr


def test_a_key_that_only_signs_does_not_verify_at_any_node(fleet):
    for node in fleet.nodes:
        token = node.ask("sign", "--name", "signs", input=b"x")
        for other in fleet.nodes:
            assert DENIED in other.cli("verify", input=token).stderr


def test_every_node_tells_its_callers_the_same(fleet):
    want = {"sig-a": ["sign", "verify"], "sig-b": ["sign", "verify"], "sig-c": ["sign", "verify"],
            "verifies": ["verify"], "signs": ["sign"], "seals": ["encrypt"], "opens": ["decrypt"],
            "typed": ["sign", "verify"], "claims": ["sign", "verify"],
            "shared": ["sign", "verify"]}
    for node in fleet.nodes:
        keys = {k["name"]: k for k in json.loads(node.ask("keys", "--mine", "--json"))["keys"]}
        assert {name: key["ops"] for name, key in keys.items()} == want
        assert keys["typed"]["typ"] == ["JWT"]
        assert (keys["claims"]["max_lifetime_s"], keys["claims"]["iss"]) == \
            (3600, "https://a.example")
        assert keys["typed"]["here"] == (node is fleet.nodes[2])


def refused(node):
    name = 'vhsmd_policy_refusals_total{reason="policy"}'
    (line,) = [x for x in node.fetch("/metrics").splitlines() if x.startswith(name)]
    return int(line.split()[-1])


def test_of_two_holders_the_one_that_may_signs(fleet):
    """b refuses what it is asked for, since it knows its ops itself; then c is asked."""
    a, b, c = fleet.nodes
    time.sleep(1.2)
    before = refused(b)
    for _ in range(20):
        token = a.ask("sign", "--name", "shared", input=b"x")
        assert a.ask("verify", input=token) == b"x"
    time.sleep(1.2)
    assert refused(b) > before, "b was never asked"


def test_changed_ops_are_told_to_the_others(fleet, file):
    """Last: it changes what c's keys are for."""
    a, _, c = fleet.nodes
    c.write("keyspec.yaml", spec("c", file).replace("ops: [verify]", "ops: [sign]"))
    c.ask("reload", url=c.operator)
    wait(lambda: sign(a, "verifies").returncode == 0, 10, "a has heard of it")
    token = a.ask("sign", "--name", "verifies", input=b"x")
    assert DENIED in a.cli("verify", input=token).stderr
    c.write("keyspec.yaml", spec("c", file))
    c.ask("reload", url=c.operator)
    wait(lambda: DENIED in sign(a, "verifies").stderr, 10, "a has heard of it again")
