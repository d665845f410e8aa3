"""What the tests of the audit trail share: its lines, its check, waiting."""
import json
import os

from support.waiting import wait


def folder(node):
    return os.path.join(node.dir, "state")


def trail(node, name="audit.log"):
    with open(os.path.join(folder(node), name), "rb") as f:
        return f.read()


def lines(node, name="audit.log"):
    return [json.loads(line) for line in trail(node, name).splitlines()]


def whole_lines(node, name="audit.log"):
    """Without those that a death has torn: the last, and what the next one repairs."""
    found = trail(node, name).rpartition(b"\n")[0].splitlines()
    after = [b'"op":"repair"' in line for line in [*found[1:], b""]]
    return [json.loads(line) for line, repaired in zip(found, after)
            if not repaired or line.endswith(b"}")]


def files(node):
    """All files of the trail, oldest first."""
    names = [n for n in os.listdir(folder(node)) if n.startswith("audit.log")]
    numbers = sorted((int(n.rpartition(".")[2]) for n in names if n[-1].isdigit()), reverse=True)
    return [f"audit.log.{n}" for n in numbers] + (["audit.log"] if "audit.log" in names else [])


def verify(node, *names, args=()):
    paths = [os.path.join(folder(node), f) for f in names or ("audit.log",)]
    return node.cli("audit", "verify", *args, *paths)


def wait_for_op(node, op, count=1, name="audit.log"):
    return wait(lambda: [x for x in whole_lines(node, name) if x["op"] == op][count - 1:])[0]
