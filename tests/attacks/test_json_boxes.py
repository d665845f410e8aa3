"""Attacks on the flattened and general forms of JWE, and on what is compressed."""
import functools
import json
import os
import time
import zlib

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from forge import (CEK, SECRETS, Listener, accepted, b64, deflate, dir_box, honest_epk, json_box,
                   oaep, part, refused, rsa_box)

ENC = "A128GCM"
CEK16 = bytes(range(16))


def whole(target, name="rsa-enc", **more):
    """The header of an honest box."""
    return {"alg": "RSA-OAEP", "enc": ENC, "kid": target.kid(name), **more}


def box(target, protected=..., recipient=None, cek=CEK16, enc=ENC, **more):
    """A flattened box by RSA-OAEP."""
    protected = whole(target) if protected is ... else protected
    one = {"encrypted_key": oaep(target, cek), **({"header": recipient} if recipient else {})}
    return json_box(cek, enc, protected, one, **more)


def opened(target, message):
    return target.decrypt(message if isinstance(message, str) else json.dumps(message))


def as_general(message):
    """The same box in the other form."""
    own = {k: message[k] for k in ("header", "encrypted_key") if k in message}
    rest = {k: v for k, v in message.items() if k not in own}
    return {**rest, "recipients": [own]}


def both_forms(message):
    return [message, as_general(message)]


def split(target, names):
    """The honest header, those names of it apart."""
    header = whole(target)
    return ({k: v for k, v in header.items() if k not in names} or None,
            {k: v for k, v in header.items() if k in names})


# --- headers in three places ------------------------------------------------------------

@pytest.mark.parametrize("name", ["alg", "enc", "kid", "x"])
@pytest.mark.parametrize("places", [("protected", "shared"), ("protected", "own"),
                                    ("shared", "own")])
@pytest.mark.parametrize("same", [True, False])
def test_a_header_member_stands_in_one_place(target, name, places, same):
    header = whole(target, x=1)
    other = {"alg": "RSA1_5", "enc": "A256GCM", "kid": target.kid("rsa15"), "x": 2}

    def made(twice):
        parts = {"protected": {}, "shared": {}, "own": {}}
        for key, value in header.items():
            parts[places[0]][key] = value
        if twice:
            parts[places[1]][name] = header[name] if same else other[name]
        return box(target, parts["protected"] or None, parts["own"], shared=parts["shared"])
    for message in both_forms(made(False)):
        accepted(opened(target, message))
    for message in both_forms(made(True)):
        refused(opened(target, message), "EHEADER")


@pytest.mark.parametrize("more", [{"zip": "DEF"}, {"crit": ["exp"], "exp": 1}, {"crit": []},
                                  {"crit": ["zip"]}])
@pytest.mark.parametrize("place", ["shared", "own"])
def test_unprotected_extensions_are_refused(target, more, place):
    """An unprotected zip would let a stranger have a plaintext unpacked or not."""
    accepted(opened(target, box(target, whole(target, zip="DEF"), plain=deflate(b"payload"))))
    message = box(target, recipient=more if place == "own" else None, plain=deflate(b"payload"),
                  shared=more if place == "shared" else None)
    for one in both_forms(message):
        refused(opened(target, one), "EHEADER")


@pytest.mark.parametrize("alg", ["none", "RSA1_5", "RSA-OAEP-256", "RSA-OAEP-512", "dir", "ECDH-ES",
                                 "A128KW", "PBES2-HS256+A128KW", "RS256", "HS256", "", None, 5])
@pytest.mark.parametrize("place", ["shared", "own"])
def test_an_unprotected_alg_opens_nothing_by_another_algorithm(target, alg, place):
    """Nothing keeps it from being changed on the way; the key's own kind does."""
    rest, apart = split(target, {"alg"})

    def made(alg):
        apart["alg"] = alg
        return box(target, rest, apart if place == "own" else None,
                   shared=apart if place == "shared" else None)
    for one in both_forms(made("RSA-OAEP")):
        accepted(opened(target, one))
    for one in both_forms(made(alg)):
        refused(opened(target, one), "EALG", "ETOKEN", "EDECRYPT")


