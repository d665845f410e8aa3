"""Every act of an operator has its line, and is refused where it could not have one."""
import json
import os
import signal
import subprocess

import pytest
from support.node import BUILD, Node
from support.waiting import wait
from trail import lines, verify, wait_for_op

SPEC = """version: 1
keys:
  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: old, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: enc, generate: {kty: EC, crv: P-256}, use: enc}
"""
AUDIT = "audit: {file: audit.log%s}\n"
ACTS = ["drain", "undrain", "rotate", "rotate-now", "retire", "destroy", "reload", "revoke"]


def issue(folder, name):
    vhsm = os.path.join(BUILD, "bin", "vhsm")
    pki = os.path.join(folder, "pki")
    for command in (["init", pki], ["issue", "--ca", pki, "--out", pki, "--dev", name]):
        subprocess.run([vhsm, "cluster", *command], check=True, stdout=subprocess.DEVNULL)
    return (f'node: {{name: {name}}}\ncluster:\n  listen: "tls+tcp://127.0.0.1:0"\n'
            f'  advertise: "127.0.0.1:0"\n  ca: {pki}/ca.crt\n'
            f"  tls: {{cert: {pki}/{name}.tls.crt, key: {pki}/{name}.tls.key}}\n"
            f"  record: {{cert: {pki}/{name}.record.crt, key: {pki}/{name}.record.key}}\n")


def kid_of(node, name):
    return json.loads(node.ask("keys", "--name", name))["keys"][0]["kid"]


def wait_for_keys(node):
    """Their kids, once the cluster has them all active."""
    wait(lambda: len(json.loads(node.ask("--json", "keys", "--state", "active"))["keys"]) == 3)
    return {name: kid_of(node, name) for name in ("ec", "old", "enc")}


def operate(node, *args):
    return node.cli(*args, url=node.operator)


def do_all(node, kids):
    """Each act once, in the order of ACTS; what came of each."""
    return [operate(node, *args) for args in (
        ["drain"], ["drain", "--off"], ["rotate", "--name", "ec"], ["rotate", "--now", kids["ec"]],
        ["retire", kids["old"]], ["destroy", "--yes", kids["enc"]], ["reload"],
        ["revoke", kids["old"]])]


@pytest.fixture(scope="module", params=["each", "summary"])
def acted(request, tmp_path_factory):
    """A node in a cluster of its own whose operator did everything there is."""
    config = (AUDIT % f", detail: {request.param}") + issue(str(tmp_path_factory.mktemp("acts")), "a")
    with Node(SPEC, config) as node:
        node.kids = wait_for_keys(node)
        for done in do_all(node, node.kids):
            assert done.returncode == 0, (done.args, done.stderr)
        assert operate(node, "retire", "no-such-key").returncode != 0
        node.process.send_signal(signal.SIGHUP)
        wait(lambda: len([x for x in node.events("reloaded") if x["process"] == "vhsmd"]) == 2)
        wait_for_op(node, "reload", 2)
        with open(os.path.join(node.dir, "keyspec.yaml"), "a", encoding="utf-8") as f:
            f.write("  - {name: bad}\n")
        assert operate(node, "reload").returncode != 0
        assert node.stop() == 0
        yield node


def acts(node):
    return [x for x in lines(node) if x["op"] in ACTS]


def test_every_act_has_a_line_in_its_order(acted):
    assert [x["op"] for x in acts(acted)] == ACTS + ["retire", "reload", "reload"]
    assert verify(acted).returncode == 0


def test_a_line_says_who_did_what_to_which_key(acted):
    found = acts(acted)
    uid = f"uid:{os.getuid()}"
    assert all(x["who"].split(",")[0] == uid for x in found)
    assert [x.get("kid") for x in found[:8]] == [
        None, None, "ec", acted.kids["ec"], acted.kids["old"], acted.kids["enc"], None,
        acted.kids["old"]]
    assert all(x["outcome"] == "ok" for x in found[:8])


def test_what_was_in_vain_says_so(acted):
    assert (acts(acted)[8]["kid"], acts(acted)[8]["outcome"]) == ("no-such-key", "ENOKEY")
    assert acts(acted)[10]["outcome"] == "ECONFIG"


def test_a_reload_by_signal_says_whose(acted):
    assert acts(acted)[9]["who"] == f"uid:{os.getuid()},signal:HUP"
    assert acts(acted)[9]["outcome"] == "ok"


def test_with_a_full_disk_nothing_is_done_but_a_drain(tmp_path):
    config = "audit: {file: /dev/full}\n" + issue(str(tmp_path), "a")
    with Node(SPEC, config) as node:
        wait(lambda: node.events("audit-blocked"))
        kids = {name: kid_of(node, name) for name in ("ec", "old", "enc")}
        before = node.ask("keys", "--state", "any")
        drain, *others = do_all(node, kids)
        assert drain.returncode == 0, drain.stderr
        for done in others:
            assert done.returncode != 0 and b"audit trail cannot be written" in done.stderr, done.args
        assert node.ask("keys", "--state", "any") == before
        assert json.loads(node.ask("--json", "status"))["draining"] is True
        node.process.send_signal(signal.SIGHUP)
        refused = wait(lambda: node.events("reload-refused")[1:])
        assert refused[0]["error"] == "EAUDIT" and not node.events("reloaded")


def test_with_a_full_disk_that_is_not_to_matter_all_is_done(tmp_path):
    config = "audit: {file: /dev/full, when_blocked: continue}\n" + issue(str(tmp_path), "a")
    with Node(SPEC, config) as node:
        wait(lambda: node.events("audit-blocked"))
        kids = wait_for_keys(node)
        for done in do_all(node, kids):
            assert done.returncode == 0, (done.args, done.stderr)
