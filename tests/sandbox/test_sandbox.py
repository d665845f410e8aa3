"""Invariant 3: each forbidden system call ends the real running process that makes
it, after an allowed one has passed there.

A helper traces a thread of the process and sends it through one system call with
arguments that do no harm where the call is allowed.
"""
import glob
import os
import platform
import subprocess
import time

import pytest

from support.node import BUILD, Node, process_name
from support.waiting import wait

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="traces other processes: needs root"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="registers of x86-64 only"),
]

SPEC = "version: 1\nkeys:\n  - {generate: {kty: EC, crv: P-256}, use: sig}\n"
NONE = str(2**64 - 1)  # a descriptor nobody has

# In a control process each of these returns.
FORBIDDEN = {
    "openat": (NONE, "@/etc/passwd", "0"),
    "open": ("@/etc/passwd", "0"),
    "newfstatat": (NONE, "@x", "0", "0"),
    "unlinkat": (NONE, "@x", "0"),
    "socket": (NONE, "0", "0"),
    "connect": (NONE, "0", "0"),
    "bind": (NONE, "0", "0"),
    "execve": ("@/nowhere", "0", "0"),
    "execveat": (NONE, "@x", "0", "0", "0"),
    "clone": ("0x10000", "0", "0", "0", "0"),  # CLONE_THREAD alone: EINVAL
    "clone3": ("0", "0"),
    "ptrace": (NONE, "0", "0", "0"),
    "process_vm_readv": ("0", "0", "0", "0", "0", "1"),
    "process_vm_writev": ("0", "0", "0", "0", "0", "1"),
    "pidfd_getfd": (NONE, "0", "1"),
    "kill": ("0x7fffffff", "0"),
    "mmap": ("0", "0", "5", "0x22", NONE, "0"),  # to execute, of no size
    "mprotect": ("0", "0", "5"),
    "prctl": ("4", "1"),  # PR_SET_DUMPABLE
    "memfd_create": ("0", "0"),
    "setresuid": (NONE, NONE, NONE),
    "ioctl": (NONE, "0", "0"),
    "bpf": ("999", "0", "0"),
    "io_uring_setup": ("0", "0"),
    # What would change lines of the audit trail that were written.
    "ftruncate": (NONE, "0"),
    "fallocate": (NONE, "0", "0", "1"),
    "pwrite64": (NONE, "0", "0", "0"),
    "renameat2": (NONE, "@x", NONE, "@y", "0"),
    "fsync": (NONE,),
}
# In the vault alone: front accepts, and looks at flags of descriptors.  F_SETFL
# without O_APPEND would let it write over the audit trail.
NOT_FOR_KEYS = {"accept4": (NONE, "0", "0", "0"), "fcntl": (NONE, "4", "0"),
                # Of its own thread.
                "sched_setaffinity": ("0", "0", "0"), "sched_setattr": ("0", "0", "0")}
# Of the vault alone, which has the audit trail on the disk and workers that give way.
FOR_KEYS = {"fdatasync": (NONE,), "timer_settime": (NONE, "0", "0", "0")}
# What even the supervisor never does.
NEVER = {
    "ptrace": (NONE, "0", "0", "0"),
    "process_vm_readv": ("0", "0", "0", "0", "0", "1"),
    "process_vm_writev": ("0", "0", "0", "0", "0", "1"),
    "pidfd_getfd": (NONE, "0", "1"),
    "bpf": ("999", "0", "0"),
    "io_uring_setup": ("0", "0"),
    "mount": ("0", "0", "0", "0", "0"),
    "unshare": ("0",),
    "init_module": ("0", "0", "0"),
    "keyctl": ("9999",),
    "personality": ("0xffffffff",),
}
ALLOWED = {"getpid": (), "clock_gettime": ("1", "0")}


