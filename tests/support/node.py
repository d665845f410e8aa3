"""A vhsmd node for tests: started in a folder of its own, always ended.

    with Node(SPEC) as node:
        token = node.cli("sign", "--alg", "ES256", input=b"text").stdout

The binaries come from VHSM_BUILD (default: build), or from bin_dir.
"""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from support import faults

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("VHSM_BUILD") or os.environ.get("BUILD") or "build")
PR_SET_PDEATHSIG = 1
READY_SECONDS = 60
LIBC = ctypes.CDLL(None)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def fields(line):
    """The fields of a logfmt line."""
    found = re.findall(r'([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|\S*)', line)
    return {key: value[1:-1] if value.startswith('"') else value for key, value in found}


def process_name(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return None


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as f:
                # The name, in parentheses, may hold anything.
                if int(f.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry))
        except (OSError, IndexError, ValueError):
            continue
    return found


class Node:
    """spec and config are YAML texts; without a spec the node makes its default keys.

    folder: where everything goes (kept), else one of its own (removed).  env: added
    to the daemon's environment.  args: further arguments of vhsmd.  http: whether
    it serves HTTP.  prefix: a command to run vhsmd under.
    """
    started = set()  # and not yet ended: conftest.py looks into their logs

    def __init__(self, spec=None, config=None, folder=None, env=None, bin_dir=None,
                 args=(), http=True, prefix=()):
        self.own_folder = folder is None
        self.dir = str(folder or tempfile.mkdtemp(prefix="vhsm-"))
        self.bin = str(bin_dir or os.path.join(BUILD, "bin"))
        self.url = f"ipc://{self.dir}/vhsm.sock"
        self.operator = f"ipc://{self.dir}/op.sock"
        self.log_file = os.path.join(self.dir, "log")
        self.env = faults.environment({**os.environ, **(env or {})})
        self.process = None
        self.http = None  # ADDR:PORT, once ready
        self.scheme = "http"
        self.command = [*prefix, os.path.join(self.bin, "vhsmd"), "--listen", self.url,
                        "--operator", self.operator, "--state", os.path.join(self.dir, "state")]
        if http:
            self.command += ["--http", "127.0.0.1:0"]
        if spec is not None:
            self.command += ["--keyspec", self.write("keyspec.yaml", spec)]
        if config is not None:
            self.command += ["--config", self.write("vhsmd.yaml", config)]
        self.command += args

    def write(self, name, content):
        """Makes a file in the node's folder, for its owner alone; its path."""
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(data)
        return path

    # --- life -------------------------------------------------------------

    def launch(self):
        """Starts the daemon and does not wait."""
        Node.started.add(self)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.env, cwd=self.dir,
                                            preexec_fn=die_with_parent)
        return self

    def start(self):
        """Starts the daemon and waits until it says that it is ready."""
        self.launch()
        ready = self.wait_for("ready")
        self.http = ready.get("http") or None
        return self

    def wait_for(self, event, count=1, seconds=READY_SECONDS):
        """Fields of the count-th line of that event; fails when the daemon ends first."""
        until = time.monotonic() + seconds
        while True:
            ended = self.process.poll()
            lines = self.events(event)
            if len(lines) >= count:
                return lines[count - 1]
            if ended is not None:
                raise AssertionError(f"vhsmd ended with {ended}:\n{self.log()}")
            if time.monotonic() > until:
                raise AssertionError(f"no event={event} within {seconds} s:\n{self.log()}")
            time.sleep(0.02)

    def stop(self, seconds=30):
        """SIGTERM, waits; the exit status."""
        self.process.terminate()
        return self.process.wait(seconds)

    def kill(self):
        """Ends it and its children whatever state they are in."""
        if self.process is None:
            return
        Node.started.discard(self)
        faults.ended("vhsmd", self.process.poll())
        orphans = {pid: process_name(pid) for pid in children(self.process.pid)}
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pid, name in orphans.items():
            if name is not None and process_name(pid) == name:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        faults.look(self.log_file)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.kill()
        if self.own_folder:
            shutil.rmtree(self.dir, ignore_errors=True)

    # --- what it says -------------------------------------------------------

    def log(self):
        try:
            with open(self.log_file, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def events(self, event):
        """Fields of every whole log line of that event, oldest first."""
        whole = self.log().rpartition("\n")[0]
        found = [fields(line) for line in whole.split("\n") if f"event={event}" in line]
        return [line for line in found if line.get("event") == event]

    def log_between(self, since, until):
        """Its lines of that time, given in seconds since 1970."""
        def stamp(seconds):
            whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
            return f"time={whole}.{int(seconds % 1 * 1000):03}Z"
        return [line for line in self.log().split("\n") if stamp(since) <= line < stamp(until)]

    def pids(self):
        """Process ids by name: vhsmd, vhsmd-vault, vhsmd-front."""
        found = {process_name(self.process.pid): self.process.pid}
        found.update((process_name(pid), pid) for pid in children(self.process.pid))
        found.pop(None, None)
        return found

    # --- asking it ----------------------------------------------------------

    def cli(self, *args, input=b"", url=None, check=False, timeout=120):
        """Runs vhsm; the completed process, its outputs as bytes."""
        command = [os.path.join(BUILD, "bin", "vhsm"), "-s", url or self.url, *args]
        done = subprocess.run(command, input=input, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(args)}: {done.stderr.decode(errors='replace')}")
        return done

    def ask(self, *args, input=b"", url=None):
        """What vhsm prints; fails when vhsm does."""
        return self.cli(*args, input=input, url=url, check=True).stdout
