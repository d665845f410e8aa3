"""The whole life of keys on one node: published, active, retired, gone."""
import json
import os
import signal
import threading
import time
import urllib.request

import pytest

from keylife.life import (STAYS, STAYS_ENC, TWO_SECONDS, fetch, kid_of, kids, operate, sign,
                          states, verify)
from support.node import Node
from support.waiting import wait


def test_tokens_verify_with_every_jwks_fetched_until_keep_after():
    with Node(TWO_SECONDS) as node:
        made, sets, stop, failures = [], [], threading.Event(), []

        def make():
            while not stop.is_set():
                try:
                    token = sign(node)
                    made.append((time.monotonic(), token))
                except AssertionError as e:
                    failures.append(str(e))

        def look():
            while not stop.is_set():
                before = time.monotonic()
                sets.append((before, fetch(node)))
                time.sleep(0.1)

        threads = [threading.Thread(target=make), threading.Thread(target=look)]
        for t in threads:
            t.start()
        time.sleep(12)
        stop.set()
        for t in threads:
            t.join()
        assert not failures
        used = {kid_of(token) for _, token in made}
        assert len(used) >= 4, "it did rotate"
        checked = 0
        for at, token in made:
            for when, keys in sets:
                if at + 0.2 < when < at + 5.5:  # keep_after is 6 s
                    assert kid_of(token) in {key["kid"] for key in keys}, (when - at, kid_of(token))
                    checked += 1
        assert checked > 100
        verify(made[-1][1], sets[-1][1])
        # Bounded: one active, one to come, those of eight seconds.
        assert len(states(node)) <= 7
        status = json.loads(node.ask("status", "--json"))["life"]
        assert status["rotations"] >= 4 and status["rotations_failed"] == 0
        assert status["active"] == 1
        assert 0 <= status["next_rotation_s"] <= 2


def test_a_successor_is_published_before_it_signs():
    with Node(STAYS) as node:
        old = kid_of(sign(node))
        answer = operate(node, "rotate", "--name", "id")
        assert [key["kid"] for key in answer["keys"]] == [old]
        wait(lambda: len(kids(node)) == 2)
        new = (kids(node) - {old}).pop()
        assert states(node)[new]["state"] == "published"
        assert kid_of(sign(node)) == old
        wait(lambda: states(node)[old]["state"] == "retired")
        assert kid_of(sign(node)) == new
        assert kids(node) == {old, new}
        wait(lambda: old not in kids(node))
        assert kid_of(sign(node)) == new


def test_now_does_not_wait():
    with Node(STAYS.replace("publish_before: 1s", "publish_before: 1h")) as node:
        old = kid_of(sign(node))
        operate(node, "rotate", "--now", "--", old)
        wait(lambda: kid_of(sign(node)) != old)
        done = node.cli("rotate", "--", old, url=node.operator)
        assert done.returncode == 1 and b"retired already" in done.stderr


def test_a_retired_key_signs_no_more_and_stays_verifiable():
    with Node(STAYS) as node:
        token = sign(node)
        old = kid_of(token)
        operate(node, "retire", "--", old)
        wait(lambda: states(node)[old]["state"] == "retired")
        assert node.cli("sign", "--name", "id", input=b"{}").returncode != 0
        verify(token, fetch(node))
        assert node.ask("verify", input=token.encode()) == b"{}"
        wait(lambda: old not in kids(node))


def test_a_destroyed_signing_key_stays_verifiable():
    with Node(STAYS) as node:
        token = sign(node)
        old = kid_of(token)
        assert node.cli("destroy", "--", old, url=node.operator).returncode == 2  # wants --yes
        operate(node, "destroy", "--yes", "--", old)
        node.wait_for("secret-wiped")
        verify(token, fetch(node))
        assert node.cli("sign", f"--kid={old}", input=b"{}").returncode != 0
        wait(lambda: old not in kids(node))


def test_a_retired_encryption_key_still_decrypts():
    with Node(STAYS_ENC) as node:
        jwe = node.ask("encrypt", "--name", "box", "--alg", "RSA-OAEP-256", "--enc", "A128GCM", input=b"secret")
        old = kid_of(jwe.decode())
        operate(node, "rotate", "--name", "box")
        wait(lambda: states(node)[old]["state"] == "retired", seconds=60)
        assert old not in kids(node), "nobody shall take it up"
        assert node.ask("decrypt", input=jwe) == b"secret"
        other = node.ask("encrypt", "--name", "box", "--alg", "RSA-OAEP-256", "--enc", "A128GCM", input=b"new")
        assert kid_of(other.decode()) != old
        wait(lambda: old not in states(node))
        assert node.cli("decrypt", input=jwe).returncode != 0
        assert node.ask("decrypt", input=other) == b"new"


