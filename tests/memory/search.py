"""What the tests of memory share: key material as the scanner takes it, the
scanner, a vault on ordinary pages.
"""
import json
import os
import shutil
import subprocess

from jwcrypto.common import base64url_decode

from support.node import BUILD, Node

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")


def members(name, key):
    """Lines for the scanner: the private members of a JWK."""
    return [f"{name}.{member} {base64url_decode(value).hex()}"
            for member, value in json.loads(key.export()).items() if member in PRIVATE]


def secrets_of(jwks):
    lines = [line for name, key in jwks.items() for line in members(name, key)]
    if "mac" in jwks:  # what HMAC makes of its key (RFC 2104)
        mac = base64url_decode(json.loads(jwks["mac"].export())["k"])
        lines += [f"mac.{pad:x} {bytes(byte ^ pad for byte in mac).hex()}" for pad in (0x36, 0x5c)]
    return lines


def scan(folder, secrets, how, what):
    """Whether any of the secrets is in processes ("pid") or files ("file"), and
    what the scanner said."""
    path = os.path.join(folder, "secrets")
    with open(path, "w") as f:
        f.write("\n".join(secrets) + "\n")
    done = subprocess.run([os.path.join(BUILD, "test", "scan"), path, how, *map(str, what)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 1, done.stdout


def protection(node):
    return json.loads(node.cli("--json", "status").stdout)["protection"]


def plain_node(folder, spec, **options):
    """A node whose vault has ordinary pages, so that all of it can be read."""
    binaries = os.path.join(folder, "bin")
    os.mkdir(binaries)
    for source in ("bin/vhsmd", "bin/vhsmd-front", "bin/vhsmd-peer", "bin/vhsm",
                   "test/plain/vhsmd-vault"):
        shutil.copy2(os.path.join(BUILD, source), binaries)
    return Node(spec, folder=folder, bin_dir=binaries, **options)
