"""The certificates that vhsm cluster makes, as OpenSSL and mbedTLS judge them."""
import json
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import threading
import time

import pytest

from support.node import BUILD
from support.wire import frame

VHSM = os.path.join(BUILD, "bin", "vhsm")
MBED = os.path.join(BUILD, "test", "mbed_verify")
RECORD_EKU = "1.3.6.1.4.1.58270.1.1"
KINDS = ("tls", "record")


def run(*args, cwd, check=True):
    done = subprocess.run([str(a) for a in args], cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if check and done.returncode != 0:
        raise AssertionError(f"{args}: {done.stdout.decode()}{done.stderr.decode()}")
    return done


def vhsm(cwd, *args):
    return run(VHSM, "cluster", *args, cwd=cwd).stdout.decode()


def refused(cwd, *args, status=1):
    """The one line of error of a run that must fail and leave no file behind."""
    before = everything(cwd)
    done = run(VHSM, "cluster", *args, cwd=cwd, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout == b"" and done.stderr.count(b"\n") == 1
    assert everything(cwd) == before
    return done.stderr.decode()


def everything(folder):
    """Every path below a folder, with what is in it."""
    found = {}
    for path, folders, files in os.walk(folder):
        found.update((os.path.join(path, f), None) for f in folders)
        for file in (os.path.join(path, name) for name in files):
            if os.path.islink(file):
                found[file] = os.readlink(file)
                continue
            with open(file, "rb") as f:
                found[file] = f.read()
    return found


def openssl(cwd, *args, check=True):
    return run("openssl", *args, cwd=cwd, check=check)


def text(cwd, cert):
    return openssl(cwd, "x509", "-in", cert, "-noout", "-text").stdout.decode()


def after(shown, heading):
    """The line behind a heading of an extension."""
    lines = [line.strip() for line in shown.splitlines()]
    at = [i for i, line in enumerate(lines) if line.startswith(heading)]
    assert len(at) == 1, shown
    return lines[at[0] + 1]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def ca(tmp_path):
    """A folder with a CA in ca, and node a's files in out."""
    vhsm(tmp_path, "init", "ca")
    vhsm(tmp_path, "issue", "--ca", "ca", "--out", "out", "a", "--san", "a.example",
         "--san", "10.1.2.3", "--san", "2001:db8::1", "--dev")
    return tmp_path


def enrol(cwd, name, *options):
    """By request and signature: the keys stay in a folder called name."""
    vhsm(cwd, "csr", "--out", name, name, *options)
    vhsm(cwd, "sign", "--ca", "ca", "--out", "out",
         *(f"{name}/{name}.{kind}.csr" for kind in KINDS))
    for kind in KINDS:
        shutil.copy(cwd / name / f"{name}.{kind}.key", cwd / "out")


# --- what is made ---------------------------------------------------------------


def test_init_makes_a_ca(tmp_path):
    assert json.loads(vhsm(tmp_path, "--json", "init", "ca"))["ca"] == "ca/ca.crt"
    assert sorted(os.listdir(tmp_path / "ca")) == ["ca.crt", "ca.key"]
    assert mode(tmp_path / "ca") == 0o700
    assert mode(tmp_path / "ca/ca.key") == 0o600 and mode(tmp_path / "ca/ca.crt") == 0o644
    shown = text(tmp_path, "ca/ca.crt")
    assert "Subject: CN = vhsmd cluster CA" in shown and "NIST CURVE: P-256" in shown
    assert after(shown, "X509v3 Basic Constraints: critical") == "CA:TRUE, pathlen:0"
    assert after(shown, "X509v3 Key Usage: critical") == "Certificate Sign, CRL Sign"
    openssl(tmp_path, "verify", "-x509_strict", "-CAfile", "ca/ca.crt", "ca/ca.crt")


def test_init_takes_a_name(tmp_path):
    vhsm(tmp_path, "init", "ca", "--name", "Nord/Süd, 1")
    shown = openssl(tmp_path, "x509", "-in", "ca/ca.crt", "-noout", "-subject",
                    "-nameopt", "utf8").stdout.decode()
    assert "Nord/Süd, 1" in shown
    assert not os.path.exists(tmp_path / "none")
    for name in ("", "a\nb", "x" * 65):
        refused(tmp_path, "init", "none", "--name", name)


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "index", "ca.crl"])
def test_init_never_overwrites(tmp_path, name):
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / name).symlink_to("/nonexistent")
    assert f"ca/{name} is there already" in refused(tmp_path, "init", "ca")


