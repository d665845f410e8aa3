"""One node of a cluster, and what its supervisor does for vhsmd-peer."""
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from support.node import BUILD, Node, process_name
from support.waiting import wait

SPEC = """version: 1
defaults: {publish_before: 1s}
keys:
  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: ec-enc, generate: {kty: EC, crv: P-256}, use: enc}
"""


def vhsm(*args):
    subprocess.run([os.path.join(BUILD, "bin", "vhsm"), *args], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("pki") / "ca")
    vhsm("cluster", "init", folder)
    vhsm("cluster", "issue", "--dev", "--ca", folder, "--out", folder, "a")
    return folder


def cluster(pki, port=0, host="127.0.0.1", seeds=""):
    return (f'node: {{name: a}}\ncluster:\n  listen: "tls+tcp://{host}:{port}"\n'
            f'  advertise: "{host}:{port}"\n  seeds: [{seeds}]\n  ca: {pki}/ca.crt\n'
            f"  tls: {{cert: {pki}/a.tls.crt, key: {pki}/a.tls.key}}\n"
            f"  record: {{cert: {pki}/a.record.crt, key: {pki}/a.record.key}}\n")


@pytest.fixture
def own_pki(pki, tmp_path):
    """The certificates once more, to be spoilt."""
    return shutil.copytree(pki, tmp_path / "own")


def signs(node):
    return node.cli("sign", "--name", "ec", input=b"x").returncode == 0


def answers(address):
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def test_a_peer_that_dies_is_started_again_at_the_same_port(pki):
    with Node(SPEC, config=cluster(pki), http=False) as node:
        ready = node.events("ready")[0]
        assert answers(ready["cluster"])
        wait(lambda: signs(node), what="the first node signs at once")
        before = node.pids()
        for times in (1, 2):
            os.kill(node.pids()["vhsmd-peer"], signal.SIGKILL)
            node.wait_for("peer-died", count=times)
            assert signs(node), "local callers do not notice"
            node.wait_for("peer-restarted", count=times)
        after = node.pids()
        assert {n: after[n] for n in ("vhsmd-vault", "vhsmd-front")} == \
            {n: before[n] for n in ("vhsmd-vault", "vhsmd-front")}
        assert after["vhsmd-peer"] != before["vhsmd-peer"]
        assert answers(ready["cluster"])
        assert signs(node)


def test_a_front_that_dies_is_joined_to_the_peer_that_lives(pki):
    with Node(SPEC, config=cluster(pki), http=False) as node:
        peer = node.pids()["vhsmd-peer"]
        wait(lambda: signs(node), what="it signs")
        os.kill(node.pids()["vhsmd-front"], signal.SIGKILL)
        node.wait_for("front-restarted")
        assert node.pids()["vhsmd-peer"] == peer
        wait(lambda: signs(node), what="it signs again")


def test_a_stopped_peer_does_not_keep_front_from_coming_back(pki):
    with Node(SPEC, config=cluster(pki), http=False) as node:
        wait(lambda: signs(node), what="it signs")
        peer = node.pids()["vhsmd-peer"]
        os.kill(peer, signal.SIGSTOP)
        try:
            start = time.monotonic()
            os.kill(node.pids()["vhsmd-front"], signal.SIGKILL)
            node.wait_for("front-restarted")
            assert time.monotonic() - start < 3
        finally:
            os.kill(peer, signal.SIGCONT)
        wait(lambda: signs(node), what="it signs again")


def test_an_orderly_stop_saves_the_state_and_comes_back_with_it(pki, tmp_path):
    with Node(SPEC, config=cluster(pki), folder=tmp_path, http=False) as node:
        wait(lambda: signs(node), what="it signs")
        assert node.stop() == 0
    state = tmp_path / "state" / "cluster.state"
    assert state.stat().st_mode & 0o777 == 0o600
    assert os.listdir(state.parent) == ["cluster.state"]
    text = state.read_text()
    assert "PRIVATE" not in text and '"d"' not in text
    with Node(SPEC, config=cluster(pki), folder=tmp_path, http=False) as node:
        assert not node.events("state-damaged")


def test_a_peer_goes_on_until_front_has_finished(pki):
    with Node(SPEC, config=cluster(pki), http=False) as node:
        wait(lambda: signs(node), what="it signs")
        pids = node.pids()
        os.kill(pids["vhsmd-front"], signal.SIGSTOP)  # it has work in flight, as it were
        try:
            node.process.terminate()
            wait(lambda: any(line["process"] == "peer" for line in node.events("stopping")),
                 what="peer says goodbye")
            time.sleep(1)  # it has nobody to tell, and has long answered
            assert process_name(pids["vhsmd-peer"]) == "vhsmd-peer"
        finally:
            os.kill(pids["vhsmd-front"], signal.SIGCONT)
        assert node.process.wait(10) == 0
        assert process_name(pids["vhsmd-peer"]) is None
        assert not node.events("supervisor-lost") and not node.events("too-slow")


def test_a_damaged_state_is_set_aside_and_the_node_starts(pki, tmp_path):
    (tmp_path / "state").mkdir()
    state = tmp_path / "state" / "cluster.state"
    state.write_bytes(os.urandom(5000))
    with Node(SPEC, config=cluster(pki), folder=tmp_path, http=False) as node:
        (damaged,) = node.events("state-damaged")
        assert damaged["kept"] == "cluster.state.damaged-1"
        wait(lambda: signs(node), what="it signs")
    state.unlink(missing_ok=True)
    state.symlink_to("/etc/passwd")
    with Node(SPEC, config=cluster(pki), folder=tmp_path, http=False) as node:
        node.wait_for("state-damaged", count=2)
        assert (tmp_path / "state" / "cluster.state.damaged-2").is_symlink()


