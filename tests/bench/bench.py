#!/usr/bin/python3
"""make bench: the daemon against the limit of libcrypto, in one run.

`openssl speed` on all cores and the same algorithm through the daemon take turns,
because a machine may change its speed from one second to the next: what has a bar is
the median of some rounds of a second, each against the limits before and after it.
Then a lone caller's latency beside that of a bare Unix socket, ES256 beside a flood
of RSA-4096, and signatures that another node makes.  Prints tables, and the same as
JSON to build/bench.json.  BENCH="--seconds 5" sets the length of each other measurement,
"--rounds 31" how often they take turns, "--forwarding" leaves all else out;
BENCH="--curves" measures how clients, keys and payload change it instead.
Policy and audit are on.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import curves  # noqa: E402
from pair import Pair  # noqa: E402
from support.node import Node  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
CORES = len(os.sched_getaffinity(0))
SPEC = """version: 1
keys:
  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig, allow: [app]}
  - {name: rsa, generate: {kty: RSA, bits: 2048}, use: sig, allow: [app]}
  - {name: ed, generate: {kty: OKP, crv: Ed25519}, use: sig}
  - {name: rsa-enc, generate: {kty: RSA, bits: 2048}, use: enc}
  - {name: ec-enc, generate: {kty: EC, crv: P-256}, use: enc}
  - {name: big, generate: {kty: RSA, bits: 4096}, use: sig, alg: RS512}
