"""The command line against a node, libvhsm as a stranger links it, and nng."""
import json
import os
import re
import subprocess
import time
import urllib.request

import pytest

from support import built
from support.node import BUILD, ROOT

BINARY = bytes(range(256)) * 3
SELECTORS = {
    "--name": "ec-sig", "--alg": "RS256,ES256", "--kty": "OKP", "--crv": "P-256", "--use": "sig",
}


def one_line(done, status):
    """The error line of a run that must print nothing else."""
    assert done.returncode == status, done.stderr
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1 and done.stderr.endswith(b"\n")
    return done.stderr.decode()


def sign(node, *args, payload=b"payload"):
    return node.ask("sign", *args, input=payload).strip()


def test_stdout_of_sign_is_the_bare_token(node):
    out = node.ask("sign", "--alg", "ES256", input=BINARY)
    assert out.endswith(b"\n") and out.count(b"\n") == 1 and out.count(b".") == 2


@pytest.mark.parametrize("option", SELECTORS)
def test_each_selector_option_is_heard(node, option):
    answer = json.loads(node.ask("sign", "--json", option, SELECTORS[option], input=b"x"))
    assert set(answer) == {"token", "kid", "alg", "jwk"}
    assert answer["jwk"]["kid"] == answer["kid"]
    again = json.loads(node.ask("sign", "--json", "--kid", answer["kid"], input=b"x"))
    assert again["kid"] == answer["kid"]


def test_payloads_pass_byte_by_byte(node):
    for payload in (b"", b"\n", b"text", BINARY):
        assert node.ask("verify", input=sign(node, payload=payload)) == payload


def test_verify_takes_the_key_from_a_file(node):
    token = sign(node, "--alg", "EdDSA")
    keys = node.write("jwks", node.ask("keys"))
    none = node.write("none", '{"keys":[]}')
    assert node.ask("verify", "--jwks", keys, input=token) == b"payload"
    one_line(node.cli("verify", "--jwks", none, input=token), 1)


def test_a_kid_that_was_asked_for_is_the_one_that_is_named(node):
    token = sign(node, "--alg", "EdDSA")
    kid = json.loads(node.ask("verify", "--json", input=token))["kid"]
    keys = node.write("jwks", node.ask("keys"))
    for where in ((), ("--jwks", keys)):
        said = one_line(node.cli("verify", *where, "--kid", "foo", input=token), 1)
        assert f'no key: kid="foo" alg="EdDSA"; the token\'s kid="{kid}"' in said
    none = node.write("none", '{"keys":[]}')
    for named in ((), ("--kid", kid)):
        said = one_line(node.cli("verify", "--jwks", none, *named, input=token), 1)
        assert said.endswith(f'(no key: kid="{kid}" alg="EdDSA")\n')


def test_a_detached_token_without_its_payload_is_told_from_a_bad_one(node):
    token = sign(node, "--alg", "ES256", "--detached")
    said = one_line(node.cli("verify", input=token), 1)
    assert said == ("vhsm: verify: signature not valid (the token has no payload: if it is "
                    "detached, --payload is missing)\n")
    other = node.write("other", b"other")
    for done in (node.cli("verify", "--payload", other, input=token),
                 node.cli("verify", input=sign(node, "--alg", "ES256")[:-4] + b"AAAA")):
        assert one_line(done, 1) == "vhsm: verify: signature not valid\n"


def test_a_changed_signature_is_refused(node):
    token = sign(node, "--alg", "ES256")
    bad = token[:-4] + (b"AAAA" if token[-4:] != b"AAAA" else b"BBBB")
    assert one_line(node.cli("verify", input=bad), 1).startswith("vhsm: verify: ")


def test_encrypt_and_decrypt_a_file(node):
    plain = node.write("plain", BINARY)
    box = node.write("box", node.ask(
        "encrypt", "--alg", "RSA-OAEP-256", "--enc", "A128CBC-HS256", plain))
    assert node.ask("decrypt", box) == BINARY
    answer = json.loads(node.ask("decrypt", "--json", box))
    assert "payload_b64u" in answer and "payload" not in answer
    assert answer["header"]["enc"] == "A128CBC-HS256"


def test_encrypt_for_a_public_jwk(node):
    keys = json.loads(node.ask("keys", "--use", "enc", "--crv", "X25519"))["keys"]
    jwk = node.write("jwk", json.dumps(keys[0]))
    box = node.ask("encrypt", "--alg", "ECDH-ES", "--enc", "A256GCM", "--jwk", jwk, input=b"x")
    assert json.loads(node.ask("decrypt", "--json", input=box))["kid"] == keys[0]["kid"]


