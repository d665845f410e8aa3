"""A rotation for which the secret arena has no room: the active key stays, it is
said, and it comes to pass when there is room again."""
import json
import urllib.request

from keylife.life import kid_of, operate, sign, states
from support.node import Node
from support.waiting import wait

# Keys for encryption stay when they are rotated: boxes need them.
SPEC = """
version: 1
defaults: {publish_before: 0s, keep_after: 1h}
keys:
  - {name: id, generate: {kty: RSA, bits: 2048}, use: sig}
  - {name: boxes, generate: {kty: EC, crv: P-256}, use: enc, count: 100}
"""


def status(node):
    return json.loads(node.ask("status", "--json"))


def metric(node, name):
    with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=10) as r:
        (line,) = [x for x in r.read().decode().splitlines() if x.startswith(name + " ")]
    return int(line.split()[1])


def fill(node):
    """Rotates the keys for encryption until there is no room for others."""
    made = 100
    while not node.events("rotation-failed"):
        operate(node, "rotate", "--now", "--name", "boxes")
        made += 100
        wait(lambda: status(node)["keys"] >= made or node.events("rotation-failed"))
    assert made < 10000, "it is bounded"


def with_more_room(node):
    """Destroys some keys, asks again; who signs now.  Others wait for room as well."""
    for kid in [k for k, key in states(node).items() if key["state"] == "retired"][:10]:
        node.cli("destroy", "--yes", "--", kid, url=node.operator)  # it may be gone by now
    node.cli("rotate", "--name", "id", url=node.operator)
    return kid_of(sign(node))


def test_a_rotation_without_room_fails_aloud_and_is_made_up_for():
    with Node(SPEC, "limits: {workers: 2}\n") as node:
        old = kid_of(sign(node))
        fill(node)
        operate(node, "rotate", "--name", "id")
        wait(lambda: [x for x in node.events("rotation-failed") if x["name"] == "id"])
        failed = node.events("rotation-failed")[-1]
        assert failed["key"] == "stays active" and "room" in failed["why"]
        # Whoever uses it does not notice, on any worker.
        for _ in range(20):
            assert kid_of(sign(node)) == old
        assert states(node)[old]["state"] == "active"
        life = status(node)["life"]
        assert life["rotations_failed"] > 0
        assert metric(node, "vhsmd_rotations_failing") >= 1
        before = life["rotations"]
        wait(lambda: with_more_room(node) != old)
        assert states(node)[old]["state"] == "retired"
        assert status(node)["life"]["rotations"] > before
