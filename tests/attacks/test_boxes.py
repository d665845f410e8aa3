"""Attacks on decryption.  The attacker knows every public key and can make whatever
box he likes; each test has a twin that is right and opens."""
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from forge import (CEK, accepted, b64, compact, ecdh_box, gcm, honest_epk, number, part,
                   refused, rsa_box, unb64)

P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b


def cut(index, size):
    """Part index of a box in another size."""
    def change(parts):
        value = parts[index]
        parts[index] = value[:size] + bytes(max(size - len(value), 0))
        return parts
    return change


# --- tags and IVs -------------------------------------------------------------------

@pytest.mark.parametrize("enc", ["A128GCM", "A256GCM", "A128CBC-HS256"])
@pytest.mark.parametrize("size", [0, 1, 4, 8, 12, 15, 17, 24, 32])
def test_a_tag_is_never_cut_or_longer(target, enc, size):
    """A cut tag is right as far as it goes: a careless reader would compare only that."""
    accepted(target.decrypt(rsa_box(target, enc=enc)))
    refused(target.decrypt(rsa_box(target, enc=enc, change=cut(4, size))), "EDECRYPT", "ETOKEN")


@pytest.mark.parametrize("size", [8, 11, 13, 16, 32, 60])
def test_a_gcm_iv_has_twelve_bytes(target, size):
    """The box is sealed with that IV: GCM itself would open it."""
    accepted(target.decrypt(rsa_box(target, iv=bytes(12))))
    refused(target.decrypt(rsa_box(target, iv=bytes(size))), "EDECRYPT", "ETOKEN")


@pytest.mark.parametrize("size", [0, 8, 12, 15, 17, 32])
def test_a_cbc_iv_has_sixteen_bytes(target, size):
    refused(target.decrypt(rsa_box(target, enc="A128CBC-HS256", change=cut(2, size))),
            "EDECRYPT", "ETOKEN")


@pytest.mark.parametrize("size", [0, 1, 15, 17, 31])
def test_a_cbc_text_is_whole_blocks(target, size):
    refused(target.decrypt(rsa_box(target, enc="A128CBC-HS256", change=cut(3, size))), "EDECRYPT")


# --- shared secrets that an attacker knows without any key -----------------------------

LOW_25519 = [0, 1, 2 ** 255 - 20, 2 ** 255 - 19, 2 ** 255 - 18, 2 ** 256 - 1 - 19,
             39382357235489614581723060781553021112529911719440698176882885853963445705823,
             325606250916557431795983626356110631294008115727848805560023387167927233504]
LOW_448 = [0, 1, 2 ** 448 - 2 ** 224 - 2, 2 ** 448 - 2 ** 224 - 1, 2 ** 448 - 2 ** 224]


@pytest.mark.parametrize("name,crv,size,u", [("x-enc", "X25519", 32, u) for u in LOW_25519] +
                         [("x448-enc", "X448", 56, u) for u in LOW_448])
def test_a_point_of_small_order_opens_nothing(target, name, crv, size, u):
    """With such a point Z is all zeros, so the attacker knows the content key."""
    accepted(target.decrypt(ecdh_box(target, name, *honest_epk(target, name))))
    epk = {"kty": "OKP", "crv": crv, "x": b64(u.to_bytes(size, "little"))}
    refused(target.decrypt(ecdh_box(target, name, epk, bytes(size))), "EDECRYPT", "ETOKEN", "EKEY")


def off_curve():
    """Points (x, 0) have order 2 on the curve they are on, which is not ours: an odd
    private key gives the point itself, so Z is x."""
    return [x for x in (1, 2, 5, 7, 2 ** 200 + 3) if (x ** 3 - 3 * x + B) % P != 0]


@pytest.mark.parametrize("x", off_curve())
def test_a_point_off_the_curve_opens_nothing(target, x):
    accepted(target.decrypt(ecdh_box(target, "p256-enc", *honest_epk(target, "p256-enc"))))
    epk = {"kty": "EC", "crv": "P-256", "x": number(x, 32), "y": number(0, 32)}
    box = ecdh_box(target, "p256-enc", epk, x.to_bytes(32, "big"))
    refused(target.decrypt(box), "EDECRYPT", "ETOKEN", "EKEY")


