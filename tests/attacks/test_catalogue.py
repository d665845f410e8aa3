"""The list of attacks in README.md names tests that exist."""
import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


def test_every_attack_that_is_listed_is_tried():
    there = set()
    for path in glob.glob(os.path.join(HERE, "test_*.py")):
        with open(path, encoding="utf-8") as file:
            there.update(re.findall(r"^def (test_\w+)", file.read(), re.MULTILINE))
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        rows = [line for line in file if line.startswith("| ") and "tests |" not in line]
    assert len(rows) > 25
    for row in rows:
        named = set(re.findall(r"`(test_\w+)`", row))
        assert named and named <= there, (row, named - there)
