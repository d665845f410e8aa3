"""A disk that says it could not keep what was written: fdatasync of the real vault
fails, and what the file has after that is anybody's guess."""
import json
import os
import platform
import subprocess
import time

import pytest
from support.node import BUILD, Node
from support.waiting import wait
from trail import files, folder, lines, verify, whole_lines

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="traces other processes: needs root"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="registers of x86-64 only"),
]

SPEC = "version: 1\nkeys:\n  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}\n"


def sign(node):
    return node.cli("sign", "--name", "ec", input=b"x")


class Failing:
    """The next fdatasync calls of the node's vault fail; done() waits for that.  With
    written, it dies in the write after them, of which that many bytes are made."""

    def __init__(self, node, count, *written):
        program = os.path.join(BUILD, "test", "fail_sync")
        self.process = subprocess.Popen([program, str(node.pids()["vhsmd-vault"]),
                                         *map(str, (count, *written))],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "following\n"

    def done(self):
        out, _ = self.process.communicate(timeout=60)
        assert out.startswith("failed"), out


def fail_disk(node, count):
    """Signs while the disk fails, until keys are used again."""
    before = len(node.events("audit-goes-on"))
    failing = Failing(node, count)
    for _ in range(3):
        sign(node)
    failing.done()
    wait(lambda: len(node.events("audit-goes-on")) > before)
    assert sign(node).returncode == 0


@pytest.fixture(scope="module", params=[1, 2])
def failed(request):
    """A node whose disk failed once, or the next file's disk as well."""
    with Node(SPEC, "audit: {file: audit.log, keep: 20}\n") as node:
        until = time.monotonic() + 1.5  # the disk has some of it then
        while time.monotonic() < until:
            assert sign(node).returncode == 0
        fail_disk(node, request.param)
        node.count = request.param
        assert node.stop() == 0
        yield node


def test_a_file_that_was_not_kept_is_left_and_its_lines_come_again(failed):
    assert files(failed) == [f"audit.log.{n}" for n in range(failed.count, 0, -1)] + ["audit.log"]
    first = lines(failed)[0]
    assert first["op"] == "again" and first["error"] == "EIO"
    came = [x["seq"] for x in lines(failed)[1:] if x["seq"] < first["seq"]]
    assert came == list(range(first["from"], first["seq"]))
    assert failed.events("audit-blocked")
    assert failed.events("audit-not-on-disk")[0]["from"] == str(first["from"])


def test_all_files_together_and_each_alone_are_sound(failed):
    done = verify(failed, *files(failed))
    assert done.returncode == 0, done.stderr
    assert b"lines came twice" in done.stdout
    for name in files(failed):
        done = verify(failed, name)
        assert done.returncode == 0, (name, done.stderr)


def copy(node, name, change):
    """The files with one of them changed: their check."""
    names = []
    for old in files(node):
        with open(os.path.join(folder(node), old), "rb") as f:
            text = f.read()
        names.append("x-" + old)
        with open(os.path.join(folder(node), names[-1]), "wb") as f:
            f.write(change(text) if old == name else text)
    return verify(node, *names)


@pytest.mark.parametrize("how", ["gone", "zeros", "torn", "one flipped"])
def test_what_the_disk_lost_since_it_last_kept_all_does_not_matter(failed, how):
    first = lines(failed)[0]["from"]
    oldest = files(failed)[0]

    def spoil(text):
        kept = [x for x in text.splitlines(keepends=True) if json.loads(x)["seq"] < first]
        head = b"".join(kept)
        tail = text[len(head):]
        assert tail
        return head + {"gone": b"", "zeros": bytes(len(tail)), "torn": tail[:30],
                       "one flipped": tail.replace(b'"op"', b'"oq"', 1)}[how]

    done = copy(failed, oldest, spoil)
    assert done.returncode == 0, done.stderr


def test_what_the_disk_had_kept_before_does_matter(failed):
    first = lines(failed)[0]["from"]

    def cut(text):
        return b"".join(x for x in text.splitlines(keepends=True) if json.loads(x)["seq"] < first - 1)

    done = copy(failed, files(failed)[0], cut)
    assert done.returncode == 1 and b"lines before it are missing" in done.stderr, done.stderr


def test_what_comes_again_cannot_be_something_else(failed):
    def other(text):
        found = text.splitlines(keepends=True)
        return b"".join(found[:1] + [found[1].replace(b'"node":"', b'"node":"x', 1)] + found[2:])

    done = copy(failed, "audit.log", other)
    assert done.returncode == 1 and b"audit.log:2: this line was changed" in done.stderr, done.stderr


def test_keys_are_not_used_between_the_failure_and_the_next_file():
    """The next file cannot be had until the folder is back."""
    with Node(SPEC, "audit: {file: audit.log}\n") as node:
        assert sign(node).returncode == 0
        wait(lambda: any(x["op"] == "sign" for x in whole_lines(node)))
        os.mkdir(os.path.join(folder(node), "audit.log.new"))
        failing = Failing(node, 1)
        sign(node)
        failing.done()
        wait(lambda: node.events("audit-not-rotated"))
        for _ in range(5):
            done = sign(node)
            assert done.returncode != 0 and b"audit trail cannot be written" in done.stderr
        assert json.loads(node.ask("--json", "status"))["audit"]["blocked"] is True
        os.rmdir(os.path.join(folder(node), "audit.log.new"))
        wait(lambda: node.events("audit-goes-on"))
        assert sign(node).returncode == 0
        assert node.stop() == 0
        assert verify(node, "audit.log.1", "audit.log").returncode == 0


def test_a_node_killed_after_a_failure_goes_on_with_its_chain():
    with Node(SPEC, "audit: {file: audit.log}\n") as node:
        assert sign(node).returncode == 0
        fail_disk(node, 1)
        wait(lambda: whole_lines(node)[-1]["op"] == "sign")
        node.kill()
        node.launch().wait_for("ready", 2)
        assert sign(node).returncode == 0
        assert node.stop() == 0
        done = verify(node, "audit.log.1", "audit.log")
        assert done.returncode == 0, done.stderr
        assert not node.events("audit-damaged")


@pytest.mark.parametrize("written", [0, 100, 400, 900])
def test_a_death_while_lines_come_again_leaves_the_file_before_to_go_on_with(written):
    """Of the first write to the next file so many bytes are made: none, a part of the
    line that says so, of the first copy, of a later one."""
    with Node(SPEC, "audit: {file: audit.log}\n") as node:
        assert sign(node).returncode == 0
        wait(lambda: any(x["op"] == "sign" for x in whole_lines(node)))
        failing = Failing(node, 1, written)
        for _ in range(4):
            sign(node)
        failing.done()
        assert node.process.wait(20) != 0
        node.kill()
        assert os.path.getsize(os.path.join(folder(node), "audit.log")) == written
        before = lines(node, "audit.log.1")
        node.launch().wait_for("ready", 2)
        assert sign(node).returncode == 0
        assert node.stop() == 0
        done = verify(node, "audit.log.1", "audit.log")
        assert done.returncode == 0, done.stderr
        first = lines(node)[0]
        assert first["seq"] == before[-1]["seq"] + 1 and first["op"] == "start"
        if written:  # what had come is kept, and said to be no part of it
            kept = os.path.join(folder(node), "audit.log.damaged-1")
            assert os.path.getsize(kept) == written
            assert node.events("audit-damaged")[0]["why"] == first["not_continued"]
