"""A node of a cluster has a fourth process and one private key more: the record
key, which signs what it tells the others.
"""
import os
import signal
import subprocess

import pytest
from jwcrypto import jwk

from memory.search import members, plain_node, protection, scan
from support.node import BUILD, Node
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes: needs root")
SPEC = """version: 1
defaults: {publish_before: 1s}
keys:
  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}
"""


def issue(folder, *first):
    """Makes the node's certificates and keys; what the scanner looks for."""
    program = os.path.join(BUILD, "bin", "vhsm")
    for words in (*first, ("issue", "--dev", "--ca", "ca", "--out", ".", "a")):
        subprocess.run([program, "cluster", *words], cwd=folder, check=True, capture_output=True)
    with open(os.path.join(folder, "a.record.key"), "rb") as f:
        return members("record", jwk.JWK.from_pem(f.read()))


def config(folder):
    return ('node: {name: a}\ncluster:\n  listen: "tls+tcp://127.0.0.1:0"\n'
            f'  advertise: "127.0.0.1:0"\n  ca: {folder}/ca/ca.crt\n'
            f"  tls: {{cert: {folder}/a.tls.crt, key: {folder}/a.tls.key}}\n"
            f"  record: {{cert: {folder}/a.record.crt, key: {folder}/a.record.key}}\n")


def sign_records(node, count=30):
    """Each rotation is told to the cluster in a record."""
    wait(lambda: node.cli("sign", "--name", "ec", input=b"x").returncode == 0)
    for _ in range(count):
        node.ask("rotate", "--name", "ec", "--now", url=node.operator)
        wait(lambda: node.cli("sign", "--name", "ec", input=b"x").returncode == 0)


def test_no_process_of_a_cluster_node_shows_its_record_key(tmp_path):
    folder = str(tmp_path)
    secrets = issue(folder, ("init", "ca"))
    with Node(SPEC, config=config(folder), folder=folder, http=False) as node:
        if protection(node) != "memfd_secret":
            pytest.skip("this kernel has no memfd_secret: root can read locked pages")
        pids = list(node.pids().values())
        assert len(pids) == 4
        found, report = scan(folder, secrets, "pid", pids)
        assert not found, "after loading:\n" + report
        sign_records(node)
        found, report = scan(folder, secrets, "pid", pids)
        assert not found, "after records:\n" + report
        for name in ("a.tls.crt", "a.tls.key", "a.record.crt", "a.record.key"):
            os.unlink(os.path.join(folder, name))
        secrets += issue(folder)
        node.process.send_signal(signal.SIGHUP)
        node.wait_for("reloaded")
        sign_records(node, 3)
        found, report = scan(folder, secrets, "pid", pids)
        assert not found, "after another record key:\n" + report


def test_the_scan_finds_a_record_key_on_ordinary_pages(tmp_path):
    folder = str(tmp_path)
    secrets = issue(folder, ("init", "ca"))
    with plain_node(folder, SPEC, config=config(folder), http=False) as node:
        vault = node.pids()["vhsmd-vault"]
        found, report = scan(folder, secrets, "pid", [vault])
        assert found, report
        others = [pid for name, pid in node.pids().items() if name != "vhsmd-vault"]
        assert len(others) == 3
        found, report = scan(folder, secrets, "pid", others)
        assert not found, report
