"""The audit trail of a running node: what is in it, and what its check finds."""
import base64
import datetime
import hashlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

import jwcrypto.jwk
import jwcrypto.jws
import pytest
from support.node import BUILD, Node
from support.waiting import wait
from trail import lines, trail, verify, wait_for_op

SPEC = """version: 1
keys:
  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: enc, generate: {kty: EC, crv: P-256}, use: enc}
"""
AUDIT = "audit: {file: audit.log}\n"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def finished():
    """A node that has signed, decrypted and stopped; its trail stays."""
    with Node(SPEC, AUDIT) as node:
        node.token = node.ask("sign", "--name", "ec", input=b"text").strip()
        jwe = node.ask("encrypt", "--name", "enc", "--alg", "ECDH-ES", "--enc", "A256GCM",
                       input=b"secret").strip()
        node.jwe = jwe
        assert node.ask("decrypt", input=jwe) == b"secret"
        for _ in range(5):
            node.ask("sign", "--name", "ec", input=b"more")
        assert node.stop() == 0
        yield node


def test_every_use_has_its_line_and_digest(finished):
    found = lines(finished)
    assert [x["op"] for x in found] == ["start", "sign", "encrypt", "decrypt"] + 5 * ["sign"] + ["stop"]
    assert [x["seq"] for x in found] == list(range(1, len(found) + 1))
    sign, decrypt = found[1], found[3]
    signed = finished.token.rpartition(b".")[0]
    assert sign["digest"] == b64(hashlib.sha256(signed).digest())
    parts = [base64.urlsafe_b64decode(p + b"==") for p in finished.jwe.split(b".")[1:]]
    assert decrypt["digest"] == b64(hashlib.sha256(b"".join(parts)).digest())
    assert sign["who"].split(",")[0] == f"uid:{os.getuid()}"
    assert (sign["alg"], sign["outcome"]) == ("ES256", "ok")
    assert sign["node"] and sign["kid"] and re.match(r"\d{4}-\d\d-\d\dT.*Z$", sign["time"])


def test_the_chain_can_be_computed_by_anybody(finished):
    before = bytes(32)
    for line in trail(finished).splitlines():
        body, chain = line[:-len(b',"chain":"') - 45], line[-45:-2]
        before = hashlib.sha256(before + body).digest()
        assert b64(before) == chain.decode()


def test_an_untouched_trail_is_sound(finished):
    done = verify(finished)
    assert done.returncode == 0, done.stderr
    assert b"10 lines, 1 to 10" in done.stdout


def tamper(node, change):
    with open(os.path.join(node.dir, "state", "bad.log"), "wb") as f:
        f.write(b"".join(change(trail(node).splitlines(keepends=True))))
    return verify(node, "bad.log")


def test_a_changed_line_is_found(finished):
    for at in range(10):
        done = tamper(finished, lambda x: x[:at] + [x[at].replace(b'"node":"', b'"node":"x')] + x[at + 1:])
        assert done.returncode == 1
        assert f"bad.log:{at + 1}: this line was changed".encode() in done.stderr, done.stderr


def test_a_missing_line_is_found(finished):
    done = tamper(finished, lambda x: x[:4] + x[5:])
    assert b"bad.log:5: this line comes too early: lines before it are missing" in done.stderr
    done = tamper(finished, lambda x: x[1:])
    assert b"bad.log:1: this line does not go on from" in done.stderr


def test_lines_in_another_order_are_found(finished):
    done = tamper(finished, lambda x: x[:4] + [x[5], x[4]] + x[6:])
    assert b"bad.log:5: this line comes too early" in done.stderr
    done = tamper(finished, lambda x: x[:5] + [x[4]] + x[5:])
    assert b"bad.log:6: this line comes too late" in done.stderr


def test_a_cut_off_line_is_found(finished):
    done = tamper(finished, lambda x: x[:-1] + [x[-1][:40]])
    assert b"bad.log:10: this line is torn" in done.stderr
    done = tamper(finished, lambda x: x[:4] + [x[4][:40] + b"\n"] + x[5:])
    assert b"bad.log:5: this line is no line of an audit trail" in done.stderr


