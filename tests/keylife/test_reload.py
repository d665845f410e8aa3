"""The key spec read anew, by vhsm reload and by SIGHUP."""
import json
import os
import signal
import subprocess
import urllib.request

import jwcrypto.jwk
import pytest

from keylife.life import STAYS, fetch, kid_of, kids, operate, sign, states, verify
from support.node import Node, children, process_name
from support.waiting import wait

MORE = STAYS + """
  - name: more
    generate: {kty: OKP, crv: Ed25519}
    use: sig
"""
OTHER = """
version: 1
defaults: {publish_before: 1s, keep_after: 4s}
keys:
  - name: more
    generate: {kty: OKP, crv: Ed25519}
    use: sig
"""


def openssl_key(curve):
    return subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"],
                          stdout=subprocess.PIPE, check=True).stdout


EC_KEY, OTHER_KEY = openssl_key("P-256"), openssl_key("P-384")


def named(node, name):
    return {kid: key for kid, key in states(node).items() if key["name"] == name}


def test_a_new_entry_is_published_then_active():
    with Node(STAYS) as node:
        old = kid_of(sign(node))
        node.write("keyspec.yaml", MORE)
        report = operate(node, "reload")
        assert (report["entries_kept"], report["entries_new"], report["entries_gone"]) == (1, 1, 0)
        wait(lambda: named(node, "more"))
        assert [key["state"] for key in named(node, "more").values()] == ["published"]
        wait(lambda: [key["state"] for key in named(node, "more").values()] == ["active"])
        node.ask("sign", "--name", "more", input=b"x")
        assert kid_of(sign(node)) == old, "unchanged keys stay as they are"


def test_an_entry_taken_out_retires():
    with Node(MORE) as node:
        token = sign(node)
        node.write("keyspec.yaml", OTHER)
        assert operate(node, "reload")["entries_gone"] == 1
        wait(lambda: states(node)[kid_of(token)]["state"] == "retired")
        verify(token, fetch(node))
        assert node.cli("sign", "--name", "id", input=b"x").returncode != 0
        node.ask("sign", "--name", "more", input=b"x")
        wait(lambda: kid_of(token) not in kids(node))


def test_changed_attributes_apply():
    with Node(STAYS) as node:
        old = kid_of(sign(node))
        node.write("keyspec.yaml", STAYS.rstrip() + "\n    allow: [nobody-here]\n")
        operate(node, "reload")
        wait(lambda: node.cli("sign", "--name", "id", input=b"x").returncode != 0)
        node.write("keyspec.yaml", STAYS.rstrip() + "\n    rotate: {every: 3s}\n")
        operate(node, "reload")
        wait(lambda: node.cli("sign", "--name", "id", input=b"x").returncode == 0)
        wait(lambda: kid_of(sign(node)) != old)


def test_count_grows_and_shrinks():
    with Node(STAYS) as node:
        node.write("keyspec.yaml", STAYS.rstrip() + "\n    count: 3\n")
        operate(node, "reload")
        wait(lambda: sum(key["state"] == "active" for key in states(node).values()) == 3)
        node.write("keyspec.yaml", STAYS)
        operate(node, "reload")
        wait(lambda: sum(key["state"] == "active" for key in states(node).values()) == 1)


def vault_seconds(node):
    """CPU that the vault has used."""
    (pid,) = [p for p in children(node.process.pid) if process_name(p) == "vhsmd-vault"]
    with open(f"/proc/{pid}/stat") as f:
        times = f.read().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def test_thousands_of_keys_that_stay_or_leave_cost_next_to_nothing():
    many = STAYS + "".join(f"  - {{name: k{i}, generate: {{kty: EC, crv: P-256}}, use: sig, count: 128}}\n"
                          for i in range(24))
    with Node(many) as node:
        old = kid_of(sign(node))
        before = vault_seconds(node)
        assert operate(node, "reload")["entries_kept"] == 25
        node.write("keyspec.yaml", STAYS)
        assert operate(node, "reload")["entries_gone"] == 24
        # Their number once, not its square: that were seconds.
        assert vault_seconds(node) - before < 0.5
        wait(lambda: sum(key["state"] == "retired" for key in states(node).values()) == 24 * 128)
        assert kid_of(sign(node)) == old


def test_a_bad_file_changes_nothing_and_says_why():
    with Node(STAYS) as node:
        before = states(node)
        path = node.write("keyspec.yaml", MORE.replace("kty: OKP", "kty: XYZ"))
        done = node.cli("reload", url=node.operator)
        assert done.returncode == 1
        said = done.stderr.decode()
        assert f"{path}:10:21" in said and "XYZ" in said, said
        assert path in node.wait_for("reload-refused")["why"]
        assert states(node).keys() == before.keys()
        sign(node)


