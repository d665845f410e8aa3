"""A live node gets another record certificate and key, without a restart."""
import os
import shutil
import signal

import pytest

from cluster.fleet import Fleet, cli
from cluster.load import Caller
from cluster.test_continuity import SPEC, settled
from cluster.test_three import verified
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture
def fleet():
    with Fleet(2, SPEC, crl=True) as made:
        cli("cluster", "revoke", "--ca", made.pki)  # an empty list
        made.start()
        settled(made, 4)
        yield made


def files(fleet, name="a", kinds=("record.crt", "record.key")):
    return [os.path.join(fleet.pki, f"{name}.{kind}") for kind in kinds]


def put_aside(fleet):
    """The record pair of a, out of the way of a new one; its old certificate."""
    for path in files(fleet):
        os.rename(path, path + ".old")
    return files(fleet)[0] + ".old"


def issue(fleet, out=None):
    """New certificates for a; TLS keeps what it has."""
    folder = os.path.join(fleet.dir, "fresh")
    cli("cluster", "issue", "--ca", fleet.pki, "--out", folder, "--san", fleet.address(0), "a")
    for path in files(fleet):
        shutil.move(os.path.join(folder, os.path.basename(path)), out or path)
    shutil.rmtree(folder)


def reload(node, event="reloaded"):
    # The supervisor says it of all, vhsmd-peer of its part.
    count = sum(1 for line in node.events(event) if "keys" in line or event != "reloaded")
    node.process.send_signal(signal.SIGHUP)
    wait(lambda: sum(1 for line in node.events(event)
                     if "keys" in line or event != "reloaded") > count, 20, event)
    return node.events(event)[-1]


def refusals(node):
    return [line for event in ("record-refused", "hello-refused") for line in node.events(event)]


def seq(node, name):
    """Of the record of another node that this one has."""
    return node.members()[name]["seq"]


def test_a_node_goes_on_with_a_new_record_key_and_without_the_old_one(fleet):
    a, b = fleet.nodes
    token = b.ask("sign", "--name", "sig-a", input=b"before")
    before = b.published()
    callers = [Caller(b, "SIGN", {"NAME": b"sig-a", "DATA": b"x"}),
               Caller(a, "SIGN", {"NAME": b"sig-b", "DATA": b"x"})]
    for caller in callers:
        caller.start()
    old = put_aside(fleet)
    issue(fleet)
    vault, last = a.pids()["vhsmd-vault"], seq(b, "a")
    reload(a)
    changed = a.wait_for("record-key")
    assert changed["kid"] != changed["before"]
    wait(lambda: seq(b, "a") > last, 5, "b has a record since, not only in half a minute")
    assert all(n.published() == before for n in fleet.nodes)
    # Now the old certificate is worth nothing.
    cli("cluster", "revoke", "--ca", fleet.pki, old)
    for node in (b, a):
        reload(node)
    wait(lambda: all(set(n.states().values()) == {"alive"} for n in fleet.nodes), 20, "all alive")
    assert all(n.published() == before for n in fleet.nodes)
    assert verified(b, token) == b"before"
    wait(lambda: b.cli("sign", "--name", "sig-a", input=b"x").returncode == 0, 20, "b reaches a")
    for caller in callers:
        caller.stop()
    assert not refusals(a) and not refusals(b)
    assert not b.events("member-dead") and not a.events("member-dead")
    assert a.pids()["vhsmd-vault"] == vault
    for caller in callers:
        assert caller.done[-1][2] == "OK"
        assert sum(error != "OK" for _, _, error in caller.done) <= 5, \
            [d for d in caller.done if d[2] != "OK"]


@pytest.mark.parametrize("spoil", ["pair", "name", "missing", "mode"])
def test_a_bad_record_pair_is_refused_by_name_and_the_old_one_goes_on(fleet, spoil):
    a, b = fleet.nodes
    before = b.published()
    certificate, key = files(fleet)
    shutil.copytree(fleet.pki, os.path.join(fleet.dir, "kept"))
    if spoil == "pair":  # the key of b under the certificate of a
        os.unlink(key)
        shutil.copy(files(fleet, "b")[1], key)
    elif spoil == "name":  # a pair, of another node
        for mine, other in zip(files(fleet), files(fleet, "b")):
            os.unlink(mine)
            shutil.copy(other, mine)
    elif spoil == "missing":
        os.unlink(certificate)
    else:
        os.chmod(key, 0o644)
    refused = reload(a, "reload-refused")
    assert (key if spoil == "mode" else certificate) in refused["why"]
    assert not [line for line in a.events("reloaded")], "TLS has not changed either"
    assert not a.events("record-key")
    # A whole minute's worth of proof: the old key still signs what is asked for.
    assert b.cli("sign", "--name", "sig-a", input=b"x").returncode == 0
    assert b.published() == before
    # And what is right again is taken.
    for path in (certificate, key):
        if os.path.exists(path):
            os.unlink(path)
    issue(fleet)
    reload(a)
    assert len(a.events("record-key")) == 1
    assert not refusals(b)