def test_header_options_reach_the_token(node):
    token = sign(node, "--typ", "JWT", "--header", '{"cty":"x"}')
    header = json.loads(node.ask("verify", "--json", input=token))["header"]
    assert header["typ"] == "JWT" and header["cty"] == "x"


def test_status_is_for_people_or_json(node):
    assert json.loads(node.ask("--json", "status"))["ready"] is True
    assert any(line.split() == [b"ready", b"true"] for line in node.ask("status").splitlines())


def test_an_absent_key_is_named_on_one_line(node):
    line = one_line(node.cli("sign", "--kid", "nobody", input=b"x"), 1)
    assert line.startswith("vhsm: sign: key not found (") and "nobody" in line


@pytest.mark.parametrize("args", [
    ["fly"], [], ["sign", "--nothing"], ["sign", "--k", "x"], ["sign", "a", "b"],
    ["bench", "--alg", "NOPE"], ["bench", "--alg", "ES256", "--clients", "x"],
    ["encrypt", "--alg", "ECDH-ES"], ["--timeout", "0", "status"],
    ["sign", "--alg", "ES256", "--alg", "EdDSA"],
])
def test_wrong_usage_is_2(node, args):
    one_line(node.cli(*args), 2)


def test_a_socket_of_another_kind_is_wrong_usage(node):
    one_line(node.cli("status", url="tcp://localhost:1"), 2)


def test_no_daemon_is_3(node):
    one_line(node.cli("status", url=node.url + ".absent"), 3)


def test_too_much_input_is_refused(node):
    one_line(node.cli("sign", input=bytes(17 << 20)), 1)


