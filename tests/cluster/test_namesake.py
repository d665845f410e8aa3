"""Two nodes with one name: whoever was there first keeps it, the other says so."""
import json
import os
import threading

import pytest

from cluster.fleet import Fleet, Member
from cluster.test_continuity import SPEC, settled, verifies
from interop.test_openapi import API
from support.waiting import wait

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
OTHER = SPEC.replace("sig-", "other-")


@pytest.fixture(scope="module")
def fleet():
    with Fleet(4, SPEC) as made:
        made.nodes.pop()  # its host is the second b's
        made.start()
        settled(made, 6)
        yield made


class Watch(threading.Thread):
    """Looks at the JWK Sets of nodes all the time: what they have had less."""

    def __init__(self, nodes):
        super().__init__()
        self.nodes, self.full, self.missed, self.halt = nodes, nodes[0].published(), [], threading.Event()
        assert len(self.full) == 6

    def run(self):
        while not self.halt.is_set():
            for node in self.nodes:
                now = node.published()
                if now and now != self.full:
                    self.missed.append((node.name, self.full - now, now - self.full))

    def end(self):
        self.halt.set()
        self.join()
        return self.missed


@pytest.fixture(scope="module")
def second(fleet):
    watch = Watch(list(fleet.nodes))
    watch.start()
    node = Member(fleet, 3, OTHER, namesake="b")
    fleet.nodes.append(node)
    node.launch()
    node.wait_for("name-taken")
    node.watch = watch
    yield node
    watch.end()


def test_the_second_says_so_and_does_not_sign(fleet, second):
    told = "not ready: another node has this node's name\n"
    wait(lambda: second.fetch("/readyz") == told, 5, "not ready")
    said = API["paths"]["/readyz"]["get"]["responses"]["503"]
    assert told in said["content"]["text/plain"]["schema"]["enum"]
    status = json.loads(second.ask("--json", "status"))
    assert status["ready"] is False and status["cluster"]["name_taken"] is True
    assert second.members()["b"]["state"] == "conflict"
    assert 'vhsmd_cluster_members{state="conflict"} 1' in second.fetch("/metrics")
    refused = second.cli("sign", "--name", "other-b", input=b"x")
    assert refused.returncode == 1 and b"another node has this node's name" in refused.stderr
    assert second.events("member-conflict")


def test_the_second_still_forwards_and_verifies(fleet, second):
    a = fleet.nodes[0]
    token = second.ask("sign", "--name", "sig-a", input=b"by a")
    assert second.cli("verify", input=token).stdout == b"by a"
    assert a.cli("verify", input=token).stdout == b"by a"


def test_the_first_keeps_the_name_and_all_that_goes_with_it(fleet, second):
    a, b, c, _ = fleet.nodes
    assert second.watch.end() == [], "their JWK Sets did not change, not for a moment"
    assert b.fetch("/readyz") == "ready\n"
    assert b.events("member-conflict") and a.events("member-conflict")
    for node in (a, b, c):
        assert node.members()["b"]["address"].startswith(b.address)
        assert len(node.published()) == 6, "no key of the second is published"
        token = node.ask("sign", "--name", "sig-b", input=b"b")
        assert verifies(c, {"b": token})
        wait(lambda t=token: verifies(second, {"b": t}), 15, "the second verifies it, too")
        assert node.cli("sign", "--name", "other-b", input=b"x").returncode == 1


def test_when_the_first_is_gone_the_second_takes_over(fleet, second):
    a, b, c, _ = fleet.nodes
    token = b.ask("sign", "--name", "sig-b", input=b"b")
    b.kill()
    second.wait_for("name-free", seconds=60)
    wait(lambda: second.fetch("/readyz") == "ready\n", 10, "ready")
    wait(lambda: a.cli("sign", "--name", "other-b", input=b"x").returncode == 0, 30,
         "its keys sign, from everywhere")
    assert verifies(a, {"b": token}) and verifies(second, {"b": token})
    assert second.members()["b"]["state"] == "alive"
