"""Nodes of a cluster, each in a network namespace of its own, as on hosts of
their own: a veth pair each, one bridge, faults by nftables."""
import json
import os
import shutil
import subprocess
import tempfile

from support.node import BUILD, Node

PORT, HTTP = 7600, 7640
SPEC = """version: 1
defaults: {publish_before: 2s, keep_after: 10m}
keys:
  - {name: sig-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: enc-%(name)s, generate: {kty: EC, crv: P-256}, use: enc}
"""


def run(*command, check=True):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=check)


def cli(*args):
    done = run(os.path.join(BUILD, "bin", "vhsm"), *args, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Member(Node):
    """A node of a fleet: as Node, with an address and a namespace."""

    def __init__(self, fleet, index, spec, options="", namesake=None):
        """namesake: on this host, a second node of that name."""
        self.fleet, self.index = fleet, index
        own = "abcdefghijklmnopqrstuvwxyz"[index]
        self.name = namesake or own
        self.address = fleet.address(index)
        self.namespace = fleet.namespace(index)
        folder = os.path.join(fleet.dir, own)
        os.makedirs(folder, exist_ok=True)
        pki = fleet.pki if namesake is None else fleet.issue_again(index, namesake)
        seeds = ", ".join(f'"{fleet.address(i)}:{PORT}"' for i in range(min(fleet.count, 3)))
        config = (
            f"node: {{name: {self.name}}}\n"
            f'http: {{discovery: "{self.address}:{HTTP}"}}\n'
            "limits: {per_principal: 1024}\n"
            f'cluster:\n  listen: "tls+tcp://{self.address}:{PORT}"\n'
            f'  advertise: "{self.address}:{PORT}"\n  seeds: [{seeds}]\n'
            f"  ca: {fleet.pki}/ca.crt\n{fleet.crl_line()}"
            f"  tls: {{cert: {pki}/{self.name}.tls.crt, key: {pki}/{self.name}.tls.key}}\n"
            f"  record: {{cert: {pki}/{self.name}.record.crt, key: {pki}/{self.name}.record.key}}\n"
            f"{options}")
        text = spec(self.name) if callable(spec) else spec % {"name": self.name}
        super().__init__(text, config, folder=folder, http=False,
                         prefix=("ip", "netns", "exec", self.namespace))

    def fetch(self, path="/.well-known/jwks.json"):
        """Body of an HTTP answer, asked for on the node's own host."""
        return run("ip", "netns", "exec", self.namespace, "curl", "-sS", "--max-time", "5",
                   f"http://{self.address}:{HTTP}{path}").stdout

    def published(self):
        body = self.fetch()
        return {key["kid"] for key in json.loads(body)["keys"]} if body.startswith("{") else set()

    def members(self):
        """Rows of cluster status by node name."""
        rows = json.loads(self.ask("--json", "cluster", "status"))["members"]
        return {row["node"]: row for row in rows}

    def states(self):
        return {name: row["state"] for name, row in self.members().items()}

    # --- faults -------------------------------------------------------------

    def nft(self, rule):
        run("ip", "netns", "exec", self.namespace, "nft", "add", "rule", "inet", "vhsm", "in",
            *rule.split())

    def cut_off(self, *others):
        """Drops what comes from others."""
        for other in others:
            self.nft(f"ip saddr {other.address} drop")

    def lose(self, percent):
        self.nft(f"numgen random mod 100 < {percent} drop")

    def heal(self):
        run("ip", "netns", "exec", self.namespace, "nft", "flush", "chain", "inet", "vhsm", "in")


class Fleet:
    """count nodes, not yet started; always taken down.

    spec: a text with %(name)s, or what gives the text for a name."""

    def __init__(self, count, spec=SPEC, options="", crl=False):
        self.count, self.spec, self.options, self.crl = count, spec, options, crl
        self.net = os.getpid() % 250
        self.prefix = f"vhsm{os.getpid()}"
        self.dir = tempfile.mkdtemp(prefix="vhsm-fleet-")
        self.pki = os.path.join(self.dir, "pki")
        self.nodes = []

    def address(self, index):
        return f"10.77.{self.net}.{index + 1}"

    def namespace(self, index):
        return f"{self.prefix}-{index}"

    def crl_line(self):
        return f"  crl: {self.pki}/ca.crl\n" if self.crl else ""

    def __enter__(self):
        try:
            self.connect()
            self.enrol()
            self.nodes = [Member(self, i, self.spec, self.options) for i in range(self.count)]
            return self
        except BaseException:
            self.__exit__()
            raise

    def connect(self):
        switch = f"{self.prefix}-sw"
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "br0", "up")
        for i in range(self.count):
            space = self.namespace(i)
            run("ip", "netns", "add", space)
            run("ip", "-n", switch, "link", "add", f"v{i}", "type", "veth", "peer", "name", "eth0",
                "netns", space)
            run("ip", "-n", switch, "link", "set", f"v{i}", "master", "br0", "up")
            run("ip", "-n", space, "addr", "add", f"{self.address(i)}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", space, "link", "set", "lo", "up")
            for command in ("add table inet vhsm",
                            "add chain inet vhsm in { type filter hook input priority 0 ; }"):
                run("ip", "netns", "exec", space, "nft", *command.split())

    def enrol(self):
        cli("cluster", "init", self.pki)
        for i in range(self.count):
            cli("cluster", "issue", "--ca", self.pki, "--out", self.pki,
                "--san", self.address(i), "abcdefghijklmnopqrstuvwxyz"[i])

    def issue_again(self, index, name):
        """Certificates for a second node of that name; their folder."""
        out = os.path.join(self.dir, f"pki-{index}")
        os.makedirs(out)
        cli("cluster", "issue", "--ca", self.pki, "--out", out, "--san", self.address(index), name)
        return out

    def start(self):
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_for("ready")
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()
        for name in [f"{self.prefix}-sw", *map(self.namespace, range(self.count))]:
            run("ip", "netns", "del", name, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
