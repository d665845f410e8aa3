"""What the README tells a newcomer to type works as it stands there."""
import os
import re
import subprocess

import pytest

from support import built
from support.node import BUILD, ROOT, Node


@pytest.fixture(scope="module")
def node():
    with Node() as running:
        yield running


def blocks(language):
    with open(os.path.join(ROOT, "README.md")) as f:
        return re.findall(rf"```{language}\n(.*?)```", f.read(), re.S)


def run(node, program, source, folder):
    env = {**os.environ, "VHSM_SOCKET": node.url,
           "PATH": os.path.join(BUILD, "bin") + ":" + os.environ["PATH"]}
    return subprocess.run([*program, source], env=env, cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


def test_the_quick_start_in_shell_and_python(node, tmp_path):
    (shell,) = [b for b in blocks("sh") if "vhsm sign" in b]
    # The node runs already; what starts it is left out, and its port put in.
    lines = [l for l in shell.splitlines() if not l.startswith(("make ", "vhsmd "))]
    script = "set -eu\n" + "\n".join(lines).replace("127.0.0.1:7640", node.http)
    done = run(node, ["sh", "-c"], script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert '{"sub":"42"}' in done.stdout and done.stdout.rstrip().endswith("secret")
    (python,) = [b for b in blocks("python") if "jwcrypto" in b]
    done = run(node, ["/usr/bin/python3", "-c"], python.replace("127.0.0.1:7640", node.http),
               tmp_path)
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout


def test_the_c_example(node, tmp_path):
    (snippet,) = blocks("c")
    source = tmp_path / "app.c"
    source.write_text("#include <stdio.h>\n#include <vhsm.h>\nint main(void)\n{\n"
                      + snippet + "return 0;\n}\n")
    subprocess.run([*built.compiler(), "-I", os.path.join(ROOT, "client"), str(source),
                    os.path.join(BUILD, "lib", "libvhsm.a"), "-o", str(tmp_path / "app")],
                   check=True)
    done = run(node, [str(tmp_path / "app")], "x", tmp_path)
    assert done.stdout.count(".") == 2


def test_the_key_spec_is_accepted(tmp_path):
    for i, text in enumerate(blocks("yaml")):
        path = tmp_path / f"{i}.yaml"
        path.write_text(text)
        done = subprocess.run([os.path.join(BUILD, "bin", "vhsmd"), "--check", str(path)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_demo_runs():
    done = subprocess.run([os.path.join(ROOT, "deploy", "examples", "demo.sh")],
                          env={**os.environ, "BUILD": BUILD}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "verified:" in done.stdout and "the answer" in done.stdout


def test_the_demo_of_a_cluster_runs():
    done = subprocess.run([os.path.join(ROOT, "deploy", "examples", "demo-cluster.sh")],
                          env={**os.environ, "BUILD": BUILD}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "only c can open this" in done.stdout
    assert "still verifies" in done.stdout
