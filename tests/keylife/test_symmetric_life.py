"""Symmetric keys have the same life; their public side is the node itself."""
from keylife.life import kid_of, kids, operate, states
from support.node import Node
from support.waiting import wait

SPEC = """
version: 1
defaults: {publish_before: 0s, keep_after: 3s}
keys:
  - {name: mac, generate: {kty: oct, bits: 256}, use: sig, alg: HS256}
  - {name: wrap, generate: {kty: oct, bits: 256}, use: enc, alg: A256KW}
"""


def successor(node, name, old):
    operate(node, "rotate", "--name", name)
    wait(lambda: states(node).get(old, {}).get("state") == "retired")
    return [kid for kid, key in states(node).items()
            if key["name"] == name and key["state"] == "active"]


def test_a_rotated_mac_key_verifies_until_it_is_gone():
    with Node(SPEC) as node:
        token = node.ask("sign", "--name", "mac", input=b"{}")
        old = kid_of(token.decode().strip())
        new, = successor(node, "mac", old)
        assert kid_of(node.ask("sign", "--name", "mac", input=b"{}").decode().strip()) == new
        assert node.ask("verify", input=token) == b"{}"
        assert not kids(node) & {old, new}, "never published"
        wait(lambda: old not in states(node))
        assert b"key not found" in node.cli("verify", input=token).stderr


def test_a_rotated_wrapping_key_decrypts_until_it_is_gone():
    with Node(SPEC) as node:
        token = node.ask("encrypt", "--name", "wrap", "--alg", "A256KW", "--enc", "A256GCM",
                         input=b"secret")
        old = kid_of(token.decode().strip())
        new, = successor(node, "wrap", old)
        assert node.ask("decrypt", input=token) == b"secret"
        again = node.ask("encrypt", "--name", "wrap", "--alg", "A256KW", "--enc", "A256GCM",
                         input=b"secret")
        assert kid_of(again.decode().strip()) == new
        wait(lambda: old not in states(node))
        assert node.cli("decrypt", input=token).returncode != 0
        assert node.ask("decrypt", input=again) == b"secret"
