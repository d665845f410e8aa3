"""What an attacker can make: tokens by hand, right or wrong in every detail."""
import base64
import http.server
import json
import os
import struct
import threading
import zlib

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils, x448, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.wire import ERRORS, TAGS, frame, parse

SPEC = """version: 1
keys:
  - {name: rsa, generate: {kty: RSA, bits: 2048}, use: sig}
  - {name: p256, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: rsa-enc, generate: {kty: RSA, bits: 2048}, use: enc}
  - {name: p256-enc, generate: {kty: EC, crv: P-256}, use: enc}
  - {name: x-enc, generate: {kty: OKP, crv: X25519}, use: enc}
  - {name: x448-enc, generate: {kty: OKP, crv: X448}, use: enc}
  - {name: rsa15, generate: {kty: RSA, bits: 2048}, use: enc, alg: RSA1_5}
  - {name: mac, load: {file: keys/mac.jwk}, use: sig}
  - {name: kw, load: {file: keys/kw.jwk}, use: enc}
  - {name: short-kw, load: {file: keys/short-kw.jwk}, use: enc}
"""
SECRETS = {"mac": os.urandom(64), "kw": os.urandom(32), "short-kw": os.urandom(16)}


def write_secrets(folder):
    """The symmetric keys of SPEC, which the tests know as the node does."""
    os.mkdir(os.path.join(folder, "keys"))
    for name, secret in SECRETS.items():
        with open(os.path.join(folder, "keys", f"{name}.jwk"), "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump({"kty": "oct", "k": b64(secret)}, file)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8 or 1, "big"))


def part(header):
    """A header part; text goes in as it is."""
    text = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
    return b64(text.encode())


def each_field(body):
    """Tag and value of every field, repeated ones too."""
    while body:
        tag, size = struct.unpack_from(">HI", body)
        yield tag, body[6:6 + size]
        body = body[6 + size:]


class Target:
    """A node as its callers see it, over one socket."""

    def __init__(self, node, wire):
        self.node, self.wire = node, wire
        keys = json.loads(self.asks("KEYS")[1]["JWKS"])["keys"]
        by_kid = {key["kid"]: key for key in keys}
        self.keys = {}
        for name in ("rsa", "p256", "rsa-enc", "p256-enc", "x-enc", "x448-enc", "rsa15", *SECRETS):
            found = json.loads(self.asks("KEYS", NAME=name)[1]["JWKS"])["keys"]
            assert len(found) == 1
            self.keys[name] = by_kid[found[0]["kid"]]

    def asks(self, op, **fields):
        fields = {k: v.encode() if isinstance(v, str) else v for k, v in fields.items()}
        return self.wire.ask(op, **fields)

    def sign(self, name="p256", **more):
        error, answer = self.asks("SIGN", NAME=name, DATA=b"payload", **more)
        assert error == "OK"
        return answer["TOKEN"].decode()

    def verify(self, token, *keys, text=None):
        more = {"JWKS": text or json.dumps({"keys": list(keys)})} if keys or text else {}
        return self.asks("VERIFY", TOKEN=token, **more)

    def outcomes(self, token, *keys, all_of_them=False):
        """Error of the whole and of each signature of a JSON token."""
        more = [("JWKS", json.dumps({"keys": list(keys)}).encode())] if keys else []
        more += [("ALL", struct.pack(">I", 1))] if all_of_them else []
        self.wire.send(frame("VERIFY", [("TOKEN", token.encode()), *more]))
        data = self.wire.receive()[1]
        found = [inner for tag, inner in each_field(data[24:]) if tag == TAGS["PARTY"]]
        outcomes = [ERRORS[int.from_bytes(value, "big")] for inner in found
                    for tag, value in each_field(inner) if tag == TAGS["OUTCOME"]]
        return parse(data)[0], outcomes

    def decrypt(self, token):
        return self.asks("DECRYPT", TOKEN=token)

    def kid(self, name):
        return self.keys[name]["kid"]

    def public(self, name):
        jwk = self.keys[name]
        if jwk["kty"] == "RSA":
            return rsa.RSAPublicNumbers(*(int.from_bytes(unb64(jwk[m]), "big")
                                          for m in ("e", "n"))).public_key()
        if jwk["kty"] == "EC":
            x, y = (int.from_bytes(unb64(jwk[m]), "big") for m in "xy")
            return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        kind = {"X25519": x25519.X25519PublicKey, "X448": x448.X448PublicKey}[jwk["crv"]]
        return kind.from_public_bytes(unb64(jwk["x"]))


UNREAD = ("ETOKEN", "EHEADER", "EJSON", "ETOOBIG")  # it did not get as far as a key


def refused(answer, *errors):
    """Whether an answer is a refusal, of one of these kinds if given, and no more."""
    error, fields = answer
    assert error != "OK" and "DATA" not in fields and "TOKEN" not in fields, answer
    assert error not in ("EINTERNAL", "ENOMEM", "EIO", "ELOST", "EDEADLINE"), answer
    if errors:
        assert error in errors or ("ETOKEN" in errors and error in UNREAD), answer
    return True


def accepted(answer, payload=b"payload"):
    error, fields = answer
    assert error == "OK", answer
    if payload is not None:
        assert fields["DATA"] == payload
    return True


# --- keys and signatures ------------------------------------------------------

def rsa_jwk(key, **more):
    n = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(n.n), "e": number(n.e), **more}