def test_a_full_disk_is_an_error(node):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([os.path.join(BUILD, "bin", "vhsm"), "-s", node.url, "keys"],
                              stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"No space left" in done.stderr


def test_help_names_all_verbs(node):
    out = node.ask("help").decode()
    for verb in ("status", "keys", "sign", "verify", "encrypt", "decrypt", "drain", "bench"):
        assert f"  {verb} " in out
        assert node.ask(verb, "--help").startswith(b"usage: vhsm " + verb.encode())
    assert node.ask("--version").startswith(b"vhsm ")


@pytest.mark.parametrize("alg", ["ES256", "ECDH-ES"])
def test_bench_tells_what_it_measured(node, alg):
    result = json.loads(node.ask("bench", "--json", "--alg", alg, "--clients", "3",
                                 "--batch", "4", "--seconds", "1"))
    assert set(result) == {"alg", "clients", "batch", "pack", "ops_per_second", "p50_us", "p99_us",
                           "p999_us", "errors"}
    assert (result["alg"], result["clients"], result["batch"]) == (alg, 3, 4)
    assert result["ops_per_second"] > 0 and result["errors"] == 0
    assert 0 < result["p50_us"] <= result["p99_us"] <= result["p999_us"]


def test_drain_is_for_the_operators_socket(node):
    one_line(node.cli("drain"), 1)
    node.ask("drain", url=node.operator)
    try:
        assert "draining" in one_line(node.cli("sign", input=b"x"), 1)
    finally:
        node.ask("drain", "--off", url=node.operator)
    assert sign(node)


@pytest.mark.parametrize("how", ["shared", "static", "c++"])
def test_a_program_links_libvhsm(node, how):
    """As an application would: the installed header, pkg-config's words."""
    install = os.path.join(node.dir, "install-" + how)
    lib = os.path.join(ROOT, BUILD, "lib")
    os.makedirs(install)
    with open(os.path.join(ROOT, "client", "vhsm.h")) as header:
        with open(os.path.join(install, "vhsm.h"), "w") as copy:
            copy.write(header.read())
    source = os.path.join(ROOT, "client", "examples", "sign.c")
    program = os.path.join(install, "sign")
    link = [os.path.join(lib, "libvhsm.a")] if how == "static" else ["-L" + lib, "-lvhsm"]
    if how == "c++":
        cc = [*built.compiler("g++"), "-std=c++20", "-x", "c++", source, "-x", "none"]
    else:
        cc = [*built.compiler(), "-std=c99", source]
    subprocess.run([*cc, "-Wall", "-Werror", "-I", install, *link, "-o", program],
                   check=True)
    done = subprocess.run([program, "from a stranger"], stdout=subprocess.PIPE, check=True,
                          env={"VHSM_SOCKET": node.url, "LD_LIBRARY_PATH": lib})
    token, verified = done.stdout.decode().splitlines()
    assert verified == "verified: from a stranger"
    assert node.ask("verify", input=token.encode()) == b"from a stranger"


def test_libvhsm_shows_only_its_own_names_and_needs_only_libc():
    lib = os.path.join(BUILD, "lib", "libvhsm.so")
    names = subprocess.run(["nm", "-D", "--defined-only", lib], stdout=subprocess.PIPE, check=True)
    for line in names.stdout.decode().splitlines():
        assert line.split()[-1].startswith("vhsm_"), line
    dynamic = subprocess.run(["readelf", "-d", lib], stdout=subprocess.PIPE, check=True)
    needed = [l for l in dynamic.stdout.decode().splitlines() if "NEEDED" in l]
    needed = [l for l in needed if not any(s in l for s in built.RUNTIMES)]
    assert len(needed) == 1 and "libc.so" in needed[0]


def test_a_plain_nng_req_socket_is_answered(node):
    program = os.path.join(BUILD, "test", "nng_req")
    if not os.path.exists(program):
        pytest.skip("nng_req is not built: make test-tools")
    done = subprocess.run([program, node.url], stdout=subprocess.PIPE, check=True, timeout=30)
    assert json.loads(done.stdout)["ready"] is True


def batches(node):
    time.sleep(1.1)  # the text is kept for a second
    with urllib.request.urlopen(f"http://{node.http}/metrics") as page:
        return int(re.search(r"^vhsmd_batches_total (\d+)$", page.read().decode(), re.M)[1])


def test_lines_are_a_request_each_and_share_messages(node):
    before = batches(node)
    payloads = [b"payload %d" % i for i in range(150)]
    tokens = node.ask("sign", "--lines", "--alg", "ES256", input=b"\n".join(payloads)).splitlines()
    assert len(set(tokens)) == 150
    assert [node.ask("verify", input=tokens[i]) for i in (0, 63, 64, 149)] == \
        [payloads[i] for i in (0, 63, 64, 149)]
    assert batches(node) == before + 3


def test_long_lines_share_fewer_messages(node):
    before = batches(node)
    payloads = [b"%d" % i + 100_000 * b"x" for i in range(70)]
    tokens = node.ask("sign", "--lines", "--alg", "ES256", input=b"\n".join(payloads)).splitlines()
    assert len(tokens) == 70
    assert batches(node) == before + 7  # ten lines are a megabyte
    for i in (0, 9, 10, 69):
        assert node.ask("verify", input=tokens[i]) == payloads[i]


def test_lines_that_cannot_be_read_are_an_error(node):
    for name, why in ((node.dir + "/nofile", "No such file or directory"),
                      (node.dir, "Is a directory")):
        done = node.cli("sign", "--lines", "--alg", "ES256", name)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode() == f"vhsm: sign: {name}: {why}\n"


@pytest.mark.parametrize("size", [(1 << 20) + 1, 3 << 20, (16 << 20) + 1, 33 << 20])
def test_a_line_that_is_too_long_fails_alone(node, size):
    done = node.cli("sign", "--lines", "--alg", "ES256",
                    input=b"one\ntwo\n" + size * b"x" + b"\nfour\n")
    assert done.returncode == 1
    tokens = done.stdout.split(b"\n")
    assert tokens[2] == b"" and len(tokens) == 5
    assert [node.ask("verify", input=tokens[i]) for i in (0, 1, 3)] == [b"one", b"two", b"four"]
    assert re.fullmatch(rb"vhsm: sign: line 3: too large[^\n]*\n", done.stderr), done.stderr


def test_long_lines_of_jwe_share_fewer_messages(node):
    texts = [b"%d" % i + 200_000 * b"y" for i in range(20)]
    boxes = [node.ask("encrypt", "--alg", "ECDH-ES", "--enc", "A128GCM", input=text).strip()
             for text in texts]
    assert node.ask("decrypt", "--lines", input=b"\n".join(boxes)).splitlines() == texts


def test_lines_of_jwe_are_opened_and_a_bad_one_leaves_an_empty_line(node):
    boxes = [node.ask("encrypt", "--alg", "ECDH-ES", "--enc", "A128GCM", input=text).strip()
             for text in (b"one", b"two", b"th\nree")]
    boxes[1] = boxes[1][:-4] + b"AAAA"
    done = node.cli("decrypt", "--lines", input=b"\n".join(boxes) + b"\n")
    assert done.returncode == 1
    assert done.stdout == b"one\n\n\n"
    assert b"line 2: decryption failed" in done.stderr and b"line 3: " in done.stderr
    lines = node.cli("decrypt", "--lines", "--json", input=b"\n".join(boxes)).stdout.splitlines()
    assert json.loads(lines[2])["payload"] == "th\nree"
