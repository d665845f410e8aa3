"""Two nodes on loopback, for measuring what forwarding costs."""
import os
import socket
import subprocess
import tempfile
import time

from support.node import BUILD, Node

SPEC = """version: 1
defaults: {publish_before: 1s}
keys:
  - {name: ec-%(name)s, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: rsa-%(name)s, generate: {kty: RSA, bits: 2048}, use: sig}
"""
TICK = os.sysconf("SC_CLK_TCK")


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def cli(*args):
    subprocess.run([os.path.join(BUILD, "bin", "vhsm"), *args], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, check=True)


class Pair:
    """Nodes a and b; every key active at both."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        pki = os.path.join(self.folder.name, "pki")
        cli("cluster", "init", pki)
        ports = free_ports(2)
        seeds = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        self.nodes = []
        for name, port in zip("ab", ports):
            cli("cluster", "issue", "--ca", pki, "--out", pki, "--dev", name)
            folder = os.path.join(self.folder.name, name)
            os.mkdir(folder)
            config = (f"node: {{name: {name}}}\nlimits: {{per_principal: 1024}}\ncluster:\n"
                      f'  listen: "tls+tcp://127.0.0.1:{port}"\n'
                      f'  advertise: "127.0.0.1:{port}"\n  seeds: [{seeds}]\n  ca: {pki}/ca.crt\n'
                      f"  tls: {{cert: {pki}/{name}.tls.crt, key: {pki}/{name}.tls.key}}\n"
                      f"  record: {{cert: {pki}/{name}.record.crt, key: {pki}/{name}.record.key}}\n")
            self.nodes.append(Node(SPEC % {"name": name}, config, folder=folder).start())
        self.wait()
        return self

    def wait(self):
        a = self.nodes[0]
        for _ in range(300):
            if all(a.cli("sign", "--name", f"ec-{n}", input=b"x").returncode == 0 for n in "ab"):
                return
            time.sleep(0.1)
        raise SystemExit("the two nodes did not find each other:\n" + a.log())

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()
        self.folder.cleanup()

    def cpu(self):
        """CPU seconds that all processes of both nodes have used."""
        ticks = 0
        for node in self.nodes:
            for pid in node.pids().values():
                with open(f"/proc/{pid}/stat") as f:
                    part = f.read().rpartition(")")[2].split()
                ticks += int(part[11]) + int(part[12])
        return ticks / TICK