def test_a_cut_off_end_is_found_by_the_number_that_was_expected(finished):
    with open(os.path.join(finished.dir, "state", "bad.log"), "wb") as f:
        f.write(b"".join(trail(finished).splitlines(keepends=True)[:-1]))
    assert verify(finished, "bad.log").returncode == 0
    done = verify(finished, "bad.log", args=("--expect-seq", "10"))
    assert done.returncode == 1 and b"ends with line 9, expected 10" in done.stderr


def test_a_file_that_cannot_be_read_is_named_with_the_reason(finished, tmp_path):
    for name, why in ((tmp_path / "nofile", "No such file or directory"),
                      (tmp_path, "Is a directory")):
        done = finished.cli("audit", "verify", str(name))
        assert done.returncode == 1
        assert done.stderr.decode() == f"vhsm: audit verify: {name}: {why}\n"


def test_a_trail_may_come_from_standard_input(finished):
    done = finished.cli("audit", "verify", "-", input=trail(finished))
    assert done.returncode == 0 and b"10 lines, 1 to 10" in done.stdout, done.stderr
    done = finished.cli("audit", "verify", "-", input=trail(finished)[:-9])
    assert done.returncode == 1 and b"standard input:10: this line is torn" in done.stderr


def test_a_killed_node_goes_on_with_its_chain():
    with Node(SPEC, AUDIT) as node:
        node.ask("sign", "--name", "ec", input=b"x")
        wait_for_op(node, "sign")
        os.kill(node.pids()["vhsmd-vault"], signal.SIGKILL)
        node.process.wait(20)
        with open(os.path.join(node.dir, "state", "audit.log"), "ab") as f:
            f.write(b'{"seq":3,"time":"20')  # what a death leaves behind
        node.launch().wait_for("ready", 2)
        node.ask("sign", "--name", "ec", input=b"y")
        assert node.stop() == 0
        text = trail(node).splitlines()
        assert text[2] == b'{"seq":3,"time":"20'
        assert json.loads(text[3])["op"] == "repair" and json.loads(text[3])["torn"] == 19
        done = verify(node)
        assert done.returncode == 0, done.stderr


def test_a_changed_end_is_set_aside_and_said():
    with Node(SPEC, AUDIT) as node:
        assert node.stop() == 0
        path = os.path.join(node.dir, "state", "audit.log")
        with open(path, "rb") as f:
            text = f.read()
        with open(path, "wb") as f:
            f.write(text.replace(b'"op":"stop"', b'"op":"sign"'))
        node.launch().wait_for("ready", 2)
        assert node.events("audit-damaged")
        assert "not what the vault wrote" in wait_for_op(node, "start")["not_continued"]
        assert verify(node, "audit.log.damaged-1").returncode == 1
        assert verify(node).returncode == 0


def test_full_files_are_moved_on_and_the_chain_runs_through_them():
    config = "audit: {file: audit.log, max_size: 4KiB, keep: 2}\n"
    with Node(SPEC, config) as node:
        for round_ in range(3):
            for _ in range(20):
                node.ask("sign", "--name", "ec", input=b"x")
            wait(lambda: len(node.events("audit-rotated")) > round_)
            wait_for_op(node, "open")
        node.ask("sign", "--name", "ec", input=b"x")
        assert node.stop() == 0
        names = sorted(n for n in os.listdir(os.path.join(node.dir, "state")) if "audit" in n)
        assert names == ["audit.log", "audit.log.1", "audit.log.2"]
        done = verify(node, "audit.log.2", "audit.log.1", "audit.log")
        assert done.returncode == 0 and b"was not given" in done.stdout, done.stderr
        done = verify(node, "audit.log.2", "audit.log")
        assert done.returncode == 1 and b"audit.log:1: this line comes too early" in done.stderr


def full(when):
    return f"audit: {{file: /dev/full, when_blocked: {when}}}\n"


def test_a_full_disk_stops_keys_from_being_used():
    with Node(SPEC, full("refuse")) as node:
        wait(lambda: node.events("audit-blocked"))
        done = wait(lambda: (d := node.cli("sign", "--name", "ec", input=b"x")).returncode and d)
        assert b"audit trail cannot be written" in done.stderr
        assert json.loads(node.ask("--json", "status"))["audit"]["blocked"] is True
        jwe = node.cli("decrypt", input=b"e30.e30.e30.e30.e30")
        assert jwe.returncode != 0
        # What uses no key goes on.
        assert json.loads(node.ask("keys"))["keys"]


