"""A sanitizer's report is seen wherever it is made: the control of the step that
builds all with sanitizers.  Here, with a fault planted, every test must notice.
"""
import os
import shutil
import subprocess

from support import faults
from support.node import BUILD, Node


def test_the_vault_reports_use_of_freed_memory_in_its_arena_from_behind_its_sandbox(tmp_path):
    for source in ("bin/vhsmd", "bin/vhsmd-front", "test/planted/vhsmd-vault"):
        shutil.copy2(os.path.join(BUILD, source), tmp_path)
    node = Node(bin_dir=tmp_path)
    try:
        node.launch()
        assert node.process.wait(60) != 0
    finally:
        node.kill()
        shutil.rmtree(node.dir)
    found = "\n".join(faults.take())
    assert "ERROR: AddressSanitizer: use-after-poison" in found
    assert "planted.c" in found, found
    assert not os.path.exists(f"{BUILD}/sanitizer.{node.process.pid}")


def test_every_program_is_built_with_sanitizers():
    for program in ("vhsmd", "vhsmd-front", "vhsmd-vault", "vhsmd-peer", "vhsm"):
        linked = subprocess.run(["ldd", os.path.join(BUILD, "bin", program)], capture_output=True,
                                text=True, check=True).stdout
        assert "libasan" in linked and "libubsan" in linked, program
