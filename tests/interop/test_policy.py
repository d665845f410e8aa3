"""What principals may ask for and what keys may do: each refusal and its allowed twin."""
import os
import time
import urllib.request

import pytest

from support.node import Node

UID = os.getuid()
RATE = 5
CONFIG = f"principals: {{app: {{uids: [{UID}], rate: {RATE}}}, other: {{uids: [4242], rate: 1}}}}\n"


def metric(node, name):
    text = urllib.request.urlopen(f"http://{node.http}/metrics").read().decode()
    return int(next(line for line in text.splitlines() if line.startswith(name)).split()[-1])


def refusals(node, reason, expected=None):
    """How many were refused for that; waits for a number, since metrics may be a second old."""
    name = f'vhsmd_policy_refusals_total{{reason="{reason}"}}'
    until = time.monotonic() + 5
    while expected is not None and metric(node, name) != expected and time.monotonic() < until:
        time.sleep(0.2)
    return metric(node, name)


def run(node, *args, payload=b"payload"):
    """Status, standard output and the error line of one call."""
    done = node.cli(*args, input=payload)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def limited():
    with Node(None, config=CONFIG) as node:
        yield node


def many(node, count):
    """The answers of that many requests to sign in one message, in order."""
    done = node.cli("sign", "--lines", "--alg", "ES256", input=b"aGk\n" * count)
    return done, (done.stdout + done.stderr).decode()


def test_a_name_has_its_rate_and_no_more(limited):
    time.sleep(1.1)
    before = refusals(limited, "rate")
    done, said = many(limited, RATE + 3)
    assert done.returncode != 0 and "rate of app: 5 a second" in said, said
    assert done.stdout.count(b".") // 2 == RATE, said
    assert refusals(limited, "rate", before + 3) == before + 3


def test_what_uses_no_key_is_not_limited(limited):
    for _ in range(RATE * 2):
        limited.ask("status")
        limited.ask("keys")


def test_operators_have_no_limits(limited):
    for _ in range(RATE * 2):
        limited.ask("sign", "--alg", "ES256", input=b"x", url=limited.operator)


def test_a_second_later_there_is_room_again(limited):
    time.sleep(1.1)
    assert run(limited, "sign", "--alg", "ES256")[0] == 0


def test_a_name_has_its_requests_at_once_and_no_more():
    config = f"principals: {{app: {{uids: [{UID}], in_flight: 2}}, free: {{uids: [{UID}]}}}}\n"
    with Node(None, config=config) as node:
        assert many(node, 2)[0].returncode == 0
        before = refusals(node, "in_flight")
        done, said = many(node, 8)
        assert "in_flight of app: 2 at once" in said, said
        assert done.stdout.count(b".") // 2 == 2
        assert refusals(node, "in_flight", before + 6) == before + 6
        assert many(node, 2)[0].returncode == 0


def test_who_has_no_limited_name_has_no_limits():
    config = "principals: {app: {uids: [4242], rate: 1, in_flight: 1}}\n"
    with Node(None, config=config) as node:
        assert many(node, 40)[0].returncode == 0
