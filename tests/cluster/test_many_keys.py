"""More keys than fit anywhere by chance: what nodes sort, send in pages and
announce at once is large."""
import os

import pytest

from cluster.fleet import Fleet
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
MANY = 400


def spec(name):
    count = MANY if name == "a" else 1
    return ("version: 1\ndefaults: {publish_before: 1s, keep_after: 10m}\nkeys:\n"
            f"  - {{name: sig-{name}, generate: {{kty: EC, crv: P-256}}, use: sig, count: {count}}}\n")


def test_keys_by_the_hundred_are_published_and_sign_after_a_restart_too():
    with Fleet(2, spec) as fleet:
        a, b = fleet.nodes
        fleet.start()
        first = MANY + 1
        wait(lambda: all(len(n.published()) == first for n in fleet.nodes), 30, "all keys published")
        wait(lambda: all(n.events("activated") for n in fleet.nodes), 30, "all keys are active")
        wait(lambda: b.cli("sign", "--name", "sig-a", input=b"x").returncode == 0, 10, "they sign")
        a.kill()
        a.launch().wait_for("ready", 2)
        wait(lambda: all(len(n.published()) == first + MANY for n in fleet.nodes), 30, "new keys")
        wait(lambda: len(a.events("activated")) > 1, 30, "new keys are active")
        # Its front lists them anew just now.
        wait(lambda: b.cli("sign", "--name", "sig-a", input=b"x").returncode == 0, 10, "they sign")
        for node in fleet.nodes:
            assert not node.events("peer-died") and not node.events("front-died")