def test_init_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        vhsm(tmp_path, "init", "ca")
        os.umask(0o077)
        vhsm(tmp_path, "issue", "--ca", "ca", "--out", "out", "a")
    finally:
        os.umask(before)
    assert mode(tmp_path / "ca/ca.key") == 0o600
    assert mode(tmp_path / "out/a.tls.crt") == 0o644


@pytest.mark.parametrize("way", ["issue", "sign"])
def test_both_ways_give_the_same_certificates(tmp_path, way):
    vhsm(tmp_path, "init", "ca")
    if way == "issue":
        vhsm(tmp_path, "issue", "--ca", "ca", "--out", "out", "n_1.x", "--san", "::1", "--dev")
    else:
        enrol(tmp_path, "n_1.x", "--san", "::1", "--dev")
    for kind in KINDS:
        shown = text(tmp_path, f"out/n_1.x.{kind}.crt")
        assert "Version: 3" in shown and "Subject: CN = n_1.x" in shown
        assert "ecdsa-with-SHA256" in shown and "NIST CURVE: P-256" in shown
        assert after(shown, "X509v3 Basic Constraints: critical") == "CA:FALSE"
        assert after(shown, "X509v3 Key Usage: critical") == "Digital Signature"
        assert mode(tmp_path / f"out/n_1.x.{kind}.key") == 0o600
        public = openssl(tmp_path, "pkey", "-in", f"out/n_1.x.{kind}.key", "-pubout").stdout
        assert public == openssl(tmp_path, "x509", "-in", f"out/n_1.x.{kind}.crt", "-noout",
                                 "-pubkey").stdout
    tls = text(tmp_path, "out/n_1.x.tls.crt")
    assert after(tls, "X509v3 Extended Key Usage:") == (
        "TLS Web Server Authentication, TLS Web Client Authentication")
    assert after(tls, "X509v3 Subject Alternative Name:") == (
        "DNS:n_1.x, DNS:::1, IP Address:0:0:0:0:0:0:0:1, DNS:localhost, DNS:127.0.0.1, "
        "IP Address:127.0.0.1")
    record = text(tmp_path, "out/n_1.x.record.crt")
    assert after(record, "X509v3 Extended Key Usage:") == RECORD_EKU
    assert "Alternative Name" not in record


def test_key_ids_and_serials(ca):
    own = after(text(ca, "ca/ca.crt"), "X509v3 Subject Key Identifier:")
    serials = set()
    for kind in KINDS:
        shown = text(ca, f"out/a.{kind}.crt")
        assert after(shown, "X509v3 Authority Key Identifier:") == own
        assert after(shown, "X509v3 Subject Key Identifier:") != own
        serials.add(openssl(ca, "x509", "-in", f"out/a.{kind}.crt", "-noout",
                            "-serial").stdout)
    assert len(serials) == 2 and all(len(s) > 30 for s in serials)


def test_lifetimes(ca):
    def holds(cert, seconds):
        return openssl(ca, "x509", "-in", cert, "-noout", "-checkend", seconds,
                       check=False).returncode == 0

    year = 365 * 86400
    for cert in ("out/a.tls.crt", "out/a.record.crt"):
        assert holds(cert, year - 600) and not holds(cert, year + 600)
        early = int(time.time()) - 3500
        openssl(ca, "verify", "-CAfile", "ca/ca.crt", "-attime", early, cert)
        assert openssl(ca, "verify", "-CAfile", "ca/ca.crt", "-attime", early - 600, cert,
                       check=False).returncode != 0
    assert holds("ca/ca.crt", 3650 * 86400) and not holds("ca/ca.crt", 3654 * 86400)


def test_each_certificate_serves_its_purpose_only(ca):
    def fits(purpose, cert):
        return openssl(ca, "verify", "-x509_strict", "-CAfile", "ca/ca.crt", "-purpose",
                       purpose, cert, check=False).returncode == 0

    for purpose in ("sslserver", "sslclient"):
        assert fits(purpose, "out/a.tls.crt") and not fits(purpose, "out/a.record.crt")
    assert fits("any", "out/a.record.crt")
    assert not fits("crlsign", "out/a.tls.crt")


