"""What the tests of the life of keys share."""
import base64
import json
import urllib.request

import jwcrypto.jwk
import jwcrypto.jws

TWO_SECONDS = """
version: 1
defaults: {publish_before: 1s, keep_after: 6s}
keys:
  - name: id
    generate: {kty: EC, crv: P-256}
    use: sig
    rotate: {every: 2s}
"""
STAYS = """
version: 1
defaults: {publish_before: 1s, keep_after: 4s}
keys:
  - name: id
    generate: {kty: EC, crv: P-256}
    use: sig
"""
STAYS_ENC = STAYS + """
  - name: box
    generate: {kty: RSA, bits: 2048}
    use: enc
"""


def fetch(node):
    with urllib.request.urlopen(f"http://{node.http}/.well-known/jwks.json", timeout=10) as r:
        return json.load(r)["keys"]


def kids(node):
    return {key["kid"] for key in fetch(node)}


def kid_of(token):
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def sign(node, *args):
    return node.ask("sign", "--name", "id", *args, input=b"{}").decode().strip()


def verify(token, keys):
    found = [key for key in keys if key["kid"] == kid_of(token)]
    assert found, f"no key for {kid_of(token)}"
    jws = jwcrypto.jws.JWS()
    jws.deserialize(token, jwcrypto.jwk.JWK(**found[0]))


def states(node):
    report = json.loads(node.ask("keys", "--state", "any", "--json"))
    return {key["kid"]: key for key in report["keys"]}


def operate(node, *args):
    return json.loads(node.ask(args[0], "--json", *args[1:], url=node.operator))
