"""make test-long and make fuzz: what takes longer than make test may.

Each step has a name; `tests/run.py long asan soak` runs those two.  A step that
cannot do its work fails, it is never left out.

    FUZZ_SECONDS      of each harness (60)
    SOAK_SECONDS      of the soak (3600)
    DISK_SECONDS      of a disk that fills again and again under the audit trail (300)
    SCAN_OPERATIONS   before the memory scan (1000000)
"""
import glob
import os
import re
import time

from run import BUILD, ROOT, criterion, fuzz_replay, pytest, run, single

SANITIZE = "-O1 -g -fno-omit-frame-pointer -fsanitize="
CLANG = os.environ.get("CLANG", "clang")
VARIANTS = {
    "gcc": [],
    "clang": [f"CC={CLANG}"],
    "asan": [f"OPT={SANITIZE}address,undefined -fno-sanitize-recover=undefined", "HARDEN="],
    "tsan": [f"OPT={SANITIZE}thread", "HARDEN=", "RUNNER=own"],
    "fuzz": [f"CC={CLANG}", f"OPT={SANITIZE}fuzzer-no-link,address,undefined "
             "-fno-sanitize-recover=undefined", "HARDEN="],
}
# Layers whose threads or whose memory other threads see.
TSAN_LAYERS = ["base", "front", "vault", "peer"]
# System tests that mean something, and can hold, when all is several times slower
# and the allocator is another: not timing, and not the search of memory.
FOLDERS_UNDER_ASAN = ["interop", "attacks", "sandbox", "faults", "audit", "keylife", "cluster",
                      "chaos"]
# Functions that the corpus of a harness must reach: those that it is named for.
REACHED = {
    "frame": ["frame_parse", "fields_parse", "frame_check"],
    "jws": ["jws_parse", "header_read", "header_put"],
    "jwe": ["jwe_parse", "header_put"],
    "jws_json": ["jws_set_parse", "jws_set_input", "jws_put_json", "join"],
    "jwe_json": ["jwe_set_parse", "jwe_put_json", "jwe_is_direct", "join"],
    "jwk": ["jwk_parse", "jwks_parse", "pub_check"],
    "yaml": ["node_parse", "keyspec_parse", "keyspec_put", "config_parse", "config_put"],
    "member": ["message_parse", "message_next", "message_put", "message_name_ok",
               "message_address_ok", "message_version_ok"],
    "import": ["import_pem", "import_der", "import_jwk", "parts_to_pkey", "check_pair",
               "import_encrypted", "import_encrypted_pem", "import_pkcs12",
               "add_decrypted"],
}


def make(tally, name, targets):
    """Builds a variant in a folder of its own; the folder, or None."""
    build = f"{BUILD}-{name}"
    _, status = run(f"{name} build", ["make", "-j2", f"BUILD={build}", *VARIANTS[name], *targets])
    tally.add(1 if status == 0 else 0, 0 if status == 0 else 1)
    return build if status == 0 else None


def is_criterions_own(report):
    """A leak of the test runner's library, with nothing of ours on its way there."""
    frames = re.findall(r"^ +#([0-9]+) (.*)", report, re.M)
    return ("LeakSanitizer" in report
            and all("libcriterion" in where for number, where in frames if number != "0"))


class Reports:
    """Sanitizers write to files, since a test may well survive a report."""

    def __init__(self, build):
        self.path = os.path.join(ROOT, build, "sanitizer")
        self.forget()

    def forget(self):
        for old in glob.glob(self.path + ".*"):
            os.unlink(old)

    def env(self, **more):
        common = f"log_path={self.path}"
        # It is the reports that count: a program whose runner lost memory has not failed.
        leaks = "detect_leaks=1:exitcode=0" if more.get("leaks") else "detect_leaks=0"
        return {"ASAN_OPTIONS": f"{common}:handle_segv=0:handle_abort=0:allocator_may_return_null=1"
                                f":{leaks}",
                "UBSAN_OPTIONS": f"{common}:print_stacktrace=1",
                "TSAN_OPTIONS": f"{common}:halt_on_error=1:second_deadlock_stack=1"
                                f":handle_segv=0:handle_abort=0"
                                f":suppressions={ROOT}/tests/support/tsan.supp"}

    def count(self, tally):
        found = {}
        for path in glob.glob(self.path + ".*"):
            with open(path, errors="replace") as f:
                report = f.read()
            if not is_criterions_own(report):
                found[path] = report
        for path, report in found.items():
            print(f"FAIL sanitizer report {os.path.basename(path)}\n{report[:5000]}")
        tally.add(0 if found else 1, len(found))


# --- steps --------------------------------------------------------------------

def gcc(tally):
    build = make(tally, "gcc", ["all", "unit", "test-tools"])
    if build:
        criterion(tally, build, "gcc ")


def clang(tally):
    build = make(tally, "clang", ["all", "unit", "test-tools"])
    if build:
        criterion(tally, build, "clang ")
        fuzz_replay(tally, build, "clang ")
        pytest(tally, build, "clang ", folders=["interop", "attacks"])