def test_names_are_checked_as_nng_checks_them(ca):
    def fits(name, cert="out/a.tls.crt"):
        return run(MBED, "ca/ca.crt", "-", cert, name, cwd=ca, check=False).returncode == 0

    for name in ("a", "a.example", "10.1.2.3", "2001:db8::1", "localhost", "127.0.0.1"):
        assert fits(name), name
    for name in ("b", "b.example", "10.1.2.4", "::1", "x.a.example"):
        assert not fits(name), name
    # Why addresses stand there as DNS names too.
    (ca / "ext").write_text("subjectAltName=IP:10.1.2.3\n")
    openssl(ca, "req", "-new", "-key", "out/a.tls.key", "-subj", "/CN=10.1.2.3", "-out", "x.csr")
    openssl(ca, "x509", "-req", "-in", "x.csr", "-CA", "ca/ca.crt", "-CAkey", "ca/ca.key",
            "-extfile", "ext", "-out", "x.crt")
    openssl(ca, "verify", "-CAfile", "ca/ca.crt", "-verify_ip", "10.1.2.3", "x.crt")
    assert not fits("10.1.2.3", "x.crt")


# --- what is refused ------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../a", "*", "ä", "x" * 65, "a\nb"])
def test_bad_node_names_are_refused(ca, name):
    for verb in (["issue", "--ca", "ca"], ["csr"]):
        assert "name" in refused(ca, *verb, "--out", "new", "--", name, status=2)


@pytest.mark.parametrize("san", ["", "*.example", "a b", "a:1", "256.1.1.1", "1.2.3.4.5",
                                 "DNS:a", "a,IP:1.2.3.4", "x" * 64, "a..b"])
def test_bad_alternative_names_are_refused(ca, san):
    for verb in (["issue", "--ca", "ca"], ["csr"]):
        refused(ca, *verb, "--out", "new", "n", "--san", san, status=2)


def test_a_name_of_another_node_is_refused(ca):
    assert "that is a node" in refused(ca, "issue", "--ca", "ca", "--out", "out", "b",
                                       "--san", "A")
    vhsm(ca, "revoke", "--ca", "ca", "a")
    vhsm(ca, "issue", "--ca", "ca", "--out", "out", "b", "--san", "a")


@pytest.mark.parametrize("name", ["a.tls.key", "a.tls.crt", "a.record.key", "a.record.crt"])
def test_issue_never_overwrites(ca, name):
    (ca / "other").mkdir()
    (ca / "other" / name).write_text("mine")
    assert f"other/{name} is there already" in refused(ca, "issue", "--ca", "ca", "--out",
                                                       "other", "a")


def test_what_is_missing_is_said(ca):
    for args in (["issue", "--ca", "ca", "n"], ["issue", "--out", "out", "n"], ["csr", "n"],
                 ["sign", "--ca", "ca", "x.csr"], ["revoke", "a"], ["init"]):
        refused(ca, *args, status=2)
    refused(ca, "issue", "--ca", "none", "--out", "new", "n")
    refused(ca, "sign", "--ca", "ca", "--out", "new", "none.csr")
    os.remove(ca / "ca/ca.key")
    assert "ca/ca.key" in refused(ca, "issue", "--ca", "ca", "--out", "new", "n")


def test_a_leaf_is_no_ca(ca):
    (ca / "false").mkdir()
    for ending in ("crt", "key"):
        shutil.copy(ca / f"out/a.tls.{ending}", ca / f"false/ca.{ending}")
    assert "may not sign" in refused(ca, "issue", "--ca", "false", "--out", "new", "n")
    shutil.copy(ca / "ca/ca.crt", ca / "false/ca.crt")
    assert "is not the key" in refused(ca, "issue", "--ca", "false", "--out", "new", "n")


def request(cwd, name, *extensions, kind="record", key=("-newkey", "ec", "-pkeyopt",
                                                       "ec_paramgen_curve:P-256")):
    """Another's request, by openssl."""
    file = f"{name}.{kind}.csr"
    args = [arg for e in extensions for arg in ("-addext", e)]
    openssl(cwd, "req", "-new", "-nodes", *key, "-keyout", "stranger.key", "-subj",
            f"/CN={name}", "-out", file, *args)
    return file


RECORD = f"extendedKeyUsage={RECORD_EKU}"
TLS = "extendedKeyUsage=serverAuth,clientAuth"


def test_a_strangers_sound_request_is_signed(ca):
    record = request(ca, "n", RECORD)
    tls = request(ca, "n", TLS, "subjectAltName=DNS:n.example,IP:10.0.0.9", kind="tls")
    answer = json.loads(vhsm(ca, "sign", "--json", "--ca", "ca", "--out", "out", record, tls))
    assert [row["names"] for row in answer["files"]] == ["n", "n, n.example, 10.0.0.9"]
    assert after(text(ca, "out/n.tls.crt"), "X509v3 Subject Alternative Name:") == (
        "DNS:n, DNS:n.example, DNS:10.0.0.9, IP Address:10.0.0.9")