def test_a_key_file_that_is_refused_changes_nothing_and_stays():
    with Node(STAYS) as node:
        before = states(node)
        bad = node.write("bad.pem", "no key at all\n")
        node.write("keyspec.yaml", MORE + "  - load: {file: bad.pem}\n    use: sig\n")
        done = node.cli("reload", url=node.operator)
        assert done.returncode == 1 and b"bad.pem" in done.stderr
        assert os.path.exists(bad)
        assert states(node).keys() == before.keys()
        node.write("keyspec.yaml", MORE)
        assert operate(node, "reload")["entries_new"] == 1


def test_a_loaded_file_is_deleted_once_its_key_is_there():
    with Node(STAYS) as node:
        path = node.write("new.pem", openssl_key("P-256"))
        node.write("keyspec.yaml", STAYS + "  - name: file\n    load: {file: new.pem}\n    use: sig\n")
        operate(node, "reload")
        assert not os.path.exists(path)
        wait(lambda: [k["state"] for k in named(node, "file").values()] == ["active"])
        kid = kid_of(node.ask("sign", "--name", "file", input=b"x").decode())
        done = node.cli("rotate", "--", kid, url=node.operator)
        assert done.returncode == 1 and b"loaded" in done.stderr
        assert operate(node, "reload")["entries_kept"] == 2, "the file is not looked for again"


LOADED = STAYS + "  - {name: %s, load: {file: %s}, use: sig, delete: false%s}\n"
FORMS = {"k.pem": EC_KEY, "k.jwk": json.dumps({"kty": "oct", "k": "A" * 86})}


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def state_of(node, name):
    return [(kid, key["state"]) for kid, key in named(node, name).items()]


def test_a_loaded_key_comes_back_while_it_is_retired(form):
    with Node(STAYS) as node:
        node.write(form, FORMS[form])
        here = LOADED % ("hk", form, ", kid: old-one")
        for _ in range(2):
            node.write("keyspec.yaml", here)
            assert operate(node, "reload")["entries_new"] == 1
            wait(lambda: state_of(node, "hk") == [("old-one", "active")])
            token = node.ask("sign", "--name", "hk", input=b"{}")
            node.write("keyspec.yaml", STAYS)
            operate(node, "reload")
            wait(lambda: state_of(node, "hk") == [("old-one", "retired")])
            assert node.ask("verify", input=token) == b"{}"


def test_a_key_whose_entry_is_renamed_is_used_on(form):
    with Node(STAYS) as node:
        node.write(form, FORMS[form])
        node.write("keyspec.yaml", LOADED % ("one", form, ""))
        operate(node, "reload")
        wait(lambda: [state for _, state in state_of(node, "one")] == ["active"])
        before = state_of(node, "one")
        node.write("keyspec.yaml", LOADED % ("two", form, ", keep_after: 1h"))
        operate(node, "reload")
        assert state_of(node, "two") == before and state_of(node, "one") == []
        assert before[0][0] == kid_of(node.ask("sign", "--name", "two", input=b"{}").decode())
        assert all(key["state"] == "active" for key in states(node).values())


def refused_reload(node, spec, why):
    """It says why and by which entry, and nothing changes."""
    before = states(node)
    node.write("keyspec.yaml", spec)
    done = node.cli("reload", url=node.operator)
    assert done.returncode == 1 and why in done.stderr.decode(), done.stderr
    assert states(node) == before


def test_a_second_copy_of_a_key_that_stays_is_refused(form):
    """It would go with the first entry, and its file is deleted already."""
    first = LOADED % ("one", form, "")
    node = Node(first)
    node.write(form, FORMS[form])
    with node:
        [(kid, _)] = state_of(node, "one")
        copy = node.write("copy-" + form, FORMS[form])
        both = first + f"  - {{load: {{file: copy-{form}}}, use: sig}}\n"
        refused_reload(node, both, f"entry 3, key spec: key {kid} is of entry 2 already, expected one copy")
        assert os.path.exists(copy)
        node.write("keyspec.yaml", STAYS + f"  - {{load: {{file: copy-{form}}}, use: sig}}\n")
        operate(node, "reload")
        assert states(node)[kid]["state"] == "active" and not os.path.exists(copy)
        node.ask("sign", "--kid", kid, input=b"{}")