def epk_changes():
    mine = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    p384 = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    good = {"kty": "EC", "crv": "P-256", "x": number(mine.x, 32), "y": number(mine.y, 32)}
    return [{**good, "x": number(0, 32), "y": number(0, 32)},
            {**good, "x": number(P, 32)}, {**good, "y": number(P - mine.y + 1, 32)},
            {**good, "x": number(mine.x + 0, 33)}, {**good, "y": ""}, {**good, "x": "A" * 5000},
            {**good, "crv": "P-384"}, {**good, "kty": "OKP"}, {**good, "d": number(1, 32)},
            {"kty": "EC", "crv": "P-384", "x": number(p384.x, 48), "y": number(p384.y, 48)},
            {"kty": "OKP", "crv": "X25519", "x": b64(bytes(31) + b"\x09")}, {}, [], None, "x", 1]


@pytest.mark.parametrize("epk", epk_changes(), ids=lambda e: json.dumps(e)[:24])
def test_an_ephemeral_key_must_be_a_sound_key_of_the_same_curve(target, epk):
    refused(target.decrypt(ecdh_box(target, "p256-enc", epk, bytes(32))),
            "EDECRYPT", "ETOKEN", "EKEY", "EALG", "ENOKEY", "EHEADER")


# --- algorithms ------------------------------------------------------------------------

