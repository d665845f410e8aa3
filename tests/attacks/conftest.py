"""The target of the attacks: one node, and one caller's connection to it."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from forge import SPEC, Target, write_secrets  # noqa: E402
from support.node import Node  # noqa: E402
from support.wire import Wire  # noqa: E402


@pytest.fixture(scope="session")
def attacked(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("attacked"))
    write_secrets(folder)
    with Node(SPEC, folder=folder) as running:
        yield running


@pytest.fixture
def target(attacked):
    with Wire(attacked.url) as wire:
        yield Target(attacked, wire)
    # Whatever was tried, the node lives on and says OK to the next caller.
    assert attacked.process.poll() is None
    with Wire(attacked.url) as wire:
        assert wire.ask("STATUS")[0] == "OK"
