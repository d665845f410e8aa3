"""How what is tested was built, and how to link with it."""
import functools
import os
import subprocess

from support.node import BUILD

RUNTIMES = {"libasan": "address", "libubsan": "undefined"}


@functools.cache
def sanitizers():
    """Those that all was built with: who links libvhsm needs them, too."""
    linked = subprocess.run(["ldd", os.path.join(BUILD, "lib", "libvhsm.so")], capture_output=True,
                            text=True, check=True).stdout
    return [name for library, name in RUNTIMES.items() if library in linked]


def compiler(name="cc"):
    return [name, *(f"-fsanitize={which}" for which in sanitizers())]