@pytest.mark.parametrize("enc", ["A256GCM", "A192GCM", "A128CBC-HS256", "A256CBC-HS512", "none", None])
def test_an_unprotected_enc_opens_nothing_by_another_method(target, enc):
    rest, apart = split(target, {"enc"})
    accepted(opened(target, box(target, rest, shared=apart)))
    for one in both_forms(box(target, rest, shared={"enc": enc})):
        refused(opened(target, one), "EDECRYPT", "ETOKEN", "EALG")


@pytest.mark.parametrize("kid", ["\u0000", "a\nevent=forged", "\u001b[2J", "x" * 5000, 7, None, []])
def test_an_unprotected_kid_is_a_text_without_control_characters(target, kid):
    rest, apart = split(target, {"kid"})
    accepted(opened(target, box(target, rest, apart)))
    for one in both_forms(box(target, rest, {"kid": kid})):
        refused(opened(target, one), "ETOKEN", "EHEADER", "ENOKEY")
    assert "event=forged" not in target.node.log() and "\x1b" not in target.node.log()


def test_an_unprotected_kid_leads_to_the_holder_only(target):
    rest, apart = split(target, {"kid"})
    accepted(opened(target, box(target, rest, apart)))
    for name in ("rsa15", "p256-enc", "kw"):
        refused(opened(target, box(target, rest, {"kid": target.kid(name)})), "EALG")
    for name in ("rsa", "p256", "mac"):
        refused(opened(target, box(target, rest, {"kid": target.kid(name)})), "ENOKEY", "EALG")


def test_no_url_and_no_key_of_a_box_is_used(target):
    listener = Listener(b"{}")
    try:
        for more in ({"jku": listener.url}, {"x5u": listener.url}, {"x5c": ["MIIB"]},
                     {"jwk": target.keys["rsa15"]}):
            accepted(opened(target, box(target, whole(target, **more))))
            accepted(opened(target, box(target, recipient=more)))
            rest = {k: v for k, v in whole(target, **more).items() if k != "kid"}
            named = {**rest, "kid": "nobody"}
            refused(opened(target, box(target, named)), "ENOKEY")
        assert listener.hits == []
    finally:
        listener.server.shutdown()


# --- several recipients --------------------------------------------------------------------

def pair(target, protected=None, **change):
    """One box for two keys of the node; change: recipients that are spoiled."""
    first = {"header": {"alg": "RSA-OAEP", "kid": target.kid("rsa-enc")},
             "encrypted_key": oaep(target, CEK16)}
    second = {"header": {"alg": "A256KW", "kid": target.kid("kw")},
              "encrypted_key": aes_key_wrap(SECRETS["kw"], CEK16)}
    recipients = [{**first, **change.get("first", {})}, {**second, **change.get("second", {})}]
    return json_box(CEK16, ENC, protected or {"enc": ENC}, recipients)


def test_a_spoiled_recipient_does_not_keep_the_other_from_it(target):
    accepted(opened(target, pair(target)))
    spoiled = {"encrypted_key": os.urandom(256)}
    accepted(opened(target, pair(target, first=spoiled)))
    both = pair(target, first=spoiled, second={"encrypted_key": os.urandom(24)})
    refused(opened(target, both), "EDECRYPT")


def test_encrypted_keys_belong_to_their_recipients(target):
    honest = pair(target)
    accepted(opened(target, honest))
    one, two = honest["recipients"]
    honest["recipients"] = [{**one, "encrypted_key": two["encrypted_key"]},
                            {**two, "encrypted_key": one["encrypted_key"]}]
    refused(opened(target, honest), "EDECRYPT")