def test_a_full_disk_may_be_told_not_to_matter():
    with Node(SPEC, full("continue")) as node:
        wait(lambda: node.events("audit-blocked"))
        for _ in range(5):
            node.ask("sign", "--name", "ec", input=b"x")


def test_a_disk_with_space_again_goes_on(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        config = f"audit: {{file: {folder}/audit.log}}\n"
        with Node(SPEC, config) as node:
            filler = folder / "filler"
            with open(filler, "wb", buffering=0) as f:
                try:
                    while True:
                        f.write(bytes(4096))
                except OSError:
                    pass
            wait(lambda: node.cli("sign", "--name", "ec", input=b"x" * 100).returncode)
            assert node.events("audit-blocked")
            filler.unlink()
            wait(lambda: node.events("audit-goes-on"))
            wait(lambda: node.cli("sign", "--name", "ec", input=b"x").returncode == 0)
            assert node.stop() == 0
            done = node.cli("audit", "verify", str(folder / "audit.log"))
            assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def test_a_summary_counts():
    with Node(SPEC, "audit: {file: audit.log, detail: summary}\n") as node:
        for _ in range(7):
            node.ask("sign", "--name", "ec", input=b"x")
        assert node.stop() == 0
        found = [x for x in lines(node) if x["op"] == "sign"]
        assert len(found) == 1 and found[0]["count"] == 7 and "digest" not in found[0]
        assert verify(node).returncode == 0


def test_status_tells_where_the_trail_is():
    with Node(SPEC, AUDIT) as node:
        node.ask("sign", "--name", "ec", input=b"x")
        last = wait_for_op(node, "sign")
        def told():
            audit = json.loads(node.ask("--json", "status"))["audit"]
            return audit if audit["seq"] == last["seq"] else None
        audit = wait(told)
        assert audit["chain"] == last["chain"]
        assert not audit["blocked"] and audit["lost"] == 0 and not audit["signed"]
        text = subprocess.run(["curl", "-s", f"http://{node.http}/metrics"],
                              stdout=subprocess.PIPE, check=True).stdout.decode()
        assert re.search(r"^vhsmd_audit_lines_total \d+$", text, re.M)
        assert re.search(r"^vhsmd_audit_blocked 0$", text, re.M)


def issue(folder, *names):
    vhsm = os.path.join(BUILD, "bin", "vhsm")
    pki = os.path.join(folder, "pki")
    subprocess.run([vhsm, "cluster", "init", pki], check=True, stdout=subprocess.DEVNULL)
    for name in names:
        subprocess.run([vhsm, "cluster", "issue", "--ca", pki, "--out", pki, "--dev", name],
                       check=True, stdout=subprocess.DEVNULL)
    return pki


def member(pki):
    """A node with a record key."""
    config = (f'{AUDIT}node: {{name: a}}\ncluster:\n  listen: "tls+tcp://127.0.0.1:0"\n'
              f'  advertise: "127.0.0.1:0"\n  ca: {pki}/ca.crt\n'
              f"  tls: {{cert: {pki}/a.tls.crt, key: {pki}/a.tls.key}}\n"
              f"  record: {{cert: {pki}/a.record.crt, key: {pki}/a.record.key}}\n")
    node = Node(SPEC, config)
    node.pki = pki
    return node


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A trail with checkpoints."""
    with member(issue(str(tmp_path_factory.mktemp("signed")), "a", "b")) as node:
        assert node.stop() == 0
        yield node


def test_the_end_is_signed_with_the_record_key(signed):
    found = lines(signed)
    assert [x["op"] for x in found][-2:] == ["stop", "checkpoint"]
    done = verify(signed, args=("--ca", f"{signed.pki}/ca.crt"))
    assert done.returncode == 0, done.stderr
    assert b"1 checkpoints, all signed as they must be" in done.stdout
    assert b"nothing signed vouches" not in done.stdout


def test_another_ca_does_not_vouch(signed, tmp_path):
    other = issue(str(tmp_path))
    done = verify(signed, args=("--ca", f"{other}/ca.crt"))
    assert done.returncode == 1 and b"the CA did not issue" in done.stderr


def rechain(text):
    """What somebody without the record key can do: all hashes anew."""
    before, out = bytes(32), []
    for line in text.splitlines():
        body = line[:-len(b',"chain":"') - 45]
        before = hashlib.sha256(before + body).digest()
        out.append(body + b',"chain":"' + b64(before).encode() + b'"}\n')
    return b"".join(out)


def test_a_chain_made_up_anew_has_no_checkpoint(signed):
    with open(os.path.join(signed.dir, "state", "bad.log"), "wb") as f:
        f.write(rechain(trail(signed).replace(b'"op":"start"', b'"op":"other"', 1)))
    done = verify(signed, "bad.log", args=("--ca", f"{signed.pki}/ca.crt"))
    assert done.returncode == 1 and b"the checkpoint is of other lines" in done.stderr


def forge(node, found):
    """A file of lines made up by somebody without the record key: numbers and hashes
    are sound."""
    text = b"\n".join(re.sub(rb'^\{"seq":\d+', b'{"seq":%d' % (i + 1), line)
                      for i, line in enumerate(found))
    with open(os.path.join(node.dir, "state", "bad.log"), "wb") as f:
        f.write(rechain(text))


def test_a_trail_without_its_checkpoints_is_refused(signed):
    forge(signed, [x for x in trail(signed).splitlines() if b'"op":"checkpoint"' not in x])
    assert verify(signed, "bad.log").returncode == 0  # nobody asked who signed
    for trust in (("--ca", f"{signed.pki}/ca.crt"), ("--jwks", key_set(signed, "a"))):
        done = verify(signed, "bad.log", args=trust)
        assert done.returncode == 1 and done.stdout == b""
        assert done.stderr == b"vhsm: audit verify: no checkpoint: nothing in these files is signed\n"
        assert verify(signed, "bad.log", args=(*trust, "--json")).stdout == b""


def resign(line, node, key, before):
    """The checkpoint of that line by another node's key: before is (seq, hash)."""
    claim = {"node": node, "seq": before[0], "chain": b64(before[1]), "iat": int(time.time() * 1000)}
    with open(f"{key}.crt") as f:
        x5c = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", f.read(), re.S)
    token = jwcrypto.jws.JWS(json.dumps(claim))
    with open(f"{key}.key", "rb") as f:
        token.add_signature(jwcrypto.jwk.JWK.from_pem(f.read()), None, json.dumps(
            {"alg": "ES256", "typ": "vhsm-audit", "x5c": ["".join(c.split()) for c in x5c]}))
    line = re.sub(rb'"jws":"[^"]*"', b'"jws":"%s"' % token.serialize(compact=True).encode(), line)
    return line.replace(b'"node":"a"', b'"node":"%s"' % node.encode())


def test_the_record_key_of_another_node_does_not_vouch(signed):
    *before, last = trail(signed).splitlines()
    chain = base64.urlsafe_b64decode(json.loads(before[-1])["chain"] + "=")
    args = ("--ca", f"{signed.pki}/ca.crt")
    for node, expected in (("a", None), ("b", b"this line is of another node than those before it")):
        forge(signed, [*before, resign(last, node, f"{signed.pki}/{node}.record", (len(before), chain))])
        done = verify(signed, "bad.log", args=args)
        assert done.returncode == (1 if expected else 0), done.stderr
        assert expected is None or expected in done.stderr


def test_what_a_node_finds_when_it_starts_is_told_apart(tmp_path):
    """Somebody who can write the file while the node rests; the node goes on behind it and
    signs."""
    args = ("--ca", f"{tmp_path}/pki/ca.crt")
    with member(issue(str(tmp_path), "a")) as node:
        signs = lambda: node.cli("sign", "--name", "ec", input=b"text").returncode == 0  # noqa: E731
        wait(signs, 30)
        for _ in range(20):
            node.ask("sign", "--name", "ec", input=b"text")
        assert node.stop() == 0
        done = verify(node, args=args)
        assert done.returncode == 0 and b"node a\n" in done.stdout and b"made them up" not in done.stdout
        kept = [x.replace(b'"who":"uid:', b'"who":"uid:4242') for x in trail(node).splitlines()
                if b'"op":"checkpoint"' not in x][:10]
        forge(node, kept)
        os.rename(f"{node.dir}/state/bad.log", f"{node.dir}/state/audit.log")
        node.start()
        wait(signs, 30)
        assert node.stop() == 0
        done = verify(node, args=args)
        assert done.returncode == 0, done.stderr
        assert b"10 lines up to line 10 were there when the node started" in done.stdout, done.stdout
        report = json.loads(verify(node, args=(*args, "--json")).stdout)
        assert report["adopted"] == 10 and report["node"] == "a"


def test_a_node_in_no_cluster_signs_nothing(signed, finished):
    done = verify(finished, args=("--ca", f"{signed.pki}/ca.crt"))
    assert done.returncode == 1 and b"no checkpoint: nothing in these files" in done.stderr


def behind(node, count, seconds):
    """The node's trail, and behind its last checkpoint lines so far apart."""
    own = trail(node).splitlines()
    start = datetime.datetime.fromisoformat(json.loads(own[-1])["time"].replace("Z", "+00:00"))
    times = [start + datetime.timedelta(seconds=seconds * i) for i in range(count)]
    forge(node, own + [b'{"seq":0,"time":"%s","node":"a","who":"uid:1","op":"sign","chain":"%s"}'
                       % (t.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode(), 43 * b"A") for t in times])
    return verify(node, "bad.log", args=("--ca", f"{node.pki}/ca.crt"))


def test_lines_that_a_checkpoint_should_follow_are_refused(signed):
    own = len(lines(signed))
    assert behind(signed, 50, 1).returncode == 0
    done = behind(signed, 50, 60)
    assert done.returncode == 1
    assert f"bad.log:{own + 12}: uses in more than 10 minutes without a".encode() in done.stderr, \
        done.stderr
    done = behind(signed, 70001, 0)
    assert done.returncode == 1
    assert f"bad.log:{own + 70001}: more than 70000 lines without a".encode() in done.stderr


def key_set(node, name):
    """The file of a JWK Set with a node's record key."""
    cryptography = pytest.importorskip("cryptography.x509")
    with open(f"{node.pki}/{name}.record.crt", "rb") as f:
        n = cryptography.load_pem_x509_certificate(f.read()).public_key().public_numbers()
    return node.write(f"{name}.jwks", json.dumps({"keys": [{
        "kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(32, "big")),
        "y": b64(n.y.to_bytes(32, "big"))}]}))


def test_a_key_set_vouches_as_well_as_a_ca(signed):
    assert verify(signed, args=("--jwks", key_set(signed, "a"))).returncode == 0
    done = verify(signed, args=("--jwks", key_set(signed, "b")))
    assert done.returncode == 1 and b"signed by none of the keys" in done.stderr


def operations(node, alg):
    """How often that algorithm ran well, by the metrics."""
    with urllib.request.urlopen(f"http://{node.http}/metrics") as answer:
        found = re.search(r'vhsmd_operations_total\{alg="%s",outcome="ok"\} (\d+)' % re.escape(alg),
                          answer.read().decode())
    return int(found[1]) if found else 0


def test_a_box_for_several_is_a_use_of_each_key():
    spec = SPEC + "  - {name: rsa, generate: {kty: RSA, bits: 2048}, use: enc}\n"
    with Node(spec, AUDIT) as node:
        keys = {name: json.loads(node.ask("keys", "--name", name))["keys"][0]
                for name in ("enc", "rsa")}
        stranger = dict(keys["enc"])
        for name in ("kid", "name", "use"):
            stranger.pop(name, None)
        wrap = ["--enc", "A256GCM", "--name", "enc", "--alg", "ECDH-ES+A256KW",
                "--also", "--name", "rsa", "--alg", "RSA-OAEP"]
        file = node.write("stranger.jwk", json.dumps(stranger))
        box = node.ask("encrypt", *wrap, "--also", "--jwk", file, "--alg", "ECDH-ES+A128KW",
                       input=b"for all")
        assert len(json.loads(box)["recipients"]) == 3
        assert [operations(node, alg) for alg in ("ECDH-ES+A256KW", "RSA-OAEP",
                                                  "ECDH-ES+A128KW")] == [1, 1, 1]
        assert node.stop() == 0
        uses = [x for x in lines(node) if x["op"] == "encrypt"]
        assert [(x["kid"], x["alg"], x["outcome"]) for x in uses] == [
            (keys["enc"]["kid"], "ECDH-ES+A256KW", "ok"), (keys["rsa"]["kid"], "RSA-OAEP", "ok")]
        assert all(x["who"].split(",")[0] == f"uid:{os.getuid()}" for x in uses)