@pytest.mark.parametrize("extensions", [
    [], [RECORD, "basicConstraints=CA:TRUE"], [RECORD, "basicConstraints=critical,CA:TRUE"],
    [RECORD, "keyUsage=keyCertSign"], ["extendedKeyUsage=serverAuth"],
    [f"extendedKeyUsage=serverAuth,clientAuth,{RECORD_EKU}"],
    ["extendedKeyUsage=serverAuth,clientAuth,codeSigning"], [RECORD, "subjectAltName=DNS:n"],
    [RECORD, "nameConstraints=permitted;DNS:x"],
])
def test_requests_for_more_are_refused(ca, extensions):
    refused(ca, "sign", "--ca", "ca", "--out", "new", request(ca, "n", *extensions))


@pytest.mark.parametrize("names", ["DNS:*.example", "email:a@example", "URI:http://x/",
                                   "DNS:n.example,RID:1.2.3", "DNS:a"])
def test_requests_with_bad_names_are_refused(ca, names):
    file = request(ca, "n", TLS, f"subjectAltName={names}", kind="tls")
    refused(ca, "sign", "--ca", "ca", "--out", "new", file)


def test_other_subjects_and_keys_are_refused(ca):
    spaced = request(ca, "n n", RECORD)
    wide = request(ca, "w", RECORD, key=("-newkey", "rsa:2048"))
    other = request(ca, "o", RECORD, key=("-newkey", "ec", "-pkeyopt",
                                          "ec_paramgen_curve:P-384"))
    openssl(ca, "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-keyout", "stranger.key", "-subj", "/O=x/CN=t", "-out", "t.record.csr", "-addext",
            RECORD)
    for file in (spaced, wide, other, "t.record.csr"):
        refused(ca, "sign", "--ca", "ca", "--out", "new", file)


def der(cwd, file):
    return bytearray(openssl(cwd, "req", "-in", file, "-outform", "DER").stdout)


def test_a_forged_request_is_refused(ca):
    vhsm(ca, "csr", "--out", "b", "b")
    mine, theirs = der(ca, "b/b.record.csr"), der(ca, request(ca, "b", RECORD))
    key = slice(mine.index(b"\x03\x42\x00\x04") + 4, None)
    at = theirs.index(b"\x03\x42\x00\x04") + 4
    theirs[at:at + 64] = mine[key][:64]  # their request for our key
    (ca / "forged.der").write_bytes(theirs)
    openssl(ca, "req", "-inform", "DER", "-in", "forged.der", "-out", "b.record.csr")
    assert "signature" in refused(ca, "sign", "--ca", "ca", "--out", "new", "b.record.csr")


def test_a_request_under_another_name_is_refused(ca):
    vhsm(ca, "csr", "--out", "b", "b")
    shutil.copy(ca / "b/b.record.csr", ca / "c.record.csr")
    shutil.copy(ca / "b/b.record.csr", ca / "b.tls.csr")
    for file in ("c.record.csr", "b.tls.csr"):
        assert "b's request for a record" in refused(ca, "sign", "--ca", "ca", "--out", "new",
                                                     file)


def test_one_bad_request_stops_all(ca):
    good = request(ca, "g", RECORD)
    (ca / "bad.record.csr").write_text("no request")
    refused(ca, "sign", "--ca", "ca", "--out", "new", good, "bad.record.csr")
    refused(ca, "sign", "--ca", "ca", "--out", "new", good, good)


def test_a_damaged_index_is_left_alone(ca):
    with open(ca / "ca/index", "a") as f:
        f.write("something else\n")
    for args in (["issue", "--out", "new", "n"], ["revoke", "a"]):
        assert "line 3 is damaged" in refused(ca, args[0], "--ca", "ca", *args[1:])
    vhsm(ca, "init", "second")
    vhsm(ca, "revoke", "--ca", "second")
    os.remove(ca / "second/index")
    assert "missing beside" in refused(ca, "revoke", "--ca", "second")


def test_many_at_once_all_reach_the_index(ca):
    running = [subprocess.Popen([VHSM, "cluster", "issue", "--timeout", "50000", "--ca", "ca",
                                 "--out", "out", f"n{i}"], cwd=ca, stdout=subprocess.DEVNULL)
               for i in range(8)]
    assert [p.wait(60) for p in running] == [0] * 8
    names = [line.split()[2] for line in (ca / "ca/index").read_text().splitlines()]
    assert sorted(set(names)) == sorted(["a"] + [f"n{i}" for i in range(8)])
    assert len(names) == 18