@pytest.mark.parametrize("alg", ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"])
def test_passwords_are_not_keys(target, alg):
    """2^31 rounds would keep a core busy for an hour: it must be refused unread."""
    for name in ("rsa-enc", None):
        more = {"kid": target.keys[name]["kid"]} if name else {}
        header = {"alg": alg, "enc": "A128GCM", "p2s": "AAAAAAAAAAA", "p2c": 2 ** 31 - 1, **more}
        refused(target.decrypt(rsa_box(target, header=header)), "EALG", "ETOKEN", "EHEADER")


@pytest.mark.parametrize("alg", ["none", "RS256", "ES256", "HS256", "rsa-oaep", "A128KW", "dir",
                                 "RSA1_5", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "A128GCMKW",
                                 "", None, 5, ["RSA-OAEP"]])
def test_a_box_opens_with_the_algorithm_it_was_made_with(target, alg):
    accepted(target.decrypt(rsa_box(target)))
    header = {"alg": alg, "enc": "A128GCM", "kid": target.keys["rsa-enc"]["kid"]}
    refused(target.decrypt(rsa_box(target, header=header)))


@pytest.mark.parametrize("enc", ["none", "A128CBC", "a128gcm", "A192GCM", "A256GCM", "RSA-OAEP",
                                 "", None, 5, ["A128GCM"]])
def test_enc_is_what_the_content_was_sealed_with(target, enc):
    header = {"alg": "RSA-OAEP", "enc": enc, "kid": target.keys["rsa-enc"]["kid"]}
    refused(target.decrypt(rsa_box(target, header=header)))


def test_a_signing_key_opens_nothing(target):
    accepted(target.decrypt(rsa_box(target)))
    refused(target.decrypt(rsa_box(target, name="rsa")), "ENOKEY", "EALG")
    epk, z = honest_epk(target, "p256")
    refused(target.decrypt(ecdh_box(target, "p256", epk, z)), "ENOKEY", "EALG")


def test_a_signature_is_no_box_and_a_box_no_signature(target):
    refused(target.decrypt(target.sign()), "ETOKEN")
    refused(target.verify(rsa_box(target)), "ETOKEN")


def test_a_direct_agreement_has_no_encrypted_key(target):
    box = ecdh_box(target, "p256-enc", *honest_epk(target, "p256-enc"))
    accepted(target.decrypt(box))
    parts = box.split(".")
    parts[1] = b64(bytes(16))
    refused(target.decrypt(".".join(parts)), "EDECRYPT", "ETOKEN")


# --- headers -----------------------------------------------------------------------------

def header_text(target, more):
    good = json.dumps({"alg": "RSA-OAEP", "enc": "A128GCM", "kid": target.keys["rsa-enc"]["kid"]})
    return good[:-1] + more + "}"


@pytest.mark.parametrize("more", [
    ', "alg": "RSA-OAEP"', ', "enc": "A256GCM"', ', "x": 1, "x": 2', ', "\\u0065nc": "A128GCM"',
    ', "crit": ["exp"]', ', "crit": ["exp"], "exp": 1', ', "crit": []', ', "crit": ["alg"]',
    ', "crit": "x", "x": 1', ', "crit": ["zip"], "zip": "DEF"', ', "crit": ["enc"]',
    ', "zip": "GZIP"', ', "zip": ""', ', "zip": null', ', "zip": ["DEF"]',
    ', "x": ' + "[" * 2000 + "]" * 2000, ', "b64": false, "crit": ["b64"]', "}{"],
    ids=lambda more: more[2:26])
def test_a_boxs_header_is_as_strict_as_a_signatures(target, more):
    accepted(target.decrypt(rsa_box(target, header=header_text(target, ', "x": {"a": [1]}'))))
    refused(target.decrypt(rsa_box(target, header=header_text(target, more))),
            "ETOKEN", "EHEADER", "EJSON", "EALG")


def test_base64url_is_canonical_in_every_part_of_a_box(target):
    box = rsa_box(target)
    accepted(target.decrypt(box))
    parts = box.split(".")
    for i, one in enumerate(parts):
        for spoiled in (one + "=", one + "\n", " " + one, one[:-1] + "+", one + "\0"):
            refused(target.decrypt(".".join([*parts[:i], spoiled, *parts[i + 1:]])),
                    "ETOKEN", "EDECRYPT", "EHEADER")


@pytest.mark.parametrize("kid", ["a\u0000b", "a\nb", "x" * 5000, 7, None, []])
def test_a_boxs_kid_is_a_text_without_control_characters(target, kid):
    header = {"alg": "RSA-OAEP", "enc": "A128GCM", "kid": kid}
    refused(target.decrypt(rsa_box(target, header=header)), "ETOKEN", "EHEADER", "ENOKEY")


# --- one refusal ---------------------------------------------------------------------------

def flipped(index):
    def change(parts):
        value = bytearray(parts[index])
        value[len(value) // 2] ^= 1
        parts[index] = bytes(value)
        return parts
    return change


def other_header(parts):
    header = json.loads(unb64(parts[0]))
    parts[0] = part({**header, "x": 2})
    return parts


@pytest.mark.parametrize("enc", ["A128GCM", "A128CBC-HS256"])
def test_every_refusal_of_a_well_formed_box_is_the_same(target, enc):
    """Invariant 6: for another key, a flipped bit anywhere, a key of the wrong length."""
    header = {"alg": "RSA-OAEP", "enc": enc, "kid": target.keys["rsa-enc"]["kid"], "x": 1}
    accepted(target.decrypt(rsa_box(target, enc=enc, header=header)))
    boxes = [rsa_box(target, enc=enc, header=header, change=flipped(i)) for i in range(1, 5)]
    boxes.append(rsa_box(target, enc=enc, header=header, change=other_header))
    boxes.append(rsa_box(target, "rsa", enc=enc, header=header))  # sealed for another key
    boxes += [rsa_box(target, enc=enc, header=header, cek=bytes(size))
              for size in (1, 8, 15, 17, 24, 31, 33, 48, 64, 128)]
    answers = {(error, fields.get("WHY")) for error, fields in map(target.decrypt, boxes)}
    assert len(answers) == 1
    assert answers.pop()[0] == "EDECRYPT"


def test_content_keys_have_exactly_the_size_of_enc(target):
    """A box sealed with a shorter key, which says that it is of the longer kind."""
    kid = target.keys["rsa-enc"]["kid"]
    header = part({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": kid})
    cek = bytes(range(CEK["A128GCM"]))
    wrapped = rsa_box(target, cek=cek).split(".")[1]
    refused(target.decrypt(compact(header, wrapped, *gcm(cek, header.encode()))), "EDECRYPT")
