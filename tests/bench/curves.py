"""How the daemon takes growth: clients, keys, payload.  `make bench BENCH=--curves`.

Every point is ES256 with policy and audit on, and `openssl speed` before and
after it: the machine may be slower for one point than for the next.
"""
import os
import tempfile
import time

from support.node import Node

CLIENTS = (1, 4, 16, 64, 256, 1000, 4000, 10000)
KEYS = (10, 100, 1000, 10000, 100000)
PAYLOADS = (64, 1024, 16 << 10, 128 << 10, 1 << 20)
NAME = "limits: {per_principal: 16384, connections: 16384, queue: 16384}\n" \
       f"principals: {{app: {{uids: [{os.getuid()}]}}}}\n" \
       "audit: {file: audit.log, detail: each}\n"


def spec(count):
    return ("version: 1\nkeys:\n  - {generate: {kty: EC, crv: P-256}, use: sig, "
            f"allow: [app], count: {count}}}\n")


def wait_until_ready(node):
    """Looks at the end of the log alone: a line for each key would take our time."""
    while node.process.poll() is None:
        with open(node.log_file, "rb") as log:
            log.seek(max(0, os.path.getsize(node.log_file) - 4096))
            if b"event=ready " in log.read():
                return
        time.sleep(0.1)
    raise SystemExit("the node ended:\n" + node.log()[-4096:])


def resident(node):
    """KiB of all processes of a node: {name: KiB}."""
    sizes = {}
    for name, pid in node.pids().items():
        with open(f"/proc/{pid}/status") as f:
            lines = dict(line.split(":", 1) for line in f if ":" in line)
        sizes[name] = int(lines["VmRSS"].split()[0])
    return sizes


def point(measure, limit):
    before = limit()
    row = measure()
    return {**row, "ratio": row["ops_per_second"] / ((before + limit()) / 2)}


def by_clients(bench, limit, seconds):
    rows = []
    with tempfile.TemporaryDirectory() as folder, Node(spec(4), NAME, folder=folder) as node:
        for clients in CLIENTS:
            row = point(lambda: bench(node, "ES256", clients, seconds), limit)
            rows.append({"clients": clients, **row})
    return rows


def by_payload(bench, limit, seconds):
    rows = []
    with tempfile.TemporaryDirectory() as folder, Node(spec(4), NAME, folder=folder) as node:
        for size in PAYLOADS:
            row = point(lambda: bench(node, "ES256", 16, seconds,
                                      extra=("--payload", str(size))), limit)
            rows.append({"payload": size, **row})
    return rows


def by_keys(bench, limit, seconds):
    rows = []
    for count in KEYS:
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            node = Node(spec(count), NAME, folder=folder)
            try:
                node.launch()
                wait_until_ready(node)
                took = time.monotonic() - start
                row = point(lambda: bench(node, "ES256", 16, seconds), limit)
                rows.append({"keys": count, "start_s": took, "resident": resident(node), **row})
            finally:
                node.kill()
    return rows


CURVES = {"clients": by_clients, "payload": by_payload, "keys": by_keys}


def run(bench, limit, seconds, only):
    return {name: curve(bench, limit, seconds) for name, curve in CURVES.items()
            if only in (None, name)}


def show(curves):
    for what, rows in curves.items():
        print(f"\n{what:>9} {'ops/s':>8} {'ratio':>6} {'p50 us':>9} {'p99 us':>9} {'errors':>6}")
        for r in rows:
            more = ""
            if what == "keys":
                vault, front = (r["resident"][p] for p in ("vhsmd-vault", "vhsmd-front"))
                more = (f"  start {r['start_s']:.2f} s, vault {vault / 1024:.0f} MiB, "
                        f"front {front / 1024:.0f} MiB")
            print(f"{r[what]:9} {r['ops_per_second']:8.0f} {r['ratio']:6.2f} {r['p50_us']:9.0f}"
                  f" {r['p99_us']:9.0f} {r['errors']:6}{more}")
