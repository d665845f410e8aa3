"""Attacks by way of symmetric keys, and on the one RSA key that still speaks RSA1_5."""
import json
import os

import pytest
from forge import (HS, SECRETS, accepted, b64, compact, dir_box, gcm, gcmkw_box, guises, hs, jws,
                   kw_box, number, part, refused, rsa_box, unb64)

MACS = {"HS256": 32, "HS384": 48, "HS512": 64}


def mac(target, alg="HS256", secret=SECRETS["mac"], change=lambda m: m, kid="mac", **more):
    header = {"alg": alg, **({"kid": target.kid(kid)} if kid else {}), **more}
    return jws(header, lambda text: change(hs(secret, HS[alg])(text)))


# --- MACs -----------------------------------------------------------------------------

@pytest.mark.parametrize("alg", MACS)
def test_public_bytes_are_no_secret_of_a_mac(target, alg):
    """The node has a key for this very algorithm, so the algorithm alone refuses nothing."""
    accepted(target.verify(mac(target, alg)))
    accepted(target.verify(mac(target, alg, kid=None)))
    for name in ("rsa", "p256", "rsa-enc", "p256-enc"):
        jwk = target.keys[name]
        texts = [json.dumps(jwk), json.dumps(jwk, separators=(",", ":")), jwk["kid"]]
        for secret in [*guises(target.public(name)), *(t.encode() for t in texts)]:
            refused(target.verify(mac(target, alg, secret)), "EVERIFY")
            refused(target.verify(mac(target, alg, secret, kid=None)), "EVERIFY")
            refused(target.verify(mac(target, alg, secret, kid=name)), "ENOKEY", "EALG", "EVERIFY")
            refused(target.verify(mac(target, alg, secret), jwk), "EALG", "ENOKEY")


@pytest.mark.parametrize("alg", MACS)
def test_a_caller_cannot_bring_a_secret(target, alg):
    accepted(target.verify(mac(target, alg)))
    for k in (b64(SECRETS["mac"]), b64(bytes(32)), ""):
        for kid in ("mac", None):
            oct_key = {"kty": "oct", "k": k, **({"kid": target.kid("mac")} if kid else {})}
            refused(target.verify(mac(target, alg, kid=kid), oct_key))
            refused(target.verify(mac(target, alg, kid=kid), oct_key, target.keys["p256"]))


