"""Fixtures of the system tests."""
import pytest

from support import faults
from support.node import Node


def faults_found():
    for running in list(Node.started):
        faults.look(running.log_file)
    return faults.take()


@pytest.fixture(autouse=True)
def no_process_is_at_fault(request):
    """No sanitizer's report and no crash in any node's log; a test marked with
    crashes makes some itself."""
    yield
    found = faults_found()
    if not request.node.get_closest_marker("crashes"):
        assert not found, "\n".join(found)


@pytest.fixture(scope="module", autouse=True)
def no_process_ends_at_fault():
    """The same for nodes that a module has shared."""
    yield
    found = faults_found()
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def node(request):
    """One running node for a test module, made from its SPEC and CONFIG, if any."""
    spec = getattr(request.module, "SPEC", None)
    config = getattr(request.module, "CONFIG", None)
    with Node(spec, config=config) as running:
        yield running