def test_certificates_are_read_again(own_pki):
    with Node(SPEC, config=cluster(own_pki), http=False) as node:
        for name in ("a.tls.crt", "a.tls.key"):  # issue never overwrites
            os.unlink(os.path.join(own_pki, name))
        for name in ("a.record.crt", "a.record.key"):
            os.rename(os.path.join(own_pki, name), os.path.join(own_pki, f"old.{name}"))
        vhsm("cluster", "issue", "--dev", "--ca", str(own_pki), "--out", str(own_pki), "a")
        node.process.send_signal(signal.SIGHUP)
        node.wait_for("reloaded")
        assert not node.events("reload-refused")
        wait(lambda: signs(node), what="it signs")


@pytest.mark.parametrize("spoil", ["mode", "missing", "garbage"])
def test_a_reload_that_is_refused_changes_nothing(own_pki, spoil):
    with Node(SPEC, config=cluster(own_pki), http=False) as node:
        key = os.path.join(own_pki, "a.tls.key")
        if spoil == "mode":
            os.chmod(key, 0o644)
        elif spoil == "missing":
            os.unlink(key)
        else:  # a new file: the open one of before stays as it is
            os.unlink(key)
            with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                f.write("no key\n")
        node.process.send_signal(signal.SIGHUP)
        node.wait_for("reload-refused")
        assert not node.events("reloaded")
        os.kill(node.pids()["vhsmd-peer"], signal.SIGKILL)
        node.wait_for("peer-restarted")
        wait(lambda: signs(node), what="it signs with what it had")


def test_a_taken_port_is_known_before_anything_is_deleted(pki, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = Node(SPEC, config=cluster(pki, port=taken.getsockname()[1]), folder=tmp_path,
                    http=False).launch()
        try:
            assert node.process.wait(30) == 1
            assert node.events("not-listening")[0]["errno"] == "EADDRINUSE"
            assert not node.events("spawned")
        finally:
            node.kill()


def test_a_record_key_of_another_node_is_refused(own_pki, tmp_path):
    vhsm("cluster", "issue", "--dev", "--ca", str(own_pki), "--out", str(own_pki), "b")
    shutil.copy(os.path.join(own_pki, "b.record.key"), os.path.join(own_pki, "a.record.key"))
    node = Node(SPEC, config=cluster(own_pki), folder=tmp_path, http=False).launch()
    try:
        assert node.process.wait(30) == 1
        assert node.events("vault-refused")
        assert os.path.exists(os.path.join(own_pki, "a.record.key")), "never deleted"
    finally:
        node.kill()


def test_a_node_alone_needs_no_peer(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("vhsmd", "vhsmd-vault", "vhsmd-front"):
        shutil.copy(os.path.join(BUILD, "bin", name), folder)
    with Node(SPEC, bin_dir=folder, http=False) as node:
        assert signs(node)
        assert set(node.pids()) == {"vhsmd", "vhsmd-vault", "vhsmd-front"}
    node = Node(SPEC, config=cluster("/nowhere"), bin_dir=folder, http=False).launch()
    try:
        assert node.process.wait(30) == 1
    finally:
        node.kill()


def test_names_of_seeds_are_looked_up_and_a_bad_one_does_no_harm(pki):
    seeds = '"localhost:1", "dns:nowhere.invalid:7600"'
    with Node(SPEC, config=cluster(pki, seeds=seeds), http=False) as node:
        hosts = {line["host"] for line in node.events("name-resolved")}
        assert hosts == {"localhost"}
        wait(lambda: signs(node), what="it gives up waiting for seeds that are not there")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to drop to other users")
def test_as_root_peer_has_a_user_of_its_own_and_no_capability(pki):
    with Node(SPEC, config=cluster(pki), http=False) as node:
        uids = set()
        for name in ("vhsmd-vault", "vhsmd-front", "vhsmd-peer"):
            with open(f"/proc/{node.pids()[name]}/status") as f:
                status = dict(line.split(":", 1) for line in f)
            assert int(status["CapPrm"], 16) == 0
            uids.add(tuple(status["Uid"].split()))
        assert len(uids) == 3 and all("0" not in uid for uid in uids)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_a_full_disk_is_logged_and_tried_again(pki, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(state)], check=True)
    try:
        filler = state / "filler"
        with pytest.raises(OSError), open(filler, "wb", buffering=0) as f:
            while True:
                f.write(bytes(4096))
        with Node(SPEC, config=cluster(pki), folder=tmp_path, http=False) as node:
            failed = node.wait_for("state-not-saved")
            assert failed["errno"] == "ENOSPC"
            filler.unlink()
            node.wait_for("state-saved", seconds=30)
            # Not before: a node alone, whose record no disk holds, would take what it signs with it.
            wait(lambda: signs(node), what="it signs")
            assert (state / "cluster.state").stat().st_size > 0
    finally:
        subprocess.run(["umount", str(state)], check=True)


def test_the_lookup_is_a_process_of_its_own_name(pki):
    with Node(SPEC, config=cluster(pki, seeds='"localhost:1"'), http=False) as node:
        assert process_name(node.process.pid) == "vhsmd"
        assert node.pids()["vhsmd"] == node.process.pid