@pytest.fixture(scope="module")
def inject(tmp_path_factory):
    """Runs one call in a thread: what the helper printed."""
    program = os.path.join(BUILD, "test", "inject")
    if not os.path.exists(program):
        program = tmp_path_factory.mktemp("inject") / "inject"
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inject.c")
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, source], check=True)

    def run(tid, call, args):
        done = subprocess.run([program, str(tid), call, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def node():
    with Node(SPEC) as started:
        yield started


def threads(pid):
    return sorted(int(t) for t in os.listdir(f"/proc/{pid}/task"))


def wait_gone(pid, name, seconds=10):
    until = time.monotonic() + seconds
    while process_name(pid) == name and time.monotonic() < until:
        time.sleep(0.02)
    return process_name(pid) != name


def every_allowed_call_passes(inject, pid):
    for tid in threads(pid):
        assert inject(tid, "getpid", ()) == f"returned {pid}"
        # 0 or EFAULT, for want of an address: not a death.
        assert inject(tid, "clock_gettime", ("1", "0")).startswith("returned")


def test_a_call_that_is_allowed_returns_and_the_thread_goes_on(inject):
    """The control: without a sandbox nothing dies of any of these calls."""
    control = subprocess.Popen(["sleep", "600"])
    try:
        for call, args in {**FORBIDDEN, **NOT_FOR_KEYS, **FOR_KEYS, **NEVER, **ALLOWED}.items():
            assert inject(control.pid, call, args).startswith("returned"), call
        assert control.poll() is None
    finally:
        control.kill()
        control.wait()


@pytest.mark.crashes
@pytest.mark.parametrize("call", [*FORBIDDEN, *NOT_FOR_KEYS])
def test_the_vault_dies_of(inject, node, call):
    pid = node.pids()["vhsmd-vault"]
    every_allowed_call_passes(inject, pid)
    assert node.ask("sign", input=b"after") != b""
    args = {**FORBIDDEN, **NOT_FOR_KEYS}[call]
    assert inject(pid, call, args) == "died SIGSYS"
    assert node.process.wait(30) == 1
    assert node.events("vault-died")[0]["signal"] == "SYS"


def test_the_vault_may_synchronise_the_audit_trail():
    with Node(SPEC, "audit: {file: audit.log}\n") as node:
        assert node.ask("sign", input=b"x")
        # Once a second, with the filter on: it would have died.
        wait_for_bytes(os.path.join(node.dir, "state", "audit.log"), b'"op":"sign"')
        assert node.stop() == 0


def wait_for_bytes(path, text, seconds=20):
    until = time.monotonic() + seconds
    while True:
        with open(path, "rb") as f:
            if text in f.read():
                return
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("call", FOR_KEYS)
def test_the_vault_goes_on_after(inject, node, call):
    for tid in threads(node.pids()["vhsmd-vault"]):
        assert inject(tid, call, FOR_KEYS[call]).startswith("returned")
    assert node.ask("sign", input=b"after") != b""


@pytest.mark.crashes
@pytest.mark.parametrize("call", [*FORBIDDEN, *FOR_KEYS])
def test_front_dies_of(inject, node, call):
    pid = node.pids()["vhsmd-front"]
    every_allowed_call_passes(inject, pid)
    for allowed, args in NOT_FOR_KEYS.items():
        assert inject(pid, allowed, args).startswith("returned")
    assert node.ask("sign", input=b"after") != b""
    assert inject(pid, call, {**FORBIDDEN, **FOR_KEYS}[call]) == "died SIGSYS"
    node.wait_for("front-restarted")
    assert node.events("front-died")[0]["signal"] == "SYS"


@pytest.mark.crashes
@pytest.mark.parametrize("call", ["sched_setaffinity", "sched_setattr"])
def test_front_changes_no_other_thread(inject, node, call):
    pid = node.pids()["vhsmd-front"]
    assert inject(pid, call, ("0x7fffffff", "0", "0")) == "died SIGSYS"


@pytest.mark.crashes
@pytest.mark.parametrize("call", NEVER)
def test_the_supervisor_dies_of(inject, node, call):
    pids = node.pids()
    every_allowed_call_passes(inject, pids["vhsmd"])
    assert inject(pids["vhsmd"], "openat", FORBIDDEN["openat"]).startswith("returned")
    assert inject(pids["vhsmd"], call, NEVER[call]) == "died SIGSYS"
    for name in ("vhsmd-vault", "vhsmd-front"):
        assert wait_gone(pids[name], name), f"{name} outlived its supervisor"


@pytest.mark.crashes
@pytest.mark.parametrize("name", ["vhsmd-vault", "vhsmd-front"])
def test_every_thread_is_inside(inject, name):
    count = index = 1
    while index <= count:
        with Node(SPEC) as node:
            tids = threads(node.pids()[name])
            count = len(tids)
            # No text: a worker's stack is secret memory.
            died = inject(tids[index - 1], "socket", FORBIDDEN["socket"])
            assert died == "died SIGSYS", f"thread {index} of {count}"
        index += 1


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@pytest.mark.skipif(not 2 <= len(os.sched_getaffinity(0)) <= 4,
                    reason="front keeps to one of two to four processors")
def test_front_keeps_to_one_processor_while_many_ask_and_not_longer(node):
    front = node.pids()["vhsmd-front"]
    before = os.sched_getaffinity(front)
    vhsm = [os.path.join(BUILD, "bin", "vhsm"), "-s", node.url]
    crowd = subprocess.Popen([*vhsm, "bench", "--alg", "ES256", "--clients", "64", "--seconds", "60"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait(lambda: len(os.sched_getaffinity(front)) == 1)
    finally:
        crowd.kill()
        crowd.wait()
    wait(lambda: os.sched_getaffinity(front) == before)
    assert node.ask("sign", input=b"after")


def test_children_are_other_users_without_groups_or_capabilities(node):
    users = set()
    for name, pid in node.pids().items():
        facts = status(pid)
        assert facts["NoNewPrivs"].strip() == "1", name
        assert facts["Seccomp"].strip() == "2", name
        if name == "vhsmd":
            continue
        ids = set(facts["Uid"].split()) | set(facts["Gid"].split())
        assert len(ids) == 1 and "0" not in ids, name
        users |= ids
        assert facts["Groups"].strip() == "", name
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(facts[capabilities], 16) == 0, name
    assert len(users) == 2
    assert node.events("ready")[0]["separation"] == "full"


def test_no_process_can_be_dumped_or_leaves_a_core(node):
    for name, pid in node.pids().items():
        with open(f"/proc/{pid}/limits") as f:
            core = [line.split() for line in f if line.startswith("Max core")][0]
        assert core[4:6] == ["0", "0"], name
        # A process that is not dumpable belongs to root in /proc.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, name


def test_children_hold_no_descriptor_but_what_they_were_given(node):
    held = {}
    for name, pid in node.pids().items():
        held[name] = [os.readlink(link) for link in glob.glob(f"/proc/{pid}/fd/*")]
    for name in ("vhsmd-vault", "vhsmd-front"):
        assert "/dev/null" in held[name]
        for target in held[name]:
            assert target.startswith(("socket:", "anon_inode:", "/dev/null")) or \
                target == node.log_file, (name, target)


def test_children_have_no_environment_of_ours(inject):
    with Node(SPEC, env={"SECRET_OF_THE_CALLER": "x"}) as node:
        for name in ("vhsmd-vault", "vhsmd-front"):
            with open(f"/proc/{node.pids()[name]}/environ", "rb") as f:
                names = {entry.partition(b"=")[0] for entry in f.read().split(b"\0") if entry}
            assert names <= {b"VHSM_LOG", b"ASAN_OPTIONS", b"UBSAN_OPTIONS", b"TSAN_OPTIONS",
                             b"LSAN_OPTIONS"}, name


def test_a_node_of_an_ordinary_user_runs_with_less_separation():
    node = Node(SPEC, prefix=("setpriv", "--reuid=61740", "--regid=61740", "--clear-groups"))
    for path in (node.dir, os.path.join(node.dir, "keyspec.yaml")):
        os.chown(path, 61740, 61740)
    with node:
        ready = node.events("ready")[0]
        assert (ready["separation"], ready["keys"]) == ("reduced", "1")
        for name in ("vhsmd-vault", "vhsmd-front"):
            facts = status(node.pids()[name])
            assert set(facts["Uid"].split()) == {"61740"}, name
            assert facts["Seccomp"].strip() == "2", name
        assert node.stop() == 0