@pytest.mark.parametrize("alg", ["none", "PBES2-HS256+A128KW", "RS256", "x"])
def test_an_unknown_algorithm_of_one_recipient_is_not_tried(target, alg):
    """2^31 rounds must not be begun for it either."""
    header = {"alg": alg, "kid": target.kid("rsa-enc"), "p2s": "AAAAAAAAAAA", "p2c": 2 ** 31 - 1}
    start = time.monotonic()
    accepted(opened(target, pair(target, first={"header": header})))
    rest = {"header": {**header, "kid": target.kid("kw")}}
    refused(opened(target, pair(target, first={"header": header}, second=rest)), "EALG")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("header", [{"enc": "A256GCM"}, {"alg": "A256KW", "zip": "DEF"},
                                    {"crit": ["exp"], "exp": 1}, {"kid": 5}, {"alg": None}])
def test_a_recipient_with_a_header_out_of_place_refuses_the_box(target, header):
    accepted(opened(target, pair(target)))
    own = {"alg": "A256KW", "kid": target.kid("kw"), **header}
    refused(opened(target, pair(target, second={"header": own})), "EHEADER")


def test_recipients_agree_on_enc(target):
    def with_enc(*encs):
        message = pair(target, protected={"typ": "x"})
        for one, enc in zip(message["recipients"], encs):
            one["header"]["enc"] = enc
        return message
    accepted(opened(target, with_enc("A128GCM", "A128GCM")))
    refused(opened(target, with_enc("A128GCM", "A192GCM")), "EHEADER")
    refused(opened(target, with_enc("A256GCM", "A128GCM")), "EHEADER")
    refused(opened(target, with_enc("A128GCM", "A128CBC-HS256")), "ETOKEN")


@pytest.mark.parametrize("alg", ["dir", "ECDH-ES"])
def test_a_key_that_is_not_wrapped_has_one_recipient(target, alg):
    """Else who knows the content key of one learns that of the others."""
    accepted(target.decrypt(dir_box(target)))
    epk, _ = honest_epk(target, "p256-enc")
    kid = target.kid("kw" if alg == "dir" else "p256-enc")
    own = {"header": {"alg": alg, "kid": kid, **({"epk": epk} if alg != "dir" else {})}}
    message = pair(target)
    message["recipients"][1] = own
    refused(opened(target, message), "EHEADER")


@pytest.mark.parametrize("epk", [{}, [], None, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
                                 {"kty": "EC", "crv": "P-256", "x": "A" * 9000, "y": "AA"}],
                         ids=lambda e: json.dumps(e)[:40])
def test_an_ephemeral_key_of_one_recipient_must_be_sound(target, epk):
    own = {"header": {"alg": "ECDH-ES+A128KW", "kid": target.kid("p256-enc"), "epk": epk},
           "encrypted_key": bytes(24)}
    message = pair(target)
    message["recipients"] += [{**own, "encrypted_key": b64(bytes(24))}]
    refused(opened(target, message), "ETOKEN")


@pytest.mark.parametrize("count", [17, 1000, 100000])
def test_recipients_are_counted_before_a_key_is_used(target, count):
    message = pair(target)
    accepted(opened(target, {**message, "recipients": message["recipients"] * 8}))
    many = [{"encrypted_key": "AA"}] * count
    refused(opened(target, {**message, "recipients": many}), "ETOOBIG")


def test_recipients_without_kid_are_tried_a_bounded_number_of_times(target):
    """Sixteen times every key of the node would be cheap to ask for and dear to do."""
    message = pair(target)
    for one in message["recipients"]:
        del one["header"]["kid"]
    accepted(opened(target, message))
    bad = {**message["recipients"][0], "encrypted_key": b64(os.urandom(256))}
    refused(opened(target, {**message, "recipients": [bad] * 16}), "EDECRYPT")


# --- what is authenticated ------------------------------------------------------------------

