"""make install puts all there is where it belongs, and make deb makes packages from
which a node runs."""
import os
import platform
import re
import shutil
import subprocess

import pytest

from support import built
from support.node import BUILD, ROOT, Node

PAGES = {"man1/vhsm.1", "man3/libvhsm.3", "man5/keyspec.5", "man5/vhsmd.yaml.5", "man5/vhsmd-audit.5",
         "man8/vhsmd.8"}
DOCS = {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "PROTOCOL.md", "openapi.yaml", "PRIVSEP.md",
        "SECURITY.md"}


def make(*arguments):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", "-s", f"BUILD={os.path.relpath(BUILD, ROOT)}", *arguments], cwd=ROOT,
                          env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def tree(folder):
    return {os.path.relpath(os.path.join(at, name), folder)
            for at, _, names in os.walk(folder) for name in names}


def test_install_puts_everything_under_the_prefix(tmp_path):
    make("install", f"DESTDIR={tmp_path}")
    local = tmp_path / "usr" / "local"
    found = tree(local)
    assert tree(tmp_path) == {"usr/local/" + name for name in found}
    assert {"bin/vhsm", "sbin/vhsmd", "libexec/vhsmd/vhsmd-vault", "libexec/vhsmd/vhsmd-front",
            "libexec/vhsmd/vhsmd-peer", "include/vhsm.h", "lib/libvhsm.a", "lib/libvhsm.so",
            "lib/pkgconfig/vhsm.pc", "share/vhsmd/systemd/vhsmd.service",
            "share/bash-completion/completions/vhsm", "share/zsh/site-functions/_vhsm"} <= found
    assert {f"share/man/{page}" for page in PAGES} <= found
    assert {f"share/doc/vhsmd/{name}" for name in DOCS} <= found
    # Every manual page of the sources, every example.
    assert {os.path.basename(p) for p in PAGES} == set(os.listdir(os.path.join(ROOT, "deploy", "man")))
    for name in os.listdir(os.path.join(ROOT, "client", "examples")):
        assert f"share/doc/vhsmd/examples/{name}" in found
    flags = subprocess.run(["pkg-config", "--define-variable", f"prefix={local}", "--cflags", "--libs",
                            "vhsm"], env={**os.environ, "PKG_CONFIG_PATH": str(local / "lib/pkgconfig")},
                           capture_output=True, text=True, check=True).stdout.split()
    app = tmp_path / "app"
    subprocess.run([*built.compiler(), os.path.join(ROOT, "client", "examples", "sign.c"), *flags, "-o", str(app)],
                   check=True)
    with Node(bin_dir=local / "sbin", http=False) as node:
        done = subprocess.run([app], env={**os.environ, "VHSM_SOCKET": node.url,
                                          "LD_LIBRARY_PATH": str(local / "lib")},
                              capture_output=True, text=True, timeout=60)
        assert "verified: hello" in done.stdout, done.stderr


@pytest.fixture(scope="module")
def packages():
    if shutil.which("dpkg-shlibdeps") is None:
        pytest.skip("there is no dpkg-dev here: no Debian package was made")
    make("deb")
    folder = os.path.join(BUILD, "deb")
    found = {name.split("_")[0]: os.path.join(folder, name) for name in os.listdir(folder)}
    assert set(found) == {"vhsmd", "libvhsm0", "libvhsm-dev"}
    return found


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", package, name], capture_output=True, text=True,
                          check=True).stdout.strip()


@pytest.mark.skipif(bool(built.sanitizers()), reason="sanitizers link libraries of their own")
def test_packages_depend_on_what_they_link(packages):
    depends = field(packages["vhsmd"], "Depends")
    for library in ("libssl3", "libjansson4", "libsodium23", "libmicrohttpd12", "libyaml-0-2",
                    "libseccomp2", "libnng1", "zlib1g", "libc6"):
        assert library in depends, library
    assert [d.split()[0] for d in field(packages["libvhsm0"], "Depends").split(", ")] == ["libc6"]
    assert field(packages["libvhsm-dev"], "Depends") == f"libvhsm0 (= {field(packages['vhsmd'], 'Version')})"


def test_packages_hold_what_is_installed_and_nothing_twice(packages, tmp_path):
    trees = {}
    for name, package in packages.items():
        subprocess.run(["dpkg-deb", "-x", package, str(tmp_path / name)], check=True)
        trees[name] = tree(tmp_path / name)
    multiarch = f"usr/lib/{platform.machine()}-linux-gnu"
    assert {"lib/systemd/system/vhsmd.service", "usr/lib/sysusers.d/vhsmd.conf",
            "usr/lib/tmpfiles.d/vhsmd.conf", "usr/share/man/man8/vhsmd.8.gz",
            "usr/share/bash-completion/completions/vhsm",
            "usr/share/zsh/vendor-completions/_vhsm"} <= trees["vhsmd"]
    assert {f"{multiarch}/libvhsm.so.0"} <= trees["libvhsm0"]
    assert {"usr/include/vhsm.h", f"{multiarch}/libvhsm.a", f"{multiarch}/pkgconfig/vhsm.pc",
            "usr/share/man/man3/libvhsm.3.gz"} <= trees["libvhsm-dev"]
    everything = set().union(*trees.values())
    assert sum(map(len, trees.values())) == len(everything)
    make("install", f"DESTDIR={tmp_path / 'installed'}")
    renamed = {"vhsmd.sysusers.conf": "vhsmd.conf", "vhsmd.tmpfiles.conf": "vhsmd.conf"}
    names = {os.path.basename(path) for path in tree(tmp_path / "installed")}
    packed = {re.sub(r"(\.[1-8])\.gz$", r"\1", os.path.basename(path)) for path in everything}
    assert packed == {renamed.get(name, name) for name in names} | {"copyright", "changelog.Debian.gz"}
    for name in packages:
        said = (tmp_path / name / "usr/share/doc" / name / "copyright").read_text()
        assert "no licence has been granted" in said
    unit = (tmp_path / "vhsmd/lib/systemd/system/vhsmd.service").read_text()
    assert "ExecStart=/usr/sbin/vhsmd " in unit and "/usr/local" not in unit
    pc = (tmp_path / "libvhsm-dev" / multiarch / "pkgconfig/vhsm.pc").read_text()
    assert f"libdir=${{prefix}}/lib/{platform.machine()}-linux-gnu" in pc and "prefix=/usr\n" in pc


@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg --root needs root")
def test_a_node_runs_from_its_installed_package(packages, tmp_path):
    root = tmp_path / "root"
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    for name in ("status", "available"):
        (root / "var/lib/dpkg" / name).write_text("")
    # Its dependencies are those of the machine: not in this root.
    done = subprocess.run(["dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless",
                           "--install", *packages.values()], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W",
                            "-f", "${Package} ${Status}\\n"], capture_output=True, text=True, check=True)
    assert shown.stdout.count("install ok installed") == 3, shown.stdout
    with Node(bin_dir=root / "usr/sbin") as node:
        exe = os.readlink(f"/proc/{node.pids()['vhsmd-vault']}/exe")
        assert exe == str(root / "usr/libexec/vhsmd/vhsmd-vault")
        token = subprocess.run([root / "usr/bin/vhsm", "-s", node.url, "sign"], input=b"text",
                               capture_output=True, check=True).stdout
        assert node.ask("verify", input=token) == b"text"