"""
CONFIG = ("limits: {per_principal: 1024}\n"
          f"principals: {{app: {{uids: [{os.getuid()}]}}}}\n"
          "audit: {file: audit.log, detail: each}\n")
# JOSE alg, argument of openssl speed, its key, column of private operations.
LIMITS = [
    ("RS256", "rsa2048", "rsa", 0),
    ("ES256", "ecdsap256", "ecdsa", 0),
    ("EdDSA", "ed25519", "eddsa", 0),
    ("RSA-OAEP-256", "rsa2048", "rsa", 0),
    ("ECDH-ES", "ecdhp256", "ecdh", 0),
]
FORWARD_BARS = {"RS256": 1.5, "ES256": 4.0}  # CPU of both nodes, to a local signature
BARS = {"RS256": 0.85, "ES256": 0.45, "EdDSA": 0.45}
PACKED_BARS = {"ES256": 0.80, "EdDSA": 0.80}  # 4 clients, 64 requests a message


def openssl_speed(algorithm, seconds, processes):
    # By the clock, as the node's are counted, not by the processor time used.
    out = subprocess.run(["openssl", "speed", "-mr", "-elapsed", "-seconds", str(seconds),
                          "-multi", str(processes), algorithm],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         stdin=subprocess.DEVNULL, text=True, check=True).stdout
    # The summary lines: +F2 (RSA), +F4 (ECDSA), +F5 (ECDH), +F6 (EdDSA).
    for line in out.splitlines():
        part = line.split(":")
        if part[0] in ("+F2", "+F4", "+F5", "+F6"):
            value = float(part[4] if part[0] == "+F6" else part[3])
            return value if value > 1 else 1 / value
    raise SystemExit(f"openssl speed {algorithm}: no result in {out!r}")


def bench(node, alg, clients, seconds, batch=1, extra=()):
    out = node.cli("--json", "bench", "--alg", alg, "--clients", str(clients), "--batch",
                   str(batch), "--seconds", str(seconds), *extra).stdout
    return json.loads(out)


def rounds_of(node, alg, name, clients, seconds, rounds, extra):
    """The round with the median ratio, and the ratios of all."""
    rows, before = [], openssl_speed(name, seconds, CORES)
    for _ in range(rounds):
        r = bench(node, alg, clients, seconds, extra=extra)
        after = openssl_speed(name, seconds, CORES)
        limit = (before + after) / 2
        rows.append({**r, "limit": limit, "ratio": r["ops_per_second"] / limit})
        before = after
    rows.sort(key=lambda r: r["ratio"])
    return {**rows[len(rows) // 2], "ratios": [r["ratio"] for r in rows],
            "errors": sum(r["errors"] for r in rows)}


def throughput(node, seconds, rounds):
    rows = []
    for alg, name, _, _ in LIMITS:
        kinds = [(clients, (), BARS.get(alg) if clients == 64 else None)
                 for clients in (1, 16, 64)]
        if alg in PACKED_BARS:
            kinds.append((4, ("--pack", "64"), PACKED_BARS[alg]))
        for clients, extra, bar in kinds:
            row = rounds_of(node, alg, name, clients, *((seconds, 1) if bar is None else (1, rounds)),
                            extra)
            rows.append({**row, "bar": bar})
    return rows


def lone_caller(node, seconds):
    echo = subprocess.run([os.path.join(BUILD, "test", "echo")], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, check=True).stdout.split()
    own = 1e6 / openssl_speed("ecdsap256", seconds, 1)
    r = bench(node, "ES256", 1, seconds)
    return {"echo_us": float(echo[0]), "own_process_us": own, "daemon_p50_us": r["p50_us"],
            "bar_us": 2 * own + float(echo[0])}


def flood(node, seconds):
    quiet = bench(node, "ES256", 1, seconds)
    noise = subprocess.Popen([os.path.join(BUILD, "bin", "vhsm"), "-s", node.url, "--json",
                              "bench", "--alg", "RS512", "--clients", "64", "--batch", "1",
                              "--seconds", str(seconds + 4), "--name", "big"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        loud = bench(node, "ES256", 1, seconds)
    finally:
        noise.wait()
    return {"quiet": quiet, "flooded": loud,
            "p99_ratio": loud["p99_us"] / max(quiet["p99_us"], 0.001),
            "p999_ratio": loud["p999_us"] / max(quiet["p999_us"], 0.001)}


def forwarding(seconds):
    """The same key type at the own node and at the other one."""
    rows = []
    with Pair() as pair:
        for alg, key in (("RS256", "rsa"), ("ES256", "ec")):
            for clients in (1, 16):
                row = {"alg": alg, "clients": clients}
                for where, name in (("local", f"{key}-a"), ("forwarded", f"{key}-b")):
                    before = pair.cpu()
                    r = bench(pair.nodes[0], alg, clients, seconds, extra=("--name", name))
                    r["cpu_us"] = 1e6 * (pair.cpu() - before) / (r["ops_per_second"] * seconds)
                    row[where] = r
                row["cpu_ratio"] = row["forwarded"]["cpu_us"] / row["local"]["cpu_us"]
                rows.append(row)
    return rows


def print_local(rows, lone, flooded):
    print(f"\n{CORES} cores, limit: openssl speed -multi {CORES}\n")
    print(f"{'alg':14} {'clients':>7} {'pack':>4} {'ops/s':>9} {'limit':>9} {'ratio':>6} {'bar':>5}"
          f" {'p50 us':>9} {'p99 us':>9} {'p99.9 us':>9} {'errors':>6}  ratios")
    for r in rows:
        bar = "" if r["bar"] is None else f"{r['bar']:.2f}"
        print(f"{r['alg']:14} {r['clients']:7} {r['pack']:4} {r['ops_per_second']:9.0f} {r['limit']:9.0f}"
              f" {r['ratio']:6.2f} {bar:>5} {r['p50_us']:9.1f} {r['p99_us']:9.1f}"
              f" {r['p999_us']:9.1f} {r['errors']:6}  {r['ratios'][0]:.2f} to {r['ratios'][-1]:.2f}")
    print(f"\nlone caller, ES256: {lone['daemon_p50_us']:.1f} us through the daemon, "
          f"{lone['own_process_us']:.1f} us in its own process, "
          f"{lone['echo_us']:.1f} us for a bare round trip (bar {lone['bar_us']:.1f} us)")
    print(f"ES256 beside 64 clients of RSA-4096: p99 {flooded['flooded']['p99_us']:.1f} us, "
          f"{flooded['p99_ratio']:.1f} times its quiet value; "
          f"p99.9 {flooded['p999_ratio']:.1f} times (bar 3.0)")


def print_forwarding(rows):
    print(f"\n{'forwarding':10} {'clients':>7} {'local/s':>9} {'forw./s':>9} {'p50 us':>9}"
          f" {'p99 us':>9} {'CPU us':>7} {'local':>7} {'ratio':>6}  bar")
    for r in rows:
        f, own = r["forwarded"], r["local"]
        print(f"{r['alg']:10} {r['clients']:7} {own['ops_per_second']:9.0f}"
              f" {f['ops_per_second']:9.0f} {f['p50_us']:9.1f} {f['p99_us']:9.1f}"
              f" {f['cpu_us']:7.1f} {own['cpu_us']:7.1f} {r['cpu_ratio']:6.2f}"
              f"  {FORWARD_BARS[r['alg']]}")


def save(name, result):
    with open(os.path.join(BUILD, name), "w") as f:
        json.dump(result, f, indent=2)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--forwarding", action="store_true", help="nothing else")
    options.add_argument("--curves", action="store_true", help="those instead")
    options.add_argument("--only", choices=curves.CURVES, help="one of them")
    given = options.parse_args()
    if given.curves:
        found = curves.run(bench, lambda: openssl_speed("ecdsap256", 1, CORES), given.seconds,
                           given.only)
        curves.show(found)
        save("curves.json", found)
        return
    result = {"cores": CORES}
    if not given.forwarding:
        with tempfile.TemporaryDirectory() as folder, Node(SPEC, CONFIG, folder=folder) as node:
            result["throughput"] = throughput(node, given.seconds, given.rounds)
            result["lone_caller"] = lone_caller(node, given.seconds)
            result["flood"] = flood(node, given.seconds)
    result["forwarding"] = forwarding(given.seconds)
    if not given.forwarding:
        print_local(result["throughput"], result["lone_caller"], result["flood"])
    print_forwarding(result["forwarding"])
    save("bench.json", result)


main()
