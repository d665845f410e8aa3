"""Invariant 4: nothing is deleted unless everything is live, and bad files are
refused with one clear line."""
import json
import os
import subprocess

import pytest
from jwcrypto import jwk

from support.node import Node

GOOD = 5


def openssl(*args):
    return subprocess.run(["openssl", *args], stdin=subprocess.DEVNULL, capture_output=True,
                          check=True).stdout


def private_key():
    return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def rsa(bits):
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}")


def public_of(folder, key):
    path = os.path.join(folder, "tmp.pem")
    with open(path, "wb") as f:
        f.write(key)
    out = openssl("pkey", "-in", path, "-pubout")
    os.unlink(path)
    return out


SPEC = "version: 1\nkeys:\n  - {load: {file: keys/*}, use: sig}\n"


def five(node, fifth, mode=0o600):
    """Four good files and a fifth."""
    for i in range(4):
        node.write(f"keys/{i}.pem", private_key())
    if fifth is not None:
        os.chmod(node.write("keys/4.pem", fifth), mode)


def refused(node):
    """The node does not start, has deleted nothing; the error line."""
    before = sorted(os.listdir(node.dir + "/keys"))
    node.launch()
    assert node.process.wait(60) == 1, node.log()
    assert sorted(os.listdir(node.dir + "/keys")) == before, "something was deleted"
    errors = [line for line in node.log().splitlines() if "level=error" in line]
    assert any("4.pem" in line for line in errors), node.log()
    return "\n".join(errors)


def fresh(spec=SPEC):
    node = Node(spec, http=False)
    os.makedirs(node.dir + "/keys", exist_ok=True)
    return node


def test_five_good_files_are_live_and_gone():
    node = fresh()
    five(node, private_key())
    with node:
        assert os.listdir(node.dir + "/keys") == []
        assert len(json.loads(node.ask("keys"))["keys"]) == 5


BAD = {
    "truncated": lambda folder: private_key()[:120],
    "empty": lambda folder: b"",
    "garbage": lambda folder: os.urandom(300),
    "public only": lambda folder: public_of(folder, private_key()),
    "RSA of 1024 bits": lambda folder: rsa(1024),
    "an unknown curve": lambda folder: openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                                               "ec_paramgen_curve:brainpoolP256r1"),
    "encrypted": lambda folder: openssl("genpkey", "-algorithm", "RSA", "-aes128", "-pass",
                                        "pass:x", "-pkeyopt", "rsa_keygen_bits:2048"),
    "for encryption only": lambda folder: openssl("genpkey", "-algorithm", "X25519"),
    "a JWK of another use": lambda folder: json.dumps(
        {"kty": "OKP", "crv": "Ed25519", "use": "enc", "d": "A" * 43, "x": "A" * 43}).encode(),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_fifth_deletes_nothing(what):
    node = fresh()
    with_node(node, lambda: five(node, BAD[what](node.dir)))


PASSPHRASE = "correct horse battery"
LOCKED = ("version: 1\nkeys:\n  - {load: {file: keys/0.pem}, use: sig}\n"
          "  - {load: {file: keys/4.pem, passphrase_file: keys/pass}, use: sig%s}\n")


def converted(folder, key, *command):
    """What openssl makes of a key under PASSPHRASE."""
    path = os.path.join(folder, "tmp.pem")
    with open(path, "wb") as f:
        f.write(key)
    try:
        return openssl(*command, "-in", path)
    finally:
        os.unlink(path)


def pkcs12(folder, key, *how):
    path = os.path.join(folder, "both.pem")
    with open(path, "wb") as f:
        f.write(key + converted(folder, key, "req", "-x509", "-new", "-subj", "/CN=x", "-key",
                                os.path.join(folder, "tmp.pem")))
    try:
        return openssl("pkcs12", "-export", "-in", path, "-passout", f"pass:{PASSPHRASE}", *how)
    finally:
        os.unlink(path)


ENCRYPTED = {
    "PKCS#8": lambda folder, key: converted(folder, key, "pkcs8", "-topk8", "-passout",
                                            f"pass:{PASSPHRASE}"),
    "PKCS#8 as DER": lambda folder, key: converted(folder, key, "pkcs8", "-topk8", "-outform",
                                                   "DER", "-passout", f"pass:{PASSPHRASE}"),
    "traditional PEM": lambda folder, key: converted(folder, key, "ec", "-aes256", "-passout",
                                                     f"pass:{PASSPHRASE}"),
    "PKCS#12": pkcs12,
    "PKCS#12 with certificates in RC2": lambda folder, key: pkcs12(folder, key, "-legacy"),
}


@pytest.mark.parametrize("form", ENCRYPTED)
def test_an_encrypted_key_is_live_and_gone_with_its_passphrase(form):
    node = fresh(LOCKED % "")
    key = private_key()
    node.write("keys/0.pem", private_key())
    node.write("keys/4.pem", ENCRYPTED[form](node.dir, key))
    node.write("keys/pass", PASSPHRASE + "\n")
    with node:
        assert os.listdir(node.dir + "/keys") == []
        kid = jwk.JWK.from_pem(key).thumbprint()
        assert node.cli("sign", "--kid", kid, input=b"x").returncode == 0


@pytest.mark.parametrize("form", ENCRYPTED)
def test_a_wrong_passphrase_is_one_line_and_deletes_nothing(form):
    node = fresh(LOCKED % "")

    def prepare():
        node.write("keys/0.pem", private_key())
        node.write("keys/4.pem", ENCRYPTED[form](node.dir, private_key()))
        node.write("keys/pass", "guess")
    errors = [line for line in with_node(node, prepare).splitlines() if "event=key-refused" in line]
    assert len(errors) == 1 and "wrong passphrase" in errors[0] and "4.pem" in errors[0], errors


