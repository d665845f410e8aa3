#!/usr/bin/python3
"""Runs the tests and ends with one line: how many passed, failed, were skipped.

    tests/run.py                everything that fits fifteen minutes
    tests/run.py unit           the Criterion programs alone
    tests/run.py long [STEP]    what takes longer (long_steps.py), or steps of it
    tests/run.py fuzz [NAME]    libFuzzer over the harnesses, or some of them
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

from support.heartbeat import Heartbeat

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD", "build")
# Those that mostly wait run two at a time, the longest first; those that measure run alone.
TOGETHER = ["cluster", "interop", "memory", "audit", "keylife", "faults", "sandbox", "attacks"]
ALONE = ["timing", "chaos"]
FOLDERS = TOGETHER + ALONE
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rsfE"]

# A machine that gave nobody a processor for so much of the time, or for so many
# seconds at once, proves nothing by a test that fails: it is run once more.
STOOD_SHARE, STOOD_SECONDS = 0.05, 0.3
MORE_BEFORE = 3600  # seconds of the whole run, after which nothing is
beat = Heartbeat()


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def run(what, command, env=None, limit=3600):
    """Output and exit status of a command; both shown when it fails."""
    start = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit,
                              text=True, errors="replace")
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
        output = output if isinstance(output, str) else output.decode(errors="replace")
        status = 124
    took = time.monotonic() - start
    print(f"{'ok  ' if status == 0 else 'FAIL'} {what} ({took:.1f} s)", flush=True)
    if status != 0:
        print(output[-20000:], flush=True)
    return output, status


def may_run_again(what, start):
    """Whether the machine stood still since; said aloud."""
    now = time.monotonic()
    lost, longest = beat.lost(start, now), beat.longest(start, now)
    if now - beat.began > MORE_BEFORE:
        return False
    if lost < STOOD_SHARE * (now - start) and longest < STOOD_SECONDS:
        return False
    print(f"     {what}: the machine stood still for {lost:.1f} of {now - start:.0f} s, "
          f"{longest:.2f} s at once; what failed is run once more", flush=True)
    return True


def criterion(tally, build, label="", env=None, options=("--jobs", "2"), limit=300):
    for program in sorted(glob.glob(os.path.join(ROOT, build, "test", "unit-*"))):
        if program.endswith(".d"):
            continue
        name = label + os.path.basename(program)
        command, env_ = [program, *options], {"VHSM_BUILD": build, **(env or {})}
        start = time.monotonic()
        output, status = run(name, command, env_, limit=limit)
        if status not in (0, 124) and may_run_again(name, start):
            output, status = run(name, command, env_, limit=limit)
        if status == 124:  # Criterion 2.4.1 itself can stall; once more, then it counts
            print(f"     {name} stalled and is run once more", flush=True)
            output, status = run(name, command, env_, limit=limit)
        found = re.findall(r"Tested: .*?(\d+).*?Passing: .*?(\d+).*?Failing: .*?(\d+)"
                           r".*?Crashing: .*?(\d+)", output)
        if not found:
            tally.add(0, 1)
            continue
        tested, passing, failing, crashing = map(int, found[-1])
        skipped = len(re.findall(r"\[.*SKIP.*\]", output))
        for line in output.splitlines():
            if "SKIP" in line:
                print("     " + line)
        # A sanitizer's report fails the run even where Criterion calls it passed.
        extra = 1 if status != 0 and failing + crashing == 0 else 0
        tally.add(max(passing - skipped, 0), failing + crashing + extra, skipped)


def count_pytest(tally, output, status):
    last = [l for l in output.splitlines() if re.search(r"\d+ (passed|failed|error|skipped)", l)]
    count = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
    if last:
        for n, word in re.findall(r"(\d+) (passed|failed|error|skipped)", last[-1]):
            count[word] = int(n)
    failed = count["failed"] + count["error"]
    if status != 0 and failed == 0:
        failed = 1
    tally.add(count["passed"], failed, count["skipped"])
    for line in output.splitlines():
        if line.startswith("SKIPPED"):
            print("     " + line)


def pytest(tally, build, label="", env=None, folders=None, limit=3600, at_once=1):
    def test(folder):
        path = os.path.join("tests", folder)
        if not glob.glob(os.path.join(ROOT, path, "test_*.py")):
            return [(f"no tests in {path}", 1)]
        env_, start = {"VHSM_BUILD": build, **(env or {})}, time.monotonic()
        output, status = run(label + path, PYTEST + [path], env_, limit)
        failed = sorted(set(re.findall(r"^(?:FAILED|ERROR) (tests/\S+::[^ ]+)", output, re.M)))
        if status == 0 or not failed or not may_run_again(label + path, start):
            return [(output, status)]
        passed = re.sub(r"\d+ (?:failed|errors?)\b(?:, )?", "", output)
        return [(passed, 0), run(f"{label}{path} once more", PYTEST + failed, env_, limit)]

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for runs in pool.map(test, folders or FOLDERS):
            for output, status in runs:
                count_pytest(tally, output, status)


def single(tally, what, command, env=None):
    _, status = run(what, command, env)
    tally.add(1 if status == 0 else 0, 0 if status == 0 else 1)


def fuzz_replay(tally, build, label="", env=None):
    for program in sorted(glob.glob(os.path.join(ROOT, build, "test", "fuzz-*"))):
        if program.endswith(".d"):
            continue
        name = os.path.basename(program)[len("fuzz-"):]
        single(tally, f"{label}fuzz replay {name}",
               [program, "2000", os.path.join("tests", "fuzz", f"fuzz_{name}.in")], env)


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    tally = Tally()
    beat.start()
    if what in ("long", "fuzz"):
        import long_steps
        getattr(long_steps, what)(tally, sys.argv[2:])
    else:
        criterion(tally, BUILD)
    if what == "all":
        single(tally, "lint", ["tests/lint/run.sh"], {"BUILD": BUILD})
        fuzz_replay(tally, BUILD)
        pytest(tally, BUILD, folders=TOGETHER, at_once=2)
        pytest(tally, BUILD, folders=ALONE)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 0 if tally.failed == 0 and tally.passed > 0 else 1


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]
    sys.exit(main())