@pytest.mark.parametrize("enc", ["A128GCM", "A128CBC-HS256"])
def test_additional_data_is_authenticated(target, enc):
    cek = bytes(range(CEK[enc]))
    message = box(target, whole(target, enc=enc), cek=cek, enc=enc, aad=b"seen by all")
    for one in both_forms(message):
        error, fields = opened(target, one)
        assert error == "OK" and fields["AAD"] == b"seen by all"
    for aad in (b64(b"Seen by all"), b64(b"seen by all\0"), b64(b"seen by al")):
        refused(opened(target, {**message, "aad": aad}), "EDECRYPT")
    without = {k: v for k, v in message.items() if k != "aad"}
    refused(opened(target, without), "EDECRYPT")
    plain = box(target, whole(target, enc=enc), cek=cek, enc=enc)
    accepted(opened(target, plain))
    refused(opened(target, {**plain, "aad": "AAAA"}), "EDECRYPT")
    for aad in ("", None, 5, "AAA=", "AB", "A", [], "A.A"):
        refused(opened(target, {**message, "aad": aad}), "ETOKEN")


def test_the_dot_between_header_and_additional_data_cannot_move(target):
    message = box(target, aad=b"seen")
    accepted(opened(target, message))
    moved = {k: v for k, v in message.items() if k != "aad"}
    moved["protected"] = message["protected"] + "." + message["aad"]
    refused(opened(target, moved), "ETOKEN")


@pytest.mark.parametrize("name", ["protected", "encrypted_key", "iv", "ciphertext", "tag"])
def test_every_part_counts(target, name):
    message = box(target, whole(target, typ="aaaaaaaaaaaaaaaa"))
    for one in both_forms(message):
        accepted(opened(target, one))
    text = part(whole(target, typ="aaaaaaaaaaaaaaab")) if name == "protected" else message[name]
    if name != "protected":
        text = ("B" if text[0] == "A" else "A") + text[1:]
    for one in both_forms({**message, name: text}):
        refused(opened(target, one), "EDECRYPT")


@pytest.mark.parametrize("enc", ["A128GCM", "A128CBC-HS256"])
@pytest.mark.parametrize("name", ["tag", "iv"])
@pytest.mark.parametrize("size", [0, 1, 8, 11, 13, 15, 17, 32])
def test_tags_and_ivs_have_one_size_in_json_too(target, enc, name, size):
    message = box(target, whole(target, enc=enc), cek=bytes(range(CEK[enc])), enc=enc)
    cut = b64((bytes(64) if name == "iv" else b"\1" * 64)[:size])
    for one in both_forms({**message, name: cut}):
        refused(opened(target, one), "ETOKEN")


# --- the message itself ------------------------------------------------------------------------

@pytest.mark.parametrize("members", [
    {"iv": ...}, {"tag": ...}, {"ciphertext": ...}, {"encrypted_key": ...}, {"encrypted_key": ""},
    {"encrypted_key": 5}, {"iv": None}, {"iv": {}}, {"protected": ""}, {"protected": {}},
    {"protected": None}, {"unprotected": "e30"}, {"unprotected": []}, {"unprotected": None},
    {"header": []}, {"header": None}, {"recipients": []}, {"recipients": {}},
    {"recipients": None}, {"recipients": [{}]}, {"encrypted_key": "A" * 5000}],
    ids=lambda m: json.dumps({k: "gone" if v is ... else v for k, v in m.items()})[:30])
def test_a_flattened_box_has_the_members_of_one(target, members):
    message = box(target)
    accepted(opened(target, {**message, "other": "is skipped"}))
    spoiled = {k: v for k, v in {**message, **members}.items() if v is not ...}
    refused(opened(target, spoiled), "ETOKEN")


@pytest.mark.parametrize("recipients", [None, 5, "x", {}, [], [None], ["x"], [[]], [{}]], ids=str)
def test_a_general_box_has_a_list_of_recipients(target, recipients):
    message = as_general(box(target))
    accepted(opened(target, message))
    refused(opened(target, {**message, "recipients": recipients}), "ETOKEN")
    refused(opened(target, {**message, "encrypted_key": "AA"}), "ETOKEN")
    refused(opened(target, {**message, "header": {}}), "ETOKEN")