@pytest.mark.parametrize("alg", MACS)
def test_a_mac_has_exactly_the_size_of_its_hash(target, alg):
    size = MACS[alg]
    accepted(target.verify(mac(target, alg)))
    for cut in (0, 1, 8, 16, size // 2, size - 1):
        refused(target.verify(mac(target, alg, change=lambda m: m[:cut])), "ETOKEN")
    for change in (lambda m: m + b"\0", lambda m: m * 2, lambda m: b"\0" + m):
        refused(target.verify(mac(target, alg, change=change)), "ETOKEN")
    for change in (lambda m: bytes(size), lambda m: m[:-1] + bytes([m[-1] ^ 1]),
                   lambda m: bytes([m[0] ^ 0x80]) + m[1:]):
        refused(target.verify(mac(target, alg, change=change)), "EVERIFY")


def test_a_mac_counts_for_its_own_algorithm_only(target):
    for alg in MACS:
        accepted(target.verify(mac(target, alg)))
        for other in MACS:
            if other != alg:
                head = part({"alg": other, "kid": target.kid("mac")})
                text = f"{head}.{b64(b'payload')}"
                made = hs(SECRETS["mac"], HS[alg])(text.encode())
                made = (made * 2)[:MACS[other]]
                refused(target.verify(f"{text}.{b64(made)}"), "EVERIFY")


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA", "none"])
def test_the_kid_of_a_secret_is_good_for_no_other_algorithm(target, alg):
    accepted(target.verify(mac(target)))
    made = jws({"alg": alg, "kid": target.kid("mac")},
               lambda text: (hs(SECRETS["mac"], HS["HS256"])(text) * 8)[:256 if alg[1] == "S" and
                                                                       alg[0] in "RP" else 64])
    refused(target.verify(made), "ENOKEY", "EALG")


def test_a_key_for_boxes_makes_and_verifies_no_mac(target):
    accepted(target.asks("SIGN", NAME="mac", ALG="HS256", DATA=b"x"), None)
    refused(target.asks("SIGN", KID=target.kid("kw"), ALG="HS256", DATA=b"x"))
    refused(target.asks("SIGN", NAME="kw", USE="enc", DATA=b"x"))
    refused(target.verify(mac(target, secret=SECRETS["kw"], kid="kw")), "ENOKEY", "EALG")


def test_a_key_for_macs_makes_and_opens_no_box(target):
    accepted(target.decrypt(kw_box(target)))
    for made in (kw_box(target, "mac", kek=SECRETS["mac"][:32]),
                 dir_box(target, "mac", key=SECRETS["mac"][:32]),
                 gcmkw_box(target, "mac", kek=SECRETS["mac"][:32])):
        refused(target.decrypt(made), "ENOKEY", "EALG")
    refused(target.asks("ENCRYPT", NAME="mac", ALG="A256KW", ENC="A128GCM", DATA=b"x"))


# --- boxes --------------------------------------------------------------------------------

def flipped(index, at=0):
    def change(parts):
        value = bytearray(parts[index])
        value[at] ^= 1
        parts[index] = bytes(value)
        return parts
    return change


def sized(index, size):
    def change(parts):
        parts[index] = (parts[index] + bytes(1100))[:size]
        return parts
    return change


def header_bit(parts):
    header = json.loads(unb64(parts[0]))
    parts[0] = part({**header, "x": 1})
    return parts


@pytest.mark.parametrize("enc", ["A128GCM", "A128CBC-HS256"])
def test_every_refusal_of_a_well_formed_wrapped_key_is_the_same(target, enc):
    accepted(target.decrypt(kw_box(target, enc=enc)))
    boxes = [kw_box(target, enc=enc, change=flipped(i)) for i in range(1, 5)]
    boxes += [kw_box(target, enc=enc, change=flipped(1, -1)),
              kw_box(target, enc=enc, change=header_bit),
              kw_box(target, enc=enc, kek=bytes(32))]
    boxes += [kw_box(target, enc=enc, cek=bytes(size)) for size in (16, 24, 40, 48, 64, 128)
              if size != {"A128GCM": 16, "A128CBC-HS256": 32}[enc]]
    boxes += [kw_box(target, enc=enc, change=sized(1, size)) for size in (1, 8, 16, 23, 25, 41, 1000)]
    answers = {(error, fields.get("WHY")) for error, fields in map(target.decrypt, boxes)}
    assert len(answers) == 1
    assert answers.pop()[0] == "EDECRYPT"


def test_every_refusal_of_a_well_formed_gcm_wrapped_key_is_the_same(target):
    accepted(target.decrypt(gcmkw_box(target)))
    boxes = [gcmkw_box(target, change=flipped(i)) for i in range(1, 5)]
    boxes += [gcmkw_box(target, kek=bytes(32)), gcmkw_box(target, change=header_bit),
              gcmkw_box(target, more=lambda iv, tag: {"iv": b64(bytes(12))}),
              gcmkw_box(target, more=lambda iv, tag: {"tag": b64(bytes(16))}),
              gcmkw_box(target, more=lambda iv, tag: {"tag": b64(tag[:15] + bytes([tag[15] ^ 1]))}),
              gcmkw_box(target, change=sized(1, 8)), gcmkw_box(target, change=sized(1, 32))]
    answers = {(error, fields.get("WHY")) for error, fields in map(target.decrypt, boxes)}
    assert len(answers) == 1
    assert answers.pop()[0] == "EDECRYPT"


@pytest.mark.parametrize("size", [0, 1, 4, 8, 12, 15, 17, 32])
def test_the_tag_of_a_wrapped_key_is_never_cut_or_longer(target, size):
    """GCM itself would take four bytes, and each one less is guessed 256 times sooner."""
    accepted(target.decrypt(gcmkw_box(target)))
    refused(target.decrypt(gcmkw_box(target, more=lambda iv, tag: {"tag": b64((tag + tag)[:size])})),
            "EHEADER")


@pytest.mark.parametrize("size", [1, 8, 11, 13, 16, 60])
def test_the_iv_of_a_wrapped_key_has_twelve_bytes(target, size):
    """Wrapped with that IV: GCM itself would open it."""
    if size >= 8:
        refused(target.decrypt(gcmkw_box(target, iv=bytes(size))), "EHEADER")
    refused(target.decrypt(gcmkw_box(target, more=lambda iv, tag: {"iv": b64(bytes(size))})), "EHEADER")


@pytest.mark.parametrize("member", ["iv", "tag"])
@pytest.mark.parametrize("value", [..., None, 5, "", [], "AAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAA\n",
                                   "AAAAAAAAAAAAAAA+", "A" * 5000], ids=lambda v: str(v)[:20])
def test_iv_and_tag_of_a_wrapped_key_are_needed(target, member, value):
    refused(target.decrypt(gcmkw_box(target, more=lambda iv, tag: {member: value})), "EHEADER")


def test_a_wrapping_algorithm_needs_a_key_of_its_size(target):
    accepted(target.decrypt(kw_box(target, "short-kw", "A128KW")))
    for name, alg in (("short-kw", "A256KW"), ("short-kw", "A192KW"), ("kw", "A128KW"),
                      ("kw", "A192KW")):
        refused(target.decrypt(kw_box(target, name, alg)), "EALG")
    for name, alg in (("short-kw", "A256GCMKW"), ("kw", "A128GCMKW")):
        refused(target.decrypt(gcmkw_box(target, name, alg)), "EALG")


def test_a_key_wrapped_in_one_way_is_not_unwrapped_in_another(target):
    def renamed(alg, more):
        def change(parts):
            parts[0] = part({**json.loads(unb64(parts[0])), "alg": alg, **more})
            return parts
        return change
    numbers = {"iv": b64(bytes(12)), "tag": b64(bytes(16))}
    accepted(target.decrypt(kw_box(target)))
    refused(target.decrypt(kw_box(target, change=renamed("A256GCMKW", numbers))), "EDECRYPT")
    refused(target.decrypt(gcmkw_box(target, change=renamed("A256KW", {}))), "EDECRYPT")
    refused(target.decrypt(kw_box(target, change=renamed("dir", {}))), "ETOKEN")


def test_a_direct_key_has_no_encrypted_key_and_one_size(target):
    accepted(target.decrypt(dir_box(target)))
    accepted(target.decrypt(dir_box(target, enc="A128CBC-HS256")))
    refused(target.decrypt(dir_box(target, encrypted=bytes(32))), "ETOKEN")
    refused(target.decrypt(dir_box(target, encrypted=bytes(1))), "ETOKEN")
    refused(target.decrypt(dir_box(target, enc="A128GCM", key=SECRETS["kw"][:16])), "EDECRYPT", "EALG")
    refused(target.decrypt(dir_box(target, key=bytes(32))), "EDECRYPT")
    refused(target.decrypt(dir_box(target, "short-kw", key=SECRETS["short-kw"] * 2)), "EDECRYPT", "EALG")


@pytest.mark.parametrize("name", ["rsa-enc", "p256-enc", "rsa", "p256"])
def test_a_public_key_is_no_secret_of_a_box(target, name):
    """Confusion as with MACs: the sender knows these bytes, the holder must not use them."""
    accepted(target.decrypt(kw_box(target)))
    secrets = [(g + bytes(32))[:32] for g in guises(target.public(name)) if g]
    for secret in secrets:
        refused(target.decrypt(kw_box(target, name, kek=secret)), "EALG", "ENOKEY")
        refused(target.decrypt(gcmkw_box(target, name, kek=secret)), "EALG", "ENOKEY")
        refused(target.decrypt(dir_box(target, name, key=secret)), "EALG", "ENOKEY")
        refused(target.decrypt(kw_box(target, kek=secret, kid=False)), "EDECRYPT")
        refused(target.decrypt(dir_box(target, key=secret, kid=False)), "EDECRYPT")


def test_a_caller_cannot_encrypt_for_a_secret_of_its_own(target):
    fields = {"ENC": "A128GCM", "DATA": b"x"}
    accepted(target.asks("ENCRYPT", NAME="kw", ALG="A256KW", **fields), None)
    for alg in ("A256KW", "A256GCMKW", "dir"):
        for jwk in ({"kty": "oct", "k": b64(bytes(32))}, {"kty": "oct"}, {"kty": "oct", "k": ""},
                    target.keys["kw"]):
            refused(target.asks("ENCRYPT", JWK=json.dumps(jwk), ALG=alg, **fields))


def test_no_answer_holds_a_secret(target):
    seen = json.dumps(target.keys)
    for name in SECRETS:
        assert b64(SECRETS[name]) not in seen and '"k"' not in seen
    error, fields = target.verify(mac(target))
    assert error == "OK" and "k" not in json.loads(fields["JWK"])
    assert not any(b64(secret) in target.node.log() for secret in SECRETS.values())


# --- RSA1_5 --------------------------------------------------------------------------------

def padded(cek, start=b"\0\2", fill=None, zero=b"\0", size=256):
    fill = fill if fill is not None else b"\x5a" * (size - len(start) - len(zero) - len(cek))
    return start + fill + zero + cek


def rsa15_box(target, block, cek=bytes(range(16)), name="rsa15", alg="RSA1_5"):
    """A box whose encrypted key is a raw power of block."""
    header = part({"alg": alg, "enc": "A128GCM", "kid": target.kid(name)})
    numbers = target.public(name).public_numbers()
    wrapped = pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(256, "big")
    return compact(header, wrapped, *gcm(cek, header.encode()))


def test_every_kind_of_bad_padding_is_refused_the_same(target):
    """Bleichenbacher's questions, and those that came later: one answer to all."""
    cek = bytes(range(16))
    good = padded(cek)
    accepted(target.decrypt(rsa15_box(target, good)))
    early = bytearray(good)
    blocks = [padded(cek, b"\0\1"), padded(cek, b"\0\0"), padded(cek, b"\0\3"), padded(cek, b"\1\2"),
              padded(cek, b"\0\2", zero=b"\1"), padded(b""), padded(bytes(15)), padded(bytes(17)),
              padded(bytes(24)), padded(bytes(200)), padded(cek, fill=b"", zero=b"\0" * 238),
              bytes(256), bytes(255) + b"\1", b"\0\2" + b"\x5a" * 254]
    for at in range(2, 11):
        early[:] = good
        early[at] = 0
        blocks.append(bytes(early))
    early[:] = good
    early[200] = 0
    blocks.append(bytes(early))
    assert all(len(block) == 256 for block in blocks)
    answers = {(error, fields.get("WHY"))
               for error, fields in (target.decrypt(rsa15_box(target, block)) for block in blocks)}
    assert len(answers) == 1
    assert answers.pop()[0] == "EDECRYPT"


@pytest.mark.parametrize("made", ["n", "n-1", "n+1", "0", "1", "ff", "short", "long"])
def test_an_encrypted_key_is_a_number_below_the_modulus(target, made):
    n = target.public("rsa15").public_numbers().n
    wrapped = {"n": n, "n-1": n - 1, "n+1": n + 1, "0": 0, "1": 1, "ff": 2 ** 2048 - 1}.get(made)
    data = (bytes(255) if made == "short" else bytes(257)) if wrapped is None else \
        wrapped.to_bytes(256, "big")
    header = part({"alg": "RSA1_5", "enc": "A128GCM", "kid": target.kid("rsa15")})
    refused(target.decrypt(compact(header, data, *gcm(bytes(16), header.encode()))), "EDECRYPT")


def test_rsa1_5_is_for_the_key_that_is_pinned_to_it(target):
    cek = bytes(range(16))
    accepted(target.decrypt(rsa15_box(target, padded(cek))))
    refused(target.decrypt(rsa15_box(target, padded(cek), name="rsa-enc")), "EALG")
    refused(target.decrypt(rsa_box(target, name="rsa15")), "EALG")
    refused(target.decrypt(rsa15_box(target, padded(cek), name="rsa")), "ENOKEY", "EALG")
    refused(target.asks("SIGN", KID=target.kid("rsa15"), ALG="RS256", DATA=os.urandom(4)))


def test_nobody_is_told_more_about_a_number_than_that_it_does_not_open(target):
    """A manipulated key is blinded by a factor: the classical way to a signature or plaintext."""
    cek = bytes(range(16))
    numbers = target.public("rsa15").public_numbers()
    box = rsa15_box(target, padded(cek)).split(".")
    wrapped = int.from_bytes(unb64(box[1]), "big")
    answers = set()
    for factor in (2, 3, 65537, numbers.n - 1):
        box[1] = number(wrapped * pow(factor, numbers.e, numbers.n) % numbers.n, 256)
        error, fields = target.decrypt(".".join(box))
        answers.add((error, fields.get("WHY")))
    assert len(answers) == 1 and answers.pop()[0] == "EDECRYPT"