# --- revocation -----------------------------------------------------------------


def crl_accepts(cwd, cert):
    by_openssl = openssl(cwd, "verify", "-crl_check", "-CAfile", "ca/ca.crt", "-CRLfile",
                         "ca/ca.crl", cert, check=False).returncode == 0
    by_mbed = run(MBED, "ca/ca.crt", "ca/ca.crl", cert, os.path.basename(cert).split(".")[0],
                  cwd=cwd, check=False).returncode == 0
    if ".tls." in cert:
        assert by_openssl == by_mbed
    return by_openssl


def test_revocation(ca):
    enrol(ca, "b")
    assert json.loads(vhsm(ca, "revoke", "--json", "--ca", "ca"))["revoked"] == []
    assert mode(ca / "ca/ca.crl") == 0o644
    for name in ("a", "b"):
        assert crl_accepts(ca, f"out/{name}.tls.crt") and crl_accepts(ca, f"out/{name}.record.crt")
    first = json.loads(vhsm(ca, "revoke", "--json", "--ca", "ca", "a", "out/b.record.crt"))
    assert [(r["node"], r["kind"]) for r in first["revoked"]] == [
        ("a", "tls"), ("a", "record"), ("b", "record")]
    assert [crl_accepts(ca, f"out/{f}.crt") for f in ("a.tls", "a.record", "b.tls", "b.record")] \
        == [False, False, True, False]
    again = json.loads(vhsm(ca, "revoke", "--json", "--ca", "ca", "a"))
    assert again["revoked"] == first["revoked"]
    # A new certificate of the same node is another one.
    vhsm(ca, "issue", "--ca", "ca", "--out", "new", "a")
    vhsm(ca, "revoke", "--ca", "ca")
    assert crl_accepts(ca, "new/a.tls.crt") and not crl_accepts(ca, "out/a.tls.crt")


def test_the_list_is_sound(ca):
    vhsm(ca, "revoke", "--ca", "ca", "a")
    openssl(ca, "crl", "-in", "ca/ca.crl", "-noout", "-CAfile", "ca/ca.crt")
    shown = openssl(ca, "crl", "-in", "ca/ca.crl", "-noout", "-text").stdout.decode()
    assert "Version 2" in shown and "X509v3 CRL Number" in shown
    assert shown.count("Serial Number") == 2
    end = openssl(ca, "x509", "-in", "ca/ca.crt", "-noout", "-enddate").stdout.decode()
    assert f"Next Update: {end.strip().partition('=')[2]}" in shown


def test_what_the_index_lacks_is_revoked_by_its_file(ca):
    os.remove(ca / "ca/index")
    assert "no certificate of a" in refused(ca, "revoke", "--ca", "ca", "a")
    vhsm(ca, "revoke", "--ca", "ca", "out/a.tls.crt")
    assert not crl_accepts(ca, "out/a.tls.crt")
    assert len((ca / "ca/index").read_text().splitlines()) == 1


def test_only_own_certificates_are_revoked(ca):
    vhsm(ca, "init", "other")
    vhsm(ca, "issue", "--ca", "other", "--out", "theirs", "x")
    for file in ("theirs/x.tls.crt", "ca/ca.crt", "other/ca.crt", "none.crt", "ca/ca.key"):
        refused(ca, "revoke", "--ca", "ca", "a", file)
    assert "no certificate of x" in refused(ca, "revoke", "--ca", "ca", "x")


# --- in use ---------------------------------------------------------------------


@pytest.fixture
def cluster(ca):
    """Node a issued, node b enrolled, and a node b of another cluster."""
    enrol(ca, "b", "--dev")
    vhsm(ca, "init", "ca2")
    vhsm(ca, "issue", "--ca", "ca2", "--out", "out2", "b", "--dev")
    return ca


