"""A key is rotated on one node: the others know its successor before it signs,
and every token verifies with every node's JWK Set."""
import json
import os
import threading
import time

import pytest

from cluster.fleet import Fleet
from keylife.life import kid_of, verify

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

SPEC = """
version: 1
defaults: {publish_before: 1s, keep_after: 1m}
keys:
  - name: %(name)s
    generate: {kty: EC, crv: P-256}
    use: sig
    rotate: {every: 4s}
"""


@pytest.fixture(scope="module")
def fleet():
    with Fleet(2, spec=SPEC) as running:
        running.start()
        yield running


def keys_of(node):
    return json.loads(node.ask("keys"))["keys"]


def test_tokens_verify_at_the_other_node_while_keys_rotate(fleet):
    a, b = fleet.nodes
    until = time.monotonic() + 30
    while a.cli("sign", "--name", a.name, input=b"{}").returncode != 0 or \
            a.name not in b.ask("keys", "--state", "any", "--json").decode():
        assert time.monotonic() < until
        time.sleep(0.1)
    used, stop, wrong = set(), threading.Event(), []

    def make():
        while not stop.is_set():
            token = a.ask("sign", "--name", a.name, input=b"{}").decode().strip()
            used.add(kid_of(token))
            try:
                verify(token, keys_of(b))
            except AssertionError as e:
                wrong.append(str(e))

    thread = threading.Thread(target=make)
    thread.start()
    time.sleep(20)
    stop.set()
    thread.join()
    assert not wrong
    assert len(used) >= 3, "it did rotate"
    assert used <= {key["kid"] for key in keys_of(b)}, "all stay until keep_after"
