"""Fixtures of the system tests."""
import pytest

from support.node import Node


@pytest.fixture(scope="module")
def node(request):
    """One running node for a test module, made from its SPEC and CONFIG, if any."""
    spec = getattr(request.module, "SPEC", None)
    config = getattr(request.module, "CONFIG", None)
    with Node(spec, config=config) as running:
        yield running