def meet(cwd, server, client, trust="ca/ca.crt"):
    """Whether two accept each other; client and server are FOLDER/NODE.KIND."""
    listening = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-CAfile", "ca/ca.crt", "-cert",
         f"{server}.crt", "-key", f"{server}.key", "-Verify", "1", "-verify_return_error",
         "-www"], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    try:
        port = None
        while port is None:
            line = listening.stdout.readline().decode()
            assert line, "openssl s_server ended"
            found = re.match(r"ACCEPT .*:(\d+)", line)
            port = found and found.group(1)
        with open(os.path.join(cwd, "page"), "wb") as page:
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", trust,
                 "-cert", f"{client}.crt", "-key", f"{client}.key", "-verify_hostname",
                 "localhost", "-verify_return_error", "-quiet", "-ign_eof"], cwd=cwd,
                input=b"GET / HTTP/1.0\r\n\r\n", stdout=page, stderr=subprocess.DEVNULL,
                timeout=60)
        with open(os.path.join(cwd, "page"), "rb") as page:
            return done.returncode == 0 and b"HTTP/1.0 200" in page.read()
    finally:
        listening.kill()
        listening.communicate()


def test_both_ways_certificates_meet_in_tls(cluster):
    assert meet(cluster, "out/a.tls", "out/b.tls")
    assert meet(cluster, "out/b.tls", "out/a.tls")


def test_another_cas_certificate_is_refused_from_either_side(cluster):
    assert not meet(cluster, "out/a.tls", "out2/b.tls")
    assert not meet(cluster, "out/a.tls", "out/b.tls", trust="ca2/ca.crt")
    assert not meet(cluster, "out/a.tls", "out/b.record")
    assert not meet(cluster, "out/a.record", "out/b.tls")


# --- asking a node --------------------------------------------------------------


class Fake:
    """A daemon that gives one JSON answer to everything and keeps what was asked."""

    def __init__(self, folder, json_text, error=0):
        self.url = f"ipc://{folder}/fake.sock"
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(f"{folder}/fake.sock")
        self.listening.listen()
        self.answer, self.error, self.asked = json_text, error, b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        end, _ = self.listening.accept()
        with end, end.makefile("rb") as stream:
            stream.read(8)
            end.sendall(b"\0SP\0\0\x31\0\0")
            _, size = struct.unpack(">BQ", stream.read(9))
            number, self.asked = stream.read(4), stream.read(size - 4)
            op, = struct.unpack_from(">H", self.asked, 4)
            request_id, = struct.unpack_from(">Q", self.asked, 12)
            body = bytearray(frame(op, [("JSON", self.answer.encode())], request_id))
            body[3] = 1
            struct.pack_into(">H", body, 6, self.error)
            end.sendall(struct.pack(">BQ", 1, len(body) + 4) + number + body)
            stream.read(1)

    def ask(self, *args):
        done = run(VHSM, "-s", self.url, *args, cwd="/", check=False)
        self.thread.join(10)
        self.listening.close()
        return done


MEMBERS = {"node": "a", "members": [
    {"node": "a", "address": "10.0.0.1:7600", "state": "alive", "incarnation": 3, "keys": 6,
     "load": 0, "rtt_us": 0, "seen_ms": 0, "version": "0.1.0", "epoch": 1700000000000, "seq": 17},
    {"node": "b\x1b[2J", "address": "b.example:7600", "state": "suspect", "incarnation": 1,
     "keys": 12, "load": 4, "rtt_us": 270, "seen_ms": 1500, "version": "0.1.0",
     "epoch": 1700000000001, "seq": 4}]}


def test_cluster_status_is_a_table(tmp_path):
    fake = Fake(tmp_path, json.dumps(MEMBERS))
    lines = fake.ask("cluster", "status").stdout.decode().splitlines()
    assert struct.unpack_from(">H", fake.asked, 4) == (7,)
    table = [line.split() for line in lines if line.startswith("  ")]
    assert table[0] == list(MEMBERS["members"][0])
    assert table[1][:5] == ["a", "10.0.0.1:7600", "alive", "3", "6"]
    assert table[2][0] == "b?[2J" and table[2][2] == "suspect"


def test_cluster_status_in_json_is_the_nodes_own(tmp_path):
    answer = json.dumps(MEMBERS)
    assert Fake(tmp_path, answer).ask("cluster", "status", "--json").stdout.decode() \
        == answer + "\n"


def test_revoke_names_the_kid(tmp_path):
    fake = Fake(tmp_path, '{"revoked":"some-kid"}')
    done = fake.ask("revoke", "some-kid")
    assert done.returncode == 0 and b"some-kid" in done.stdout
    assert struct.unpack_from(">H", fake.asked, 4) == (17,)
    assert fake.asked[24:] == b"\x00\x01\x00\x00\x00\x08some-kid"


def test_an_unknown_kid_is_named(tmp_path):
    done = Fake(tmp_path, "{}", error=6).ask("revoke", "some-kid")
    assert done.returncode == 1 and b'key not found (kid "some-kid")' in done.stderr