def ec_jwk(key, crv="P-256", **more):
    n = key.public_key().public_numbers()
    size = {"P-256": 32, "P-384": 48}[crv]
    return {"kty": "EC", "crv": crv, "x": number(n.x, size), "y": number(n.y, size), **more}


def jws(header, sign, payload=b"payload"):
    text = f"{part(header)}.{b64(payload)}"
    return f"{text}.{b64(sign(text.encode()))}"


def rs256(key):
    return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def ps256(key, salt=32):
    return lambda text: key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), salt),
                                 hashes.SHA256())


def es256_der(key):
    return lambda text: key.sign(text, ec.ECDSA(hashes.SHA256()))


def es256(key, size=32):
    def sign(text):
        r, s = utils.decode_dss_signature(es256_der(key)(text))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return sign


def hs(secret, digest):
    def sign(text):
        mac = hmac.HMAC(secret, digest)
        mac.update(text)
        return mac.finalize()
    return sign


def hs256(secret):
    return hs(secret, hashes.SHA256())


HS = {"HS256": hashes.SHA256(), "HS384": hashes.SHA384(), "HS512": hashes.SHA512()}


def signature(sign, protected=None, payload=b64(b"payload"), **header):
    """One signature of a JSON message; payload as it stands in what is signed."""
    head = part(protected) if protected is not None else ""
    made = {"protected": head} if head else {}
    made.update({"header": header} if header else {})
    payload = payload if isinstance(payload, bytes) else payload.encode()
    return {**made, "signature": b64(sign(head.encode() + b"." + payload))}


def flattened(sign, protected=None, **header):
    return json.dumps({"payload": b64(b"payload"), **signature(sign, protected, **header)})


def general(*signatures, payload=b64(b"payload")):
    return json.dumps({"payload": payload, "signatures": list(signatures)})


def guises(public):
    """The bytes under which an attacker knows a public key."""
    numbers = public.public_numbers()
    yield public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip()
    yield public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if hasattr(numbers, "n"):
        yield public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        yield numbers.n.to_bytes(256, "big")
    yield b""


