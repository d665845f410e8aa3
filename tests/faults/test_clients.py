"""Clients that are slow, silent, dead or hostile."""
import random
import socket
import struct
import time

import pytest

from support.node import Node
from support.wire import OPS, Wire, frame, parse

SPEC = """version: 1
keys:
  - {name: ec, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: enc, generate: {kty: EC, crv: P-256}, use: enc}
  - {name: ed, generate: {kty: OKP, crv: Ed25519}, use: sig}
"""


@pytest.fixture(scope="module")
def node():
    with Node(SPEC, http=False) as running:
        yield running
        assert running.events("front-died") == []
        assert running.stop() == 0


def signs(node):
    with Wire(node.url) as wire:
        error, _ = wire.ask("SIGN", NAME=b"ec", DATA=b"x")
        return error == "OK"


def raw(node):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(20)
    s.connect(node.url.removeprefix("ipc://"))
    return s


def test_a_silent_connection_is_closed(node):
    with raw(node) as s:
        start = time.monotonic()
        assert s.recv(8) == b"\0SP\0\0\x31\0\0"
        assert s.recv(1) == b"", "still open"
        assert 1 < time.monotonic() - start < 15
    assert signs(node)


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.1\r\n\r\n", b"\0SP\0\0\x31\0\0", b"\0" * 8])
def test_another_protocol_is_closed(node, hello):
    with raw(node) as s:
        s.sendall(hello)
        data = b"?"
        received = b""
        while data:
            data = s.recv(100)
            received += data
        assert received in (b"", b"\0SP\0\0\x31\0\0")
    assert signs(node)


def test_a_client_that_never_reads_hurts_nobody(node):
    with Wire(node.url) as greedy:
        greedy.socket.settimeout(0.5)
        body = frame("SIGN", [("NAME", b"ed"), ("DATA", b"x" * 500_000)])
        message = struct.pack(">BQI", 1, 4 + len(body), 0x80000001) + body
        sent = 0
        try:
            for _ in range(400):
                greedy.socket.sendall(message)
                sent += 1
        except (TimeoutError, OSError):
            pass  # the node stopped reading, or closed
        assert sent < 400
        start = time.monotonic()
        assert signs(node)
        assert time.monotonic() - start < 1


def test_half_a_message_and_gone(node):
    body = frame("SIGN", [("NAME", b"ec"), ("DATA", b"x" * 1000)])
    message = struct.pack(">BQI", 1, 4 + len(body), 0x80000001) + body
    for cut in range(1, len(message), 37):
        wire = Wire(node.url)
        wire.socket.sendall(message[:cut])
        wire.socket.close()
    assert signs(node)


def test_a_message_in_single_bytes_is_answered(node):
    with Wire(node.url) as wire:
        body = frame("SIGN", [("NAME", b"ec"), ("DATA", b"slow")])
        for byte in struct.pack(">BQI", 1, 4 + len(body), 0x80000005) + body:
            wire.socket.sendall(bytes([byte]))
        number, data = wire.receive()
        assert number == 5 and parse(data)[0] == "OK"


def test_too_large_messages_end_the_connection(node):
    for size in (1 << 62, (1 << 64) - 1, 64 << 20, 3):
        with Wire(node.url) as wire:
            wire.socket.sendall(struct.pack(">BQI", 1, size, 0x80000001))
            with pytest.raises((ConnectionError, OSError)):
                wire.receive()
    assert signs(node)


def test_a_payload_over_the_limit_is_refused(node):
    with Wire(node.url) as wire:
        error, fields = wire.ask("SIGN", NAME=b"ec", DATA=b"x" * (1 << 20))
        assert error == "OK"
        error, fields = wire.ask("SIGN", NAME=b"ec", DATA=b"x" * ((1 << 20) + 1))
        assert error == "ETOOBIG", fields


def test_operators_operations_are_forbidden_to_callers(node):
    with Wire(node.url) as wire:
        assert wire.ask("DRAIN")[0] == "EFORBIDDEN"
        for op in (0, 12, 15, *range(17, 110), 65535):
            assert wire.ask(op)[0] in ("EOP", "EFORBIDDEN"), op
        assert wire.ask("SIGN", DATA=b"x", NAME=b"ec")[0] == "OK"


def mutated(random_, data):
    data = bytearray(data)
    for _ in range(random_.choice((1, 1, 1, 2, 5))):
        at = random_.randrange(len(data))
        how = random_.randrange(4)
        if how == 0:
            data[at] ^= 1 << random_.randrange(8)
        elif how == 1:
            data[at] = random_.choice((0, 0xff, 0x7f, 0x80))
        elif how == 2:
            del data[at:at + random_.randrange(1, 9)]
        else:
            data[at:at] = random_.randbytes(random_.randrange(1, 9))
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def test_mutated_frames_get_an_answer_each(node):
    random_ = random.Random(7520)
    with Wire(node.url) as wire:
        token = wire.ask("SIGN", NAME=b"ec", DATA=b"payload")[1]["TOKEN"]
        box = wire.ask("ENCRYPT", NAME=b"enc", ALG=b"ECDH-ES", ENC=b"A128GCM",
                       DATA=b"plain")[1]["TOKEN"]
    good = [frame("SIGN", [("NAME", b"ec"), ("DATA", b"x"), ("HEADER", b'{"a":[1,{"b":2}]}')]),
            frame("VERIFY", [("TOKEN", token)]), frame("DECRYPT", [("TOKEN", box)]),
            frame("ENCRYPT", [("ALG", b"ECDH-ES"), ("ENC", b"A256GCM"), ("DATA", b"x"),
                              ("NAME", b"enc")]),
            frame("KEYS"), frame("STATUS")]
    wire = Wire(node.url)
    for _ in range(6000):
        try:
            sent = wire.send(mutated(random_, random_.choice(good)))
            number, data = wire.receive()
            assert number == sent
            parse(data)
        except (ConnectionError, BrokenPipeError):
            wire = Wire(node.url)  # it may also be shown the door
    wire.socket.close()
    assert signs(node)


def test_mutated_tokens_are_refused(node):
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    with Wire(node.url) as wire:
        jws = wire.ask("SIGN", NAME=b"ec", DATA=b"payload")[1]["TOKEN"]
        box = wire.ask("ENCRYPT", NAME=b"enc", ALG=b"ECDH-ES+A128KW", ENC=b"A128CBC-HS256",
                       DATA=b"plain text")[1]["TOKEN"]
        for op, token, out in (("VERIFY", jws, b"payload"), ("DECRYPT", box, b"plain text")):
            error, fields = wire.ask(op, TOKEN=token)
            assert error == "OK" and fields["DATA"] == out
            for at in range(len(token)):
                other = alphabet[(alphabet.find(token[at:at + 1]) + 1) % 64]
                for changed in (token[:at], token[:at] + token[at + 1:],
                                token[:at] + bytes([other]) + token[at + 1:],
                                token[:at] + b"=" + token[at:]):
                    error, fields = wire.ask(op, TOKEN=changed)
                    assert error != "OK", (op, at, changed)
                    assert "DATA" not in fields


def test_every_operation_number_has_a_name():
    assert len(set(OPS.values())) == len(OPS)
