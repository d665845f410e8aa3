"""Both directions with npm's jose, for every alg and every alg with every enc."""
import base64
import json
import os
import shutil
import subprocess
import urllib.request

import pytest

from support.node import BUILD, die_with_parent
from support.peers import BOXES, OAEP, PAYLOADS, SIGNERS, SPEC, WRAP, curve_of  # noqa: F401

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npm")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def install():
    """jose, in the build folder, as package-lock.json pins it; why not, or None."""
    target = os.path.join(BUILD, "npm")
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(SOURCE):
        shutil.copy2(os.path.join(SOURCE, name), target)
    stamp, lock = os.path.join(target, "installed"), os.path.join(target, "package-lock.json")
    with open(lock, "rb") as f:
        wanted = f.read()
    if os.path.exists(stamp):
        with open(stamp, "rb") as f:
            if f.read() == wanted:
                return None
    try:
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                              cwd=target, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return f"npm ci: {error}"
    if done.returncode != 0:
        return "npm ci failed: " + done.stdout[-500:]
    with open(stamp, "wb") as f:
        f.write(wanted)
    return None


class Peer:
    """The Node.js process."""

    def __init__(self):
        self.process = subprocess.Popen(["node", os.path.join(BUILD, "npm", "peer.mjs")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)

    def __call__(self, verb, **request):
        self.process.stdin.write(json.dumps({"verb": verb, **request}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, f"{verb}: {answer['error']}"
        return answer["result"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def peer():
    why = install()
    if why is not None:
        pytest.skip(f"npm's jose is not there: {why}")
    running = Peer()
    yield running
    running.close()


@pytest.fixture(scope="module")
def published(node):
    with urllib.request.urlopen(f"http://{node.http}/.well-known/jwks.json") as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def keys(node):
    """The node's public JWKs by name."""
    found = {}
    for name in {name for _, name in SIGNERS + WRAP}:
        found[name], = json.loads(node.ask("keys", "--name", name))["keys"]
    return found


def generate(peer, name, alg):
    """A key of the peer like the node's of that name, for alg."""
    return peer("generate", name=f"{name} {alg}", alg=alg, crv=curve_of(name)[1].get("crv"))


@pytest.mark.parametrize("alg,name", SIGNERS)
def test_jose_verifies_what_the_node_signs(node, peer, published, keys, alg, name):
    for payload in PAYLOADS:
        token = node.ask("sign", "--name", name, "--alg", alg, input=payload).decode().strip()
        seen = peer("verify", token=token, jwks=published, alg=alg)
        assert seen["payload"] == b64(payload)
        assert seen["header"] == {"alg": alg, "kid": keys[name]["kid"]}


@pytest.mark.parametrize("alg,name", SIGNERS)
def test_the_node_verifies_what_jose_signs(node, peer, tmp_path, alg, name):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [generate(peer, name, alg)]}))
    for payload in PAYLOADS:
        token = peer("sign", name=f"{name} {alg}", alg=alg, payload=b64(payload))
        assert node.ask("verify", "--jwks", str(path), input=token.encode()) == payload


@pytest.mark.parametrize("alg,name,enc", BOXES)
def test_the_node_decrypts_what_jose_encrypts(node, peer, keys, alg, name, enc):
    for payload in PAYLOADS[1::2]:
        token = peer("encrypt", jwk=keys[name], alg=alg, enc=enc, payload=b64(payload))
        assert node.ask("decrypt", input=token.encode()) == payload


@pytest.mark.parametrize("alg,name,enc", BOXES)
def test_jose_decrypts_what_the_node_encrypts(node, peer, tmp_path, alg, name, enc):
    path = tmp_path / "key.jwk"
    path.write_text(json.dumps(generate(peer, name, alg)))
    payload = PAYLOADS[len(enc) % len(PAYLOADS)]
    token = node.ask("encrypt", "--alg", alg, "--enc", enc, "--jwk", str(path),
                     input=payload).decode().strip()
    seen = peer("decrypt", name=f"{name} {alg}", token=token, alg=alg, enc=enc)
    assert seen["payload"] == b64(payload)


@pytest.mark.parametrize("alg,name", [row for row in WRAP if row[0] not in OAEP])
def test_party_info_of_jose_is_honoured(node, peer, keys, alg, name):
    token = peer("encrypt", jwk=keys[name], alg=alg, enc="A128CBC-HS256", payload=b64(b"text"),
                 apu=b64(b"sender"), apv=b64(b"\0\xffreceiver"))
    assert node.ask("decrypt", input=token.encode()) == b"text"