def test_members_of_a_box_are_not_repeated(target):
    message = box(target, recipient={"y": 1})
    text = json.dumps(message)
    accepted(opened(target, text))
    for name, value in message.items():
        refused(opened(target, text[:-1] + f', "{name}": {json.dumps(value)}}}'), "EJSON")
    refused(opened(target, text.replace('{"y": 1}', '{"y": 1, "\\u0079": 1}')), "EJSON")


@pytest.mark.parametrize("change", [
    lambda t: t + "x", lambda t: t + t, lambda t: "[" + t + "]", lambda t: t[:-1], lambda t: "{}",
    lambda t: t[:-1] + ',"unprotected":{"x":' + "[" * 16 + "]" * 16 + "}}",
    lambda t: t[:-1] + ',"x":' + "[" * 100000 + "]" * 100000 + "}",
    lambda t: t[:-1] + ',"unprotected":{"x":1e999}}', lambda t: t[:-1] + ',"x":"\\ud800"}',
    lambda t: t[:-1] + ',"unprotected":{"x":"' + "a" * 40000 + '"}}',
    lambda t: t[:-1] + ',"x":[' + "0," * 200000 + "0]}"], ids=range(11))
def test_a_box_is_one_json_object_of_bounded_depth(target, change):
    text = json.dumps(box(target))
    accepted(opened(target, "\n " + text + "\t"))
    refused(opened(target, change(text)), "ETOKEN")


def test_base64url_is_canonical_in_every_member_of_a_box(target):
    message = box(target, aad=b"a")
    accepted(opened(target, message))
    for name in ("protected", "encrypted_key", "iv", "ciphertext", "tag", "aad"):
        one = message[name]
        for spoiled in (one + "=", one + "\n", " " + one, one[:-1] + "+", one + "\u0000", one + "."):
            refused(opened(target, {**message, name: spoiled}), "ETOKEN", "EJSON")


# --- compressed -----------------------------------------------------------------------------

MOST = 256 << 10
STREAM = deflate(os.urandom(5000) + bytes(5000))


def packed(target, data, form):
    if form == "compact":
        return rsa_box(target, header=whole(target, zip="DEF"), plain=data)
    message = box(target, whole(target, zip="DEF"), plain=data)
    return json.dumps(message if form == "flattened" else as_general(message))


@functools.cache
def bomb(size):
    """So many zeros."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20))
    return data + packer.compress(bytes(size & ((1 << 20) - 1))) + packer.flush()


@pytest.mark.parametrize("form", ["compact", "flattened", "general"])
@pytest.mark.parametrize("size", [MOST + 1, 2 * MOST, 64 << 20, 200 << 20],
                         ids=["one-byte-more", "twice", "64-MiB", "200-MiB"])
def test_a_zip_bomb_does_not_go_off(target, form, size):
    accepted(target.decrypt(packed(target, bomb(MOST), form)), bytes(MOST))
    token = packed(target, bomb(size), form)
    start = time.monotonic()
    refused(target.decrypt(token), "EDECRYPT")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("form", ["compact", "flattened", "general"])
def test_what_is_no_whole_stream_is_refused_as_any_other_box(target, form):
    accepted(target.decrypt(packed(target, STREAM, form)), None)
    wrong = json.loads(json.dumps(box(target)))
    wrong["tag"] = b64(bytes(16))
    want = opened(target, wrong)
    for data in (STREAM[:-1], b"", STREAM + b"\0", STREAM * 2, b"\xff" * 20, zlib.compress(b"x"),
                 b"payload"):
        assert target.decrypt(packed(target, data, form)) == want


@pytest.mark.parametrize("name", ["GZIP", "def", "DEFLATE", "", None, True, ["DEF"], {}], ids=str)
def test_only_one_compression_is_known(target, name):
    accepted(target.decrypt(packed(target, STREAM, "flattened")), None)
    for one in both_forms(box(target, whole(target, zip=name), plain=STREAM)):
        refused(opened(target, one), "EHEADER")