def asan(tally):
    build = make(tally, "asan", ["all", "unit", "test-tools",
                                 f"{BUILD}-asan/test/planted/vhsmd-vault"])
    if not build:
        return
    reports = Reports(build)
    criterion(tally, build, "asan ", reports.env(leaks=1), limit=1200)
    fuzz_replay(tally, build, "asan ", reports.env(leaks=1))
    # The daemon's sandbox forbids what the leak checker does at exit.
    pytest(tally, build, "asan ", reports.env(), ["sanitizers", *FOLDERS_UNDER_ASAN])
    reports.count(tally)


def tsan(tally):
    targets = [f"{BUILD}-tsan/test/unit-{layer}" for layer in TSAN_LAYERS]
    build = make(tally, "tsan", targets + [f"{BUILD}-tsan/test/threads-vault"])
    if not build:
        return
    reports = Reports(build)
    # The processes that some tests start are those of the ordinary build.
    env = {**reports.env(), "VHSM_BUILD": BUILD}
    # Membership is a pure state machine: simulating a thousand nodes on one thread
    # would take most of the time and can show no race.
    criterion(tally, build, "tsan ", env, options=("-member/",), limit=3600)
    single(tally, "tsan threads of the vault",
           [os.path.join(ROOT, build, "test", "threads-vault")], env)
    reports.count(tally)


def memory(tally):
    count = os.environ.get("SCAN_OPERATIONS", "1000000")
    pytest(tally, BUILD, f"after {count} operations ", {"VHSM_SCAN_OPERATIONS": count}, ["memory"])


def timing(tally):
    pytest(tally, BUILD, "long ", {"VHSM_TIMING": "long"}, ["timing"], limit=4 * 3600)


def soak(tally):
    seconds = os.environ.get("SOAK_SECONDS", "3600")
    pytest(tally, BUILD, f"{seconds} s of ", {"SOAK_SECONDS": seconds}, ["soak"],
           limit=int(seconds) + 1800)


def disk(tally):
    """A disk under the audit trail that fills, has room again, fails, is slow."""
    seconds = os.environ.get("DISK_SECONDS", "300")
    pytest(tally, BUILD, f"{seconds} s of a full disk, ", {"DISK_SECONDS": seconds}, ["audit"],
           limit=int(seconds) + 1800)


# --- libFuzzer ------------------------------------------------------------------

def reaches(tally, program, name):
    """Whether the corpus alone gets to the functions that the harness is for."""
    output, status = run(f"fuzz {name} corpus", [program, "-runs=0", "-print_coverage=1",
                                                 f"tests/fuzz/fuzz_{name}.in"])
    covered = set(re.findall(r"(?<!UN)COVERED_FUNC: .* edges: \S+ (\S+)", output))
    missing = [f for f in REACHED.get(name, ["?"]) if f not in covered]
    counts = re.findall(r"INITED +(cov: \d+ ft: \d+)", output)
    print(f"     {len(covered)} functions covered, {counts[-1] if counts else 'nothing'}"
          + (f"; NOT REACHED: {', '.join(missing)}" if missing else ""), flush=True)
    tally.add(0 if missing or status else 1, 1 if missing or status else 0)


def drive(tally, program, name, seconds):
    found, corpus = (os.path.join(f"{BUILD}-fuzz", f) for f in ("found", f"corpus/{name}"))
    for folder in (found, corpus):
        os.makedirs(os.path.join(ROOT, folder), exist_ok=True)
    words = os.path.join("tests", "fuzz", f"fuzz_{name}.dict")
    options = [f"-dict={words}"] if os.path.exists(os.path.join(ROOT, words)) else []
    output, status = run(f"fuzz {name} for {seconds} s",
                         [program, f"-max_total_time={seconds}", "-max_len=16384", "-timeout=30",
                          f"-artifact_prefix={found}/{name}-", *options, corpus,
                          f"tests/fuzz/fuzz_{name}.in"], limit=int(seconds) + 600)
    lines = re.findall(r"#\d+\s+(?:DONE|pulse|NEW|REDUCE) +cov: .*", output)
    print("     " + (lines[-1] if lines else "no coverage reported"), flush=True)
    tally.add(1 if status == 0 else 0, 0 if status == 0 else 1)


def fuzz(tally, names=()):
    seconds = os.environ.get("FUZZ_SECONDS", "60")
    build = make(tally, "fuzz", ["fuzzers"])
    if not build:
        return
    for program in sorted(glob.glob(os.path.join(ROOT, build, "fuzz", "*"))):
        name = os.path.basename(program)
        if "." in name or (names and name not in names):
            continue
        reaches(tally, program, name)
        drive(tally, program, name, seconds)


STEPS = [gcc, clang, asan, tsan, memory, timing, soak, disk, fuzz]


def long(tally, names):
    known = {step.__name__: step for step in STEPS}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no such step: {', '.join(unknown)}; there are {', '.join(known)}")
        tally.add(0, 1)
        return
    for step in STEPS:
        if names and step.__name__ not in names:
            continue
        start, failed = time.monotonic(), tally.failed
        print(f"=== {step.__name__}", flush=True)
        step(tally)
        print(f"=== {step.__name__}: {'ok' if tally.failed == failed else 'FAILED'} "
              f"({time.monotonic() - start:.0f} s)", flush=True)
