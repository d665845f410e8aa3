"""As many connections as the configuration says, or as the machine lets there be."""
import json
import os
import subprocess

from support.node import BUILD, Node

SPEC = "version: 1\nkeys:\n  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}\n"
LIMITS = "limits: {connections: %d, per_principal: 8192, queue: 8192}\n"


def with_files(count):
    """Runs with so many descriptors, and none can be had above."""
    command = ["prlimit", f"--nofile={count}:{count}"]
    if os.geteuid() == 0:
        command += ["setpriv", "--bounding-set=-sys_resource"]
    return command


def bench(node, clients):
    return node.cli("bench", "--json", "--alg", "ES256", "--clients", str(clients),
                    "--batch", "1", "--seconds", "1")


def test_all_connections_of_the_configuration_are_served_where_descriptors_suffice():
    # 2,048 callers, 256 of HTTP, 256 besides; seven eighths may be one user's.
    with Node(SPEC, LIMITS % 2048, prefix=with_files(2560)) as node:
        assert node.events("few-descriptors") == []
        result = json.loads(bench(node, 2048 * 7 // 8).stdout)
        assert result["errors"] == 0 and result["ops_per_second"] > 0
        assert json.loads(node.ask("status", "--json"))["limits"]["connections"] == 2048


def test_with_too_few_descriptors_the_start_says_so_and_what_is_left():
    with Node(SPEC, LIMITS % 2048, prefix=with_files(1024)) as node:
        line, = node.events("few-descriptors")
        assert line["have"] == "1024" and line["need"] == "2560"
        assert line["connections"] == "512" and line["configured"] == "2048"
        assert "ulimit -n" in line["raise"]
        assert json.loads(node.ask("status", "--json"))["limits"]["connections"] == 512
        assert json.loads(bench(node, 512 * 7 // 8).stdout)["errors"] == 0
        assert bench(node, 512).returncode != 0


def test_bench_says_when_it_has_too_few_descriptors_itself():
    command = [*with_files(100), os.path.join(BUILD, "bin", "vhsm"), "bench", "--alg", "ES256",
               "--clients", "1000"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2 and "ulimit -n" in done.stderr