def test_two_entries_with_one_key_do_not_start(form):
    with Node(STAYS) as node:
        node.kill()
        node.write(form, FORMS[form])
        copy = node.write("copy-" + form, FORMS[form])
        node.write("keyspec.yaml", LOADED % ("one", form, "") + f"  - {{load: {{file: copy-{form}}}, use: sig}}\n")
        node.launch()
        assert node.process.wait(60) == 1
        assert "is of entry 2 already, expected one copy" in node.events("key-refused")[0]["why"]
        assert os.path.exists(copy)


@pytest.mark.parametrize("before,after,what", [
    ("use: sig, kid: one", "use: sig, kid: two", "kid"),
    ("use: sig", "use: sig, kid: two", "kid"),
    ("use: sig", "use: enc", "use"),
    ("use: sig, alg: RS256", "use: sig, alg: PS256", "alg"),
    ("use: sig", "use: sig, alg: PS256", "alg"),
])
def test_a_loaded_key_stays_what_its_tokens_say(before, after, what):
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    entry = STAYS + "  - {name: %s, load: {file: r.pem}, delete: false, %s}\n"
    node = Node(entry % ("r", before))
    node.write("r.pem", key)
    with node:
        token = node.ask("sign", "--name", "r", input=b"{}")
        for name in ("r", "other"):
            if name == "r" and what == "kid":
                continue  # then the entry stays, and the key keeps its kid
            refused_reload(node, entry % (name, after), f"is there already, with another {what}, expected")
            assert node.ask("verify", input=token) == b"{}"


def test_two_keys_of_one_kid_are_refused_by_entry():
    first = LOADED % ("one", "k.pem", "")
    thumbprint = jwcrypto.jwk.JWK.from_pem(EC_KEY).thumbprint()
    node = Node(first)
    node.write("k.pem", EC_KEY)
    node.write("l.pem", OTHER_KEY)
    with node:
        node.write("keyspec.yaml", first + (LOADED % ("two", "l.pem", f', kid: "{thumbprint}"')).splitlines()[-1])
        done = node.cli("reload", url=node.operator)
        assert done.returncode == 1 and b'entry 3 two, key spec: kid "' in done.stderr
        assert node.wait_for("key-refused")["entry"] == "3 two"
        node.kill()
        node.launch()
        assert node.process.wait(60) == 1
        assert [line["entry"] for line in node.events("key-refused")] == ["3 two", "3 two"]


def test_what_does_not_fit_into_the_arena_changes_nothing():
    with Node(STAYS) as node:
        before = states(node)
        node.write("keyspec.yaml", STAYS + "  - name: big\n    generate: {kty: RSA, bits: 8192}\n"
                                           "    use: sig\n    count: 4000\n")
        done = node.cli("reload", url=node.operator)
        assert done.returncode == 1 and b"arena" in done.stderr
        assert states(node).keys() == before.keys()


def test_sighup_does_the_same():
    with Node(STAYS) as node:
        node.write("keyspec.yaml", MORE)
        os.kill(node.process.pid, signal.SIGHUP)
        assert node.wait_for("reloaded")["new"] == "1"
        wait(lambda: named(node, "more"))
        node.write("keyspec.yaml", "version: 2\n")
        os.kill(node.process.pid, signal.SIGHUP)
        assert "keyspec.yaml:1" in node.wait_for("reload-refused")["why"]
        sign(node)


RULES = """
version: 1
defaults: {publish_before: 1s, keep_after: 4s}
keys:
  - name: id
    generate: {kty: EC, crv: P-256}
    use: sig
    %s
"""
DENIED = b"the key spec does not let this key do that"


def reload_rule(node, rule):
    """The node's only key gets this rule; it stays the key that it is."""
    node.write("keyspec.yaml", RULES % rule)
    assert operate(node, "reload")["entries_kept"] == 1


def becomes(node, works, *args, payload=b"{}", why=DENIED):
    def tried():
        done = node.cli("sign", "--name", "id", *args, input=payload)
        return done.returncode == 0 if works else why in done.stderr
    wait(tried)


def test_each_rule_of_an_entry_changes_while_its_key_stays():
    with Node(RULES % "ops: [sign, verify]") as node:
        kid = kid_of(sign(node))
        for rule, refused in (("ops: [verify]", ()), ("typ: [JWT]", ("--typ", "JOSE")),
                              ('claims: {iss: "https://a.example"}', ())):
            reload_rule(node, rule)
            becomes(node, False, *refused)
            reload_rule(node, "ops: [sign, verify]")
            becomes(node, True, *refused)
            assert kid_of(sign(node)) == kid
        reload_rule(node, "ops: [sign]")
        wait(lambda: DENIED in node.cli("verify", input=sign(node).encode()).stderr)
        reload_rule(node, "allow: [nobody-here]")
        becomes(node, False, why=b"key not found")
        reload_rule(node, "ops: [sign, verify]")
        becomes(node, True)
        assert kid_of(sign(node)) == kid and kids(node) == {kid}