def loose(text):
    """The same bytes for a careless decoder: bits set behind the last one."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(text) % 4 in (2, 3)
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


class Listener:
    """Somewhere to fetch keys from; counts who comes."""

    def __init__(self, content):
        hits = self.hits = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                hits.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


# --- boxes ----------------------------------------------------------------------

def gcm(cek, aad, plain=b"payload", iv=None):
    iv = iv or os.urandom(12)
    sealed = AESGCM(cek).encrypt(iv, plain, aad)
    return iv, sealed[:-16], sealed[-16:]


def cbc_hmac(cek, aad, plain=b"payload", iv=None):
    """A128CBC-HS256."""
    iv = iv or os.urandom(16)
    pad = block_padding.PKCS7(128).padder()
    run = Cipher(algorithms.AES(cek[16:]), modes.CBC(iv)).encryptor()
    text = run.update(pad.update(plain) + pad.finalize()) + run.finalize()
    tag = hs256(cek[:16])(aad + iv + text + struct.pack(">Q", 8 * len(aad)))[:16]
    return iv, text, tag


SEAL = {"A128GCM": gcm, "A256GCM": gcm, "A128CBC-HS256": cbc_hmac}
CEK = {"A128GCM": 16, "A256GCM": 32, "A128CBC-HS256": 32}


def compact(*parts):
    return ".".join(p if isinstance(p, str) else b64(p) for p in parts)


def rsa_box(target, name="rsa-enc", enc="A128GCM", cek=None, header=None, change=None, **seal):
    """A JWE by RSA-OAEP; change(parts) spoils its five parts after sealing."""
    cek = cek or os.urandom(CEK[enc])
    protected = part(header or {"alg": "RSA-OAEP", "enc": enc, "kid": target.keys[name]["kid"]})
    sealing = cek if len(cek) == CEK[enc] else os.urandom(CEK[enc])
    iv, text, tag = SEAL[enc](sealing, protected.encode(), **seal)
    wrapped = target.public(name).encrypt(cek, padding.OAEP(padding.MGF1(hashes.SHA1()),
                                                            hashes.SHA1(), None))
    parts = [protected, wrapped, iv, text, tag]
    return compact(*(change(parts) if change else parts))


def agreed_key(z, enc):
    """ECDH-ES: what both sides make of Z (RFC 7518, 4.6.2)."""
    name = enc.encode()
    info = (struct.pack(">I", len(name)) + name + struct.pack(">II", 0, 0) +
            struct.pack(">I", CEK[enc] * 8))
    return ConcatKDFHash(hashes.SHA256(), CEK[enc], info).derive(z)


def ecdh_box(target, name, epk, z, enc="A128GCM"):
    """A JWE by ECDH-ES whose sender says epk and believes in the shared secret z."""
    protected = part({"alg": "ECDH-ES", "enc": enc, "kid": target.keys[name]["kid"], "epk": epk})
    return compact(protected, b"", *SEAL[enc](agreed_key(z, enc), protected.encode()))


def honest_epk(target, name):
    """An ephemeral key and the secret it shares with a key of the node."""
    public = target.public(name)
    if isinstance(public, ec.EllipticCurvePublicKey):
        mine = ec.generate_private_key(ec.SECP256R1())
        return ec_jwk(mine), mine.exchange(ec.ECDH(), public)
    kind = x25519.X25519PrivateKey if name == "x-enc" else x448.X448PrivateKey
    mine = kind.generate()
    raw = mine.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": target.keys[name]["crv"], "x": b64(raw)}, mine.exchange(public)


# --- boxes with symmetric keys, and in JSON --------------------------------------------

def kw_box(target, name="kw", alg="A256KW", enc="A128GCM", cek=None, kek=None, change=None,
           kid=True):
    """A JWE by AES key wrap; change(parts) spoils its five parts after sealing."""
    cek = cek or os.urandom(CEK[enc])
    header = {"alg": alg, "enc": enc, **({"kid": target.kid(name)} if kid else {})}
    protected = part(header)
    sealing = cek if len(cek) == CEK[enc] else os.urandom(CEK[enc])
    parts = [protected, aes_key_wrap(kek or SECRETS[name], cek),
             *SEAL[enc](sealing, protected.encode())]
    return compact(*(change(parts) if change else parts))


def gcmkw_box(target, name="kw", alg="A256GCMKW", enc="A128GCM", more=None, change=None, kek=None,
              iv=None):
    """The same by AES-GCM; more: header members after wrapping; change(parts) as above."""
    cek = os.urandom(CEK[enc])
    iv, wrapped, tag = gcm(kek or SECRETS[name], b"", cek, iv)
    header = {"alg": alg, "enc": enc, "kid": target.kid(name), "iv": b64(iv), "tag": b64(tag)}
    header.update(more(iv, tag) if more else {})
    protected = part({k: v for k, v in header.items() if v is not ...})
    parts = [protected, wrapped, *SEAL[enc](cek, protected.encode())]
    return compact(*(change(parts) if change else parts))


def dir_box(target, name="kw", enc="A256GCM", key=None, more=None, encrypted=b"", kid=True):
    header = {"alg": "dir", "enc": enc, **({"kid": target.kid(name)} if kid else {}), **(more or {})}
    protected = part(header)
    return compact(protected, encrypted, *SEAL[enc](key or SECRETS[name], protected.encode()))


def oaep(target, cek, name="rsa-enc"):
    return target.public(name).encrypt(cek, padding.OAEP(padding.MGF1(hashes.SHA1()),
                                                         hashes.SHA1(), None))


def json_box(cek, enc, protected, recipients, aad=None, plain=b"payload", shared=None):
    """A JWE in JSON, flattened when recipients is a dict; values of recipients that
    are bytes are encoded."""
    head = part(protected) if protected is not None else ""
    cover = head + ("." + b64(aad) if aad is not None else "")
    iv, text, tag = SEAL[enc](cek, cover.encode(), plain)

    def shown(one):
        return {k: b64(v) if isinstance(v, bytes) else v for k, v in one.items()}
    made = {"protected": head} if head else {}
    made.update({"unprotected": shared} if shared else {})
    made.update({"aad": b64(aad)} if aad is not None else {})
    made.update({"iv": b64(iv), "ciphertext": b64(text), "tag": b64(tag)})
    if isinstance(recipients, dict):
        return {**made, **shown(recipients)}
    return {**made, "recipients": [shown(one) for one in recipients]}


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()