def test_a_destroyed_encryption_key_is_gone():
    with Node(STAYS_ENC) as node:
        jwe = node.ask("encrypt", "--name", "box", "--alg", "RSA-OAEP-256", "--enc", "A128GCM", input=b"x")
        operate(node, "destroy", "--yes", "--", kid_of(jwe.decode()))
        wait(lambda: kid_of(jwe.decode()) not in states(node))
        assert node.cli("decrypt", input=jwe).returncode != 0


ENTRY = {"id": STAYS, "box": STAYS_ENC}


@pytest.mark.parametrize("how", [["destroy", "--yes"], ["retire"]])
@pytest.mark.parametrize("name", ENTRY)
def test_an_entry_whose_keys_are_gone_gets_another_when_it_is_asked_for(name, how):
    with Node(ENTRY[name].replace("keep_after: 4s", "keep_after: 2s")) as node:
        def active():
            return [kid for kid, key in states(node).items() if key["name"] == name and key["state"] == "active"]
        for gone in (False, True):
            (old,) = active()
            operate(node, *how, "--", old)
            wait(lambda: states(node).get(old, {}).get("state") != "active")
            if gone:
                wait(lambda: old not in states(node))
            operate(node, "rotate", "--name", name, "--now")
            wait(lambda: len(active()) == 1)
            assert active() != [old]
        operate(node, *how, "--", *active())
        wait(lambda: not any(key["name"] == name for key in states(node).values()))
        assert operate(node, "reload")["entries_kept"] == len(ENTRY[name].split("name:")) - 1
        wait(lambda: len(active()) == 1)


def act_fails(node, why, *args):
    done = node.cli(*args, url=node.operator)
    assert done.returncode == 1 and f"key not active ({why})" in done.stderr.decode(), done.stderr


def test_what_cannot_be_done_says_in_which_state_the_key_is():
    with Node(STAYS + "    keep_after: 1h\n    publish_before: 1h\n") as node:
        kid = kid_of(sign(node))
        operate(node, "rotate", "--name", "id")
        wait(lambda: len(states(node)) == 2)
        (fresh,) = states(node).keys() - {kid}
        act_fails(node, "the key is published and not active yet", "rotate", "--", fresh)
        operate(node, "retire", "--", kid)
        act_fails(node, "the key is retired already", "retire", "--", kid)
        act_fails(node, "the key is retired already", "rotate", "--", kid)
        operate(node, "destroy", "--yes", "--", kid)
        node.wait_for("secret-wiped")
        act_fails(node, "the key is retired already, and its secret is wiped", "destroy", "--yes", "--", kid)


def test_only_operators_may():
    with Node(STAYS) as node:
        old = kid_of(sign(node))
        for verb in (["rotate", "--", old], ["retire", "--", old],
                     ["destroy", "--yes", "--", old], ["reload"]):
            assert node.cli(*verb).returncode == 1
        assert states(node)[old]["state"] == "active"


def test_a_front_that_dies_between_finds_the_keys_as_they_are():
    with Node(TWO_SECONDS) as node:
        tokens = [sign(node)]
        os.kill(node.pids()["vhsmd-front"], signal.SIGKILL)
        node.wait_for("front-restarted")
        wait(lambda: node.cli("sign", "--name", "id", input=b"{}").returncode == 0)
        wait(lambda: kid_of(sign(node)) != kid_of(tokens[0]))
        tokens.append(sign(node))
        keys = fetch(node)
        for token in tokens:
            verify(token, keys)


def test_metrics_tell_of_lives():
    with Node(TWO_SECONDS) as node:
        wait(lambda: json.loads(node.ask("status", "--json"))["life"]["rotations"] > 0)
        with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=10) as r:
            text = r.read().decode()
        assert 'vhsmd_own_keys{state="active"} 1\n' in text
        assert 'vhsmd_rotations_total{outcome="failed"} 0\n' in text
        assert "vhsmd_next_rotation_seconds" in text
        assert "vhsmd_rotations_failing 0\n" in text


def test_a_token_that_outlives_its_key_is_spoken_of_once():
    with Node(STAYS) as node:
        far = json.dumps({"exp": int(time.time()) + 3600}).encode()
        near = json.dumps({"exp": int(time.time()) + 2}).encode()
        node.ask("sign", "--name", "id", input=near)
        for _ in range(3):
            kid = kid_of(node.ask("sign", "--name", "id", input=far).decode())
        said = node.events("token-outlives-key")
        assert [line["kid"] for line in said] == [kid]
        with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=10) as r:
            assert "vhsmd_tokens_outlive_key_total 3\n" in r.read().decode()
