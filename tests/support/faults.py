"""What no log of a process under test may show: a sanitizer's report, a crash.

Node says which logs there are; conftest.py looks after each test.  A process
that is started again would else hide both.
"""
import os
import re
import signal
import subprocess

REPORT = re.compile(r"(ERROR|WARNING): \w*Sanitizer|Sanitizer:DEADLYSIGNAL|Sanitizer CHECK failed"
                    r"|: runtime error: ")
CRASHES = (signal.SIGSYS, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL,
           signal.SIGFPE, signal.SIGTRAP)
CRASH = re.compile(r"event=\w+-died .*signal=(%s)\b" % "|".join(s.name[3:] for s in CRASHES))
FRAME = re.compile(r"^( *#\d+ 0x[0-9a-f]+ .*)\((/\S+?)\+(0x[0-9a-f]+)\)", re.M)
LINES = 60  # of a report that are shown

_read = {}  # how far each log has been read
_found = []


def environment(env):
    """For a daemon.  Behind its sandbox it can open no file, start no symbolizer
    and change no signal stack: reports go to its log."""
    changed = dict(env)
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in env:
            kept = [o for o in env[name].split(":") if not o.startswith("log_path=")]
            changed[name] = ":".join([*kept, "symbolize=0", "use_sigaltstack=0"])
    return changed


def _source(match):
    """A frame with the function and line that its address is of."""
    program, address = match.group(2, 3)
    if not os.path.exists(program):
        return match.group()
    done = subprocess.run(["addr2line", "-s", "-f", "-p", "-e", program, address],
                          capture_output=True, text=True)
    return f"{match.group()} {done.stdout.strip()}"


def _shown(text, at):
    """The lines from the one at that place on."""
    start = text.rfind("\n", 0, at) + 1
    lines = text[start:].split("\n")[:LINES]
    return FRAME.sub(_source, "\n".join(lines))


def look(log_file):
    """Takes down what has come into that log since the last look."""
    start = _read.get(log_file, 0)
    try:
        with open(log_file, "rb") as f:
            if start > os.fstat(f.fileno()).st_size:
                start = 0
            f.seek(start)
            fresh = f.read()
    except FileNotFoundError:
        return
    _read[log_file] = start + len(fresh)
    text = fresh.decode(errors="replace")
    found = REPORT.search(text) or CRASH.search(text)
    if found:
        _found.append(f"{log_file}:\n{_shown(text, found.start())}")


def ended(what, status):
    """Takes down a process whose exit status is that of a crash."""
    if status is not None and -status in CRASHES:
        _found.append(f"{what} ended with {signal.Signals(-status).name}")


def take():
    """What was taken down since the last call."""
    found = list(_found)
    _found.clear()
    return found
