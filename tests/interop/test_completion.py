"""Completion offers what the command line takes, in bash and in zsh."""
import os
import re
import shutil
import subprocess

import pytest

from support.node import BUILD, ROOT

VHSM = os.path.join(BUILD, "bin", "vhsm")
BASH = """
. ./vhsm
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_vhsm
printf '%s\\n' "${COMPREPLY[@]}"
"""
# What zsh would show is printed: names before the colon.
ZSH = """
compdef() { : }
_describe() { local of=${@[-1]}; print -l -- ${${(P)of}%%:*} | grep -- "^${words[CURRENT]}" }
_files() { [[ $1 == -/ ]] && print -l -- *(/N) || print -l -- *(N) }
. ./_vhsm
words=("$@")
CURRENT=$#
_vhsm
"""


def say(*args):
    return subprocess.run([VHSM, *args], capture_output=True, text=True, check=True).stdout


def verbs():
    """Those of the table, each with the options its usage tells: {verb: options}."""
    with open(os.path.join(ROOT, "client", "cli", "verbs.def")) as table:
        names = re.findall(r'^VH_VERB\("([^"]+)"', table.read(), re.M)
    return {name: set(re.findall(r"^  (?:-\w,|   ) (--[a-z-]+)", say("help", *name.split()), re.M))
            for name in names}


@pytest.fixture(scope="module", params=["bash", "zsh"])
def complete(request, tmp_path_factory):
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param} here")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "vhsm").write_text(say("completion", "bash"))
    (folder / "_vhsm").write_text(say("completion", "zsh"))
    (folder / "token").write_text("")
    (folder / "folder").mkdir()

    def run(*words):
        program = (["bash", "--norc", "-c", BASH, "bash"] if request.param == "bash"
                   else ["zsh", "-f", "-c", ZSH, "zsh"])
        done = subprocess.run([*program, "vhsm", *words], cwd=folder, capture_output=True, text=True)
        assert done.stderr == "", done.stderr
        return set(done.stdout.split())
    return run


def test_usage_names_verbs_to_compare_with():
    found = verbs()
    assert len(found) >= 16 and "cluster init" in found and "completion" in found
    assert "--header" in found["sign"] and "--socket" in found["sign"]


def test_every_verb_is_offered(complete):
    words = {name.split()[0] for name in verbs()}
    assert complete("") == words
    for group in {name.split()[0] for name in verbs() if " " in name}:
        assert complete(group, "") == {n.split()[1] for n in verbs() if n.startswith(group + " ")}
    assert complete("dec") == {"decrypt"}
    assert complete("--timeout", "10", "ver") == {"verify"}


def test_every_option_of_each_verb_is_offered_and_no_other(complete):
    for name, options in verbs().items():
        assert complete(*name.split(), "--") == options, name


def test_values_and_operands_come_from_where_they_belong(complete):
    assert complete("sign", "--use", "") == {"sig", "enc"}
    assert complete("sign", "--kty", "O") == {"OKP"}
    assert complete("completion", "") == {"bash", "zsh"}
    assert "token" in complete("verify", "")
    assert "token" not in complete("cluster", "init", "")
    assert "folder" in complete("cluster", "init", "")
    assert "sign" in complete("help", "")
    assert complete("sign", "--header", "") == set()
    assert complete("status", "") == set()


def test_an_option_means_what_its_verb_takes(complete):
    assert "token" in complete("audit", "verify", "--ca", "")
    assert complete("cluster", "issue", "--ca", "") == {"folder"}
    assert complete("cluster", "revoke", "--ca", "") == {"folder"}
    assert complete("bench", "--payload", "") == set()
    assert "token" in complete("verify", "--payload", "")
    assert "token" in complete("raw", "derive", "--jwk", "")
    assert "token" in complete("encrypt", "--jwk", "")
    assert "token" in complete("audit", "verify", "")
    assert "sign" in complete("--ca", "x", "")  # the verb is still to come


def table(name):
    """The names in a table of proto/wire/alg.def."""
    with open(os.path.join(ROOT, "proto", "wire", "alg.def")) as text:
        return set(re.findall(rf'^VH_{name}\(\w+, +\d+, +"([^"]+)"', text.read(), re.M))


def test_values_that_are_few_are_offered(complete):
    assert complete("sign", "--format", "") == {"compact", "flattened", "general"}
    assert complete("keys", "--state", "") == {"any", "published", "active", "retired"}
    assert complete("sign", "--crv", "") == table("CRV")
    assert complete("sign", "--kty", "") == table("KTY") == {"RSA", "EC", "OKP", "oct"}
    assert complete("encrypt", "--enc", "") == table("ENC")
    assert complete("encrypt", "--enc", "A256C") == {"A256CBC-HS512"}
    assert complete("sign", "--alg", "") == table("ALG")
    assert complete("sign", "--alg", "ES") == {"ES256", "ES384", "ES512", "ES256K"}


def test_another_shell_is_refused():
    done = subprocess.run([VHSM, "completion", "fish"], capture_output=True, text=True)
    assert done.returncode == 2 and "expected bash or zsh" in done.stderr