CONFIG = """
node: {name: a}
principals: {%s}
limits: {queue: %d}
"""
ALLOWED = RULES % "allow: [app]"


def test_principals_and_their_limits_change():
    uid = os.getuid()
    with Node(ALLOWED, config=CONFIG % (f"app: {{uids: [{uid}]}}", 64)) as node:
        sign(node)
        node.write("vhsmd.yaml", CONFIG % ("app: {uids: [4242]}", 64))
        report = operate(node, "reload")
        assert report["applied"] == ["principals"]
        assert report["restart_needed"] is False and report["restart_for"] == []
        becomes(node, False, why=b"key not found")
        node.write("vhsmd.yaml", CONFIG % (f"app: {{uids: [{uid}], rate: 3}}", 64))
        operate(node, "reload")
        done = node.cli("sign", "--lines", "--name", "id", input=b"e30\n" * 9)
        assert b"rate of app: 3 a second" in done.stderr and done.stdout.count(b".") == 6
        (row,) = json.loads(node.ask("status", "--json"))["principals"]
        assert (row["name"], row["most_a_second"], row["over_rate"]) == ("app", 3, 6)
        node.write("vhsmd.yaml", CONFIG % (f"app: {{uids: [{uid}]}}", 64))
        operate(node, "reload")
        assert node.cli("sign", "--lines", "--name", "id", input=b"e30\n" * 9).returncode == 0
        assert json.loads(node.ask("status", "--json"))["principals"] == []


SHORT = STAYS + """
  - name: soon
    generate: {kty: OKP, crv: Ed25519}
    use: sig
    publish_before: %s
"""


def max_age(node):
    with urllib.request.urlopen(f"http://{node.http}/.well-known/jwks.json", timeout=10) as r:
        return r.headers["Cache-Control"]


def test_caches_keep_the_set_no_longer_than_the_shortest_publish_before():
    spec = SHORT.replace("publish_before: 1s", "publish_before: 10m")
    with Node(spec % "7s") as node:
        assert max_age(node) == "public, max-age=7"
        node.write("keyspec.yaml", spec % "3s")
        assert operate(node, "reload")["applied"] == ["publish_before"]
        assert max_age(node) == "public, max-age=3"
        os.kill(node.pids()["vhsmd-front"], signal.SIGKILL)
        node.wait_for("front-restarted")
        wait(lambda: node.cli("sign", "--name", "id", input=b"{}").returncode == 0)
        assert max_age(node) == "public, max-age=3"


def test_new_principals_outlive_front():
    uid = os.getuid()
    with Node(ALLOWED, config=CONFIG % ("app: {uids: [4242]}", 64)) as node:
        becomes(node, False, why=b"key not found")
        node.write("vhsmd.yaml", CONFIG % (f"app: {{uids: [{uid}]}}", 64))
        operate(node, "reload")
        sign(node)
        os.kill(node.pids()["vhsmd-front"], signal.SIGKILL)
        node.wait_for("front-restarted")
        wait(lambda: node.cli("sign", "--name", "id", input=b"{}").returncode == 0)


def test_what_needs_a_restart_is_named_and_does_not_apply():
    with Node(STAYS, config=CONFIG % ("app: {uids: [4242]}", 64)) as node:
        assert json.loads(node.ask("status", "--json"))["limits"]["queue"] == 64
        changed = CONFIG % ("app: {uids: [4242]}", 65) + "log: {level: debug}\n"
        node.write("vhsmd.yaml", changed.replace("queue: 65", "queue: 65, per_principal: 9"))
        for _ in range(2):
            report = operate(node, "reload")
            assert report["restart_needed"] is True
            assert report["restart_for"] == ["limits.queue", "log.level"]
        assert node.wait_for("restart-needed")["settings"] == "limits.queue,log.level"
        limits = json.loads(node.ask("status", "--json"))["limits"]
        assert limits["queue"] == 64 and limits["per_principal"] == 9
        assert b"per_principal" in node.ask("status") and limits["workers"] >= 2


def test_a_principal_that_is_nobody_changes_nothing():
    uid = os.getuid()
    with Node(ALLOWED, config=CONFIG % (f"app: {{uids: [{uid}]}}", 64)) as node:
        node.write("vhsmd.yaml", CONFIG % ("app: {uids: [no-such-user]}", 64))
        done = node.cli("reload", url=node.operator)
        assert done.returncode == 1 and b"no-such-user" in done.stderr
        sign(node)
