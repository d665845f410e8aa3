"""The key spec read anew, by vhsm reload and by SIGHUP."""
import os
import signal
import subprocess

from keylife.life import STAYS, fetch, kid_of, kids, operate, sign, states, verify, wait_until
from support.node import Node

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


def named(node, name):
    return {kid: key for kid, key in states(node).items() if key["name"] == name}


def test_a_new_entry_is_published_then_active():
    with Node(STAYS) as node:
        old = kid_of(sign(node))
        node.write("keyspec.yaml", MORE)
        report = operate(node, "reload")
        assert (report["entries_kept"], report["entries_new"], report["entries_gone"]) == (1, 1, 0)
        wait_until(lambda: named(node, "more"))
        assert [key["state"] for key in named(node, "more").values()] == ["published"]
        wait_until(lambda: [key["state"] for key in named(node, "more").values()] == ["active"])
        node.ask("sign", "--name", "more", input=b"x")
        assert kid_of(sign(node)) == old, "unchanged keys stay as they are"


def test_an_entry_taken_out_retires():
    with Node(MORE) as node:
        token = sign(node)
        node.write("keyspec.yaml", OTHER)
        assert operate(node, "reload")["entries_gone"] == 1
        wait_until(lambda: states(node)[kid_of(token)]["state"] == "retired")
        verify(token, fetch(node))
        assert node.cli("sign", "--name", "id", input=b"x").returncode != 0
        node.ask("sign", "--name", "more", input=b"x")
        wait_until(lambda: kid_of(token) not in kids(node))


def test_changed_attributes_apply():
    with Node(STAYS) as node:
        old = kid_of(sign(node))
        node.write("keyspec.yaml", STAYS.rstrip() + "\n    allow: [nobody-here]\n")
        operate(node, "reload")
        wait_until(lambda: node.cli("sign", "--name", "id", input=b"x").returncode != 0)
        node.write("keyspec.yaml", STAYS.rstrip() + "\n    rotate: {every: 3s}\n")
        operate(node, "reload")
        wait_until(lambda: node.cli("sign", "--name", "id", input=b"x").returncode == 0)
        wait_until(lambda: kid_of(sign(node)) != old)


def test_count_grows_and_shrinks():
    with Node(STAYS) as node:
        node.write("keyspec.yaml", STAYS.rstrip() + "\n    count: 3\n")
        operate(node, "reload")
        wait_until(lambda: sum(key["state"] == "active" for key in states(node).values()) == 3)
        node.write("keyspec.yaml", STAYS)
        operate(node, "reload")
        wait_until(lambda: sum(key["state"] == "active" for key in states(node).values()) == 1)


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
        pem = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                             stdout=subprocess.PIPE, check=True).stdout
        path = node.write("new.pem", pem)
        node.write("keyspec.yaml", STAYS + "  - name: file\n    load: {file: new.pem}\n    use: sig\n")
        operate(node, "reload")
        assert not os.path.exists(path)
        wait_until(lambda: [k["state"] for k in named(node, "file").values()] == ["active"])
        kid = kid_of(node.ask("sign", "--name", "file", input=b"x").decode())
        done = node.cli("rotate", "--", kid, url=node.operator)
        assert done.returncode == 1 and b"loaded" in done.stderr
        assert operate(node, "reload")["entries_kept"] == 2, "the file is not looked for again"


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
        wait_until(lambda: named(node, "more"))
        node.write("keyspec.yaml", "version: 2\n")
        os.kill(node.process.pid, signal.SIGHUP)
        assert "keyspec.yaml:1" in node.wait_for("reload-refused")["why"]
        sign(node)