def test_a_pkcs12_key_in_rc2_is_refused_in_full():
    node = fresh(LOCKED % "")

    def prepare():
        node.write("keys/0.pem", private_key())
        node.write("keys/4.pem", pkcs12(node.dir, private_key(), "-legacy", "-keypbe", "PBE-SHA1-RC2-40"))
        node.write("keys/pass", PASSPHRASE)
    assert "encryption pbeWithSHA1And40BitRC2-CBC not supported" in with_node(node, prepare)


def test_delete_false_keeps_the_passphrase_too():
    node = fresh(LOCKED % ", delete: false")
    node.write("keys/0.pem", private_key())
    node.write("keys/4.pem", ENCRYPTED["PKCS#12"](node.dir, private_key()))
    node.write("keys/pass", PASSPHRASE)
    with node:
        assert sorted(os.listdir(node.dir + "/keys")) == ["4.pem", "pass"]


def with_node(node, prepare):
    try:
        prepare()
        return refused(node)
    finally:
        node.__exit__()


def test_a_symlink_is_refused():
    node = fresh()

    def prepare():
        five(node, None)
        os.symlink(node.write("elsewhere.pem", private_key()), node.dir + "/keys/4.pem")
    with_node(node, prepare)


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o620])
def test_a_file_others_may_touch_is_refused(mode):
    node = fresh()
    with_node(node, lambda: five(node, private_key(), mode))


def test_a_fifo_is_refused_without_waiting():
    node = fresh()

    def prepare():
        five(node, None)
        os.mkfifo(node.dir + "/keys/4.pem", 0o600)
    with_node(node, prepare)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_owner_is_refused():
    node = fresh()

    def prepare():
        five(node, private_key())
        os.chown(node.dir + "/keys/4.pem", 12345, 12345)
    with_node(node, prepare)


def test_delete_false_keeps_the_file():
    node = fresh("version: 1\nkeys:\n  - {load: {file: keys/*}, use: sig, delete: false}\n")
    five(node, private_key())
    with node:
        assert len(os.listdir(node.dir + "/keys")) == 5


@pytest.mark.parametrize("terms", ["use: enc", "use: sig", "use: enc, name: other", "use: enc, allow: [app]"])
def test_one_key_of_two_entries_is_refused(terms):
    node = fresh("version: 1\nkeys:\n  - {load: {file: keys/0.pem}, use: enc}\n"
                 "  - {load: {file: keys/4.pem}, %s}\n" % terms)

    def prepare():
        first = node.write("keys/0.pem", private_key())
        node.write("keys/4.pem", openssl("ec", "-in", first))  # the same key in another form
    errors = with_node(node, prepare)
    assert "EDUPLICATE" in errors and "is of entry 1 already, expected one copy" in errors


def test_a_kid_of_a_jwk_is_dropped_unless_the_spec_repeats_it():
    node = fresh("version: 1\nkeys:\n  - {load: {file: keys/0.jwk}, use: sig}\n"
                 "  - {load: {file: keys/1.jwk}, use: sig, kid: old-1}\n")
    for i in range(2):
        key = jwk.JWK.from_pem(private_key()).export(as_dict=True)
        node.write(f"keys/{i}.jwk", json.dumps({**key, "kid": f"old-{i}"}))
    with node:
        assert [line["kid"] for line in node.events("jwk-kid-dropped")] == ["old-0"]
        kids = {key["kid"] for key in json.loads(node.ask("keys"))["keys"]}
        assert "old-1" in kids and "old-0" not in kids


def test_a_variable_is_loaded_and_gone_from_the_environment():
    key = private_key().decode()
    spec = "version: 1\nkeys:\n  - {name: env, load: {env: VHSM_TEST_KEY}, use: sig}\n"
    with Node(spec, env={"VHSM_TEST_KEY": key}, http=False) as node:
        assert node.cli("sign", "--name", "env", input=b"x").returncode == 0
        for name, pid in node.pids().items():
            with open(f"/proc/{pid}/environ", "rb") as f:
                environ = f.read()
            assert key.split("\n")[1].encode() not in environ, name
            assert name == "vhsmd" or b"VHSM_TEST_KEY" not in environ


def test_a_credential_is_loaded_and_left_alone(tmp_path):
    (tmp_path / "signing.pem").write_bytes(private_key())
    os.chmod(tmp_path / "signing.pem", 0o400)
    spec = "version: 1\nkeys:\n  - {name: cred, load: {credential: signing.pem}, use: sig}\n"
    with Node(spec, env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, http=False) as node:
        assert node.cli("sign", "--name", "cred", input=b"x").returncode == 0
        assert (tmp_path / "signing.pem").exists()


def test_a_spec_that_is_wrong_is_one_line():
    for spec, word in [("version: 1\nkeys:\n  - {generate: {kty: DSA}, use: sig}\n", "DSA"),
                       ("version: 1\nkeys:\n  - {generate: {kty: RSA, bits: 1024}, use: sig}\n", "1024"),
                       ("version: 1\nkeis: []\n", "keis")]:
        node = Node(spec, http=False)
        try:
            node.launch()
            assert node.process.wait(20) in (1, 2)
            assert word in node.log() and "keyspec.yaml" in node.log()
        finally:
            node.__exit__()
