"""Death of a whole node around the moment when one file follows another: the chain
goes on, whatever was left behind."""
import os
import threading

import pytest
from support.node import Node
from support.waiting import wait
from trail import files, folder, trail, verify, wait_for_op, whole_lines

SPEC = "version: 1\nkeys:\n  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}\n"
CONFIG = "audit: {file: audit.log, max_size: 4KiB, keep: 1000}\n"
ROUNDS = 5


def sign(node, count=1):
    for _ in range(count):
        assert node.cli("sign", "--name", "ec", input=b"x").returncode == 0


def restart(node):
    node.launch().wait_for("ready", len(node.events("ready")) + 1)


def test_a_node_killed_just_after_each_rotation_goes_on():
    with Node(SPEC, CONFIG) as node:
        for round_ in range(ROUNDS):
            before = len(node.events("audit-rotated"))
            halt = threading.Event()

            def load(halt=halt):
                while not halt.is_set():
                    node.cli("sign", "--lines", "--name", "ec", input=b"x\n" * 100)

            callers = [threading.Thread(target=load) for _ in range(2)]
            for caller in callers:
                caller.start()
            # Each time a little later after the supervisor has renamed the files.
            wait(lambda: len(node.events("audit-rotated")) > before + round_ % 2)
            node.kill()
            halt.set()
            for caller in callers:
                caller.join()
            restart(node)
        sign(node)
        assert node.stop() == 0
        assert not node.events("audit-damaged")
        done = verify(node, *files(node))
        assert done.returncode == 0, done.stderr
        assert b"was not given" not in done.stdout  # all of it, from the first line on
        starts = [x for name in files(node) for x in whole_lines(node, name) if x["op"] == "start"]
        assert len(starts) == ROUNDS + 1


def path(node, name):
    return os.path.join(folder(node), name)


def moved_but_not_begun(node):
    os.rename(path(node, "audit.log"), path(node, "audit.log.1"))


def begun_but_empty(node):
    moved_but_not_begun(node)
    with open(path(node, "audit.log"), "wb"):
        pass


def torn_and_moved(node):
    with open(path(node, "audit.log"), "ab") as f:
        f.write(b'{"seq":99,"time":"20')
    begun_but_empty(node)


def not_moved_yet(node):
    with open(path(node, "audit.log.new"), "wb") as f:
        f.write(b"of a supervisor that died")


@pytest.mark.parametrize("left", [moved_but_not_begun, begun_but_empty, torn_and_moved, not_moved_yet])
def test_what_a_death_between_two_steps_leaves_is_gone_on_with(left):
    with Node(SPEC, "audit: {file: audit.log}\n") as node:
        sign(node, 3)
        wait_for_op(node, "sign", 3)
        node.kill()
        left(node)
        restart(node)
        sign(node)
        assert node.stop() == 0
        assert not node.events("audit-damaged")
        done = verify(node, *files(node))
        assert done.returncode == 0, done.stderr
        assert b"was not given" not in done.stdout
        first = whole_lines(node)[0]["op"]
        assert first == {torn_and_moved: "repair"}.get(left, "start")


def test_a_torn_end_of_the_file_before_is_found_when_nothing_says_so():
    with Node(SPEC, "audit: {file: audit.log}\n") as node:
        sign(node)
        wait_for_op(node, "sign")
        node.kill()
        torn_and_moved(node)
        restart(node)
        assert node.stop() == 0
        with open(path(node, "bad"), "wb") as f:
            f.write(trail(node, "audit.log.1")[:-3])
        done = verify(node, "bad", "audit.log")
        assert done.returncode == 1 and b"bad:" in done.stderr and b"torn" in done.stderr
