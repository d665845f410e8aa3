"""A full arena is called full: neither is a right box called wrong, nor a good key malformed."""
import os
import subprocess

import pytest

from support.node import BUILD


@pytest.mark.parametrize("what", ["boxes", "keys", "signers"])
def test_a_full_arena_is_called_full(what):
    done = subprocess.run([os.path.join(BUILD, "test", "full"), what], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
