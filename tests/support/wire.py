"""The protocol of proto/PROTOCOL.md, written from that text alone."""
import socket
import struct

OPS = {"SIGN": 1, "DECRYPT": 2, "VERIFY": 3, "ENCRYPT": 4, "KEYS": 5, "STATUS": 6,
       "CLUSTER": 7, "BATCH": 8, "RAWSIGN": 9, "RAWDECRYPT": 10, "RAWDERIVE": 11,
       "DRAIN": 16, "REVOKE": 17}
TAGS = {"KID": 1, "ALG": 2, "DATA": 3, "HEADER": 4, "NAME": 5, "KTY": 6, "CRV": 7, "USE": 8,
        "TYP": 9, "TOKEN": 10, "JWK": 11, "JWKS": 12, "ENC": 13, "WHY": 14, "JSON": 15,
        "APU": 16, "APV": 17, "OFF": 18, "SIGNATURE": 24, "PREHASHED": 94, "FORMAT": 95,
        "DETACHED": 96, "UNENCODED": 97, "AAD": 98, "PARTY": 99, "UNPROTECTED": 100,
        "OUTCOME": 101, "ZIP": 102, "ALL": 103, "LABEL": 104, "FLAGS": 117, "ITEM": 126}
NAMES = {number: name for name, number in TAGS.items()}
ERRORS = {0: "OK", 1: "EPARSE", 2: "EVERSION", 3: "EOP", 4: "EFIELD", 5: "EFORBIDDEN",
          6: "ENOKEY", 7: "EALG", 8: "EKEY", 9: "EBUSY", 10: "EDEADLINE", 11: "EDECRYPT",
          12: "EVERIFY", 13: "ETOKEN", 14: "EHEADER", 15: "EJSON", 16: "ETOOBIG",
          17: "EDRAINING", 18: "ENOMEM", 19: "EIO", 20: "EINTERNAL", 21: "ECONFIG", 22: "ELOST", 25: "EINACTIVE", 30: "EFIXED", 31: "ENOROOM", 33: "EAUDIT", 36: "EPOLICY"}
ID_BIT = 0x80000000


def frame(op, fields=(), request=1, deadline=0):
    body = b"".join(struct.pack(">HI", TAGS.get(tag, tag), len(value)) + value
                    for tag, value in fields)
    return struct.pack(">HBBHHIQI", 0x5648, 1, 0, OPS.get(op, op), 0, len(body), request,
                       deadline) + body


def parse(data):
    """Error name and fields of an answer."""
    magic, version, flags, _op, error, size, request, _ = struct.unpack_from(">HBBHHIQI", data)
    assert magic == 0x5648 and version == 1 and flags == 1 and size == len(data) - 24
    at, fields = 24, {}
    while at < len(data):
        tag, length = struct.unpack_from(">HI", data, at)
        fields[NAMES.get(tag, tag)] = data[at + 6:at + 6 + length]
        at += 6 + length
    assert at == len(data)
    return ERRORS[error], fields, request


class Wire:
    """One connection to a node."""

    def __init__(self, url, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(url.removeprefix("ipc://"))
        self.socket.sendall(b"\0SP\0\0\x30\0\0")
        assert self.read(8) == b"\0SP\0\0\x31\0\0"
        self.next = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("closed by the node")
            data += more
        return data

    def send(self, body):
        """Sends one message; its id."""
        self.next += 1
        self.socket.sendall(struct.pack(">BQI", 1, 4 + len(body), ID_BIT | self.next) + body)
        return self.next

    def receive(self):
        """Id and body of the next message."""
        kind, size = struct.unpack(">BQ", self.read(9))
        assert kind == 1
        data = self.read(size)
        (number,) = struct.unpack_from(">I", data)
        assert number & ID_BIT
        return number & ~ID_BIT, data[4:]

    def ask(self, op, **fields):
        """Error name and fields of the answer to one request."""
        sent = self.send(frame(op, fields.items()))
        number, data = self.receive()
        assert number == sent
        return parse(data)[:2]

    def batch(self, requests):
        """Error names of the answers to requests (frames) in one message, in order."""
        self.send(frame("BATCH", [("ITEM", request) for request in requests]))
        _, data = self.receive()
        at, found = 24, []
        while at < len(data):
            tag, length = struct.unpack_from(">HI", data, at)
            assert NAMES[tag] == "ITEM"
            found.append(parse(data[at + 6:at + 6 + length]))
            at += 6 + length
        return [error for error, _, _ in sorted(found, key=lambda item: item[2])]
