"""What the interop tests with other JOSE libraries share: the node's keys and the
rows of the algorithm table."""
SPEC = """version: 1
keys:
  - {name: rsa, generate: {kty: RSA, bits: 2048}, use: sig}
  - {name: p256, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: p384, generate: {kty: EC, crv: P-384}, use: sig}
  - {name: p521, generate: {kty: EC, crv: P-521}, use: sig}
  - {name: ed, generate: {kty: OKP, crv: Ed25519}, use: sig}
  - {name: k256, generate: {kty: EC, crv: secp256k1}, use: sig}
  - {name: ed448, generate: {kty: OKP, crv: Ed448}, use: sig}
  - {name: rsa-enc, generate: {kty: RSA, bits: 3072}, use: enc}
  - {name: p256-enc, generate: {kty: EC, crv: P-256}, use: enc}
  - {name: p384-enc, generate: {kty: EC, crv: P-384}, use: enc}
  - {name: p521-enc, generate: {kty: EC, crv: P-521}, use: enc}
  - {name: x-enc, generate: {kty: OKP, crv: X25519}, use: enc}
  - {name: x448-enc, generate: {kty: OKP, crv: X448}, use: enc}
"""

# alg and the names of the keys that run it.
SIGN = {alg: "rsa" for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")}
SIGN.update(ES256="p256", ES384="p384", ES512="p521", ES256K="k256", EdDSA="ed")
# The names that share an alg with one above.
SIGN_TOO = [("EdDSA", "ed448")]
SIGNERS = [*SIGN.items(), *SIGN_TOO]
OAEP = ("RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512")
# What jwcrypto does not know.
NOT_JWCRYPTO = ("RSA-OAEP-384", "RSA-OAEP-512")
ECDH = ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
ENCS = ("A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512")
WRAP = [(alg, "rsa-enc") for alg in OAEP]
WRAP += [(alg, name) for alg in ECDH for name in ("p256-enc", "p384-enc", "p521-enc", "x-enc", "x448-enc")]
BOXES = [(alg, name, enc) for alg, name in WRAP for enc in ENCS]

# Empty, one block of AES and one byte beside it, and bytes that are no text.
PAYLOADS = (b"", b"a" * 15, b"a" * 16, b"a" * 17, bytes(range(256)) * 5)


def curve_of(name):
    """What to generate for a key like the node's of that name: kty and arguments."""
    kind = name.removesuffix("-enc")
    return {"rsa": ("RSA", {"size": 2048}), "p256": ("EC", {"crv": "P-256"}),
            "p384": ("EC", {"crv": "P-384"}), "p521": ("EC", {"crv": "P-521"}),
            "k256": ("EC", {"crv": "secp256k1"}), "ed": ("OKP", {"crv": "Ed25519"}),
            "ed448": ("OKP", {"crv": "Ed448"}), "x": ("OKP", {"crv": "X25519"}),
            "x448": ("OKP", {"crv": "X448"})}[kind]
