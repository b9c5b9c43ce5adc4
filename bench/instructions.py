# instructions.py: how many instructions a worker runs in user space for one request or event.
# SPDX-License-Identifier: Apache-2.0
"""Unlike CPU time this is nearly the same at every run, also on a busy machine; it says nothing
about the kernel's part, which is the larger one. perf counts where the processor lets it; elsewhere
callgrind does, on a worker that runs some 50 times slower and is started twice: the difference
between a long and a short run leaves out what starting and stopping cost.
"""

import re
import shutil
import signal
import subprocess
import time

SHORT, LONG = 4, 24  # streams in the two runs; of requests 25 times as many


def perf_works():
    """Whether the processor lets perf count instructions; many virtual ones do not."""
    if shutil.which("perf") is None:
        return False
    command = ["perf", "stat", "-x,", "-e", "instructions:u", "true"]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    return out.returncode == 0 and out.stderr.split(",", 1)[0].strip().isdigit()


def callgrind_works():
    return shutil.which("valgrind") is not None


def by_perf(party, send):
    """Instructions per unit while `send(party, LONG)` goes through; it returns the units."""
    perf = subprocess.Popen(
        ["perf", "stat", "-x,", "-e", "instructions:u", "-p", str(party.workers[0])],
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.2)  # until it has attached itself
    units = send(party, LONG)
    perf.send_signal(signal.SIGINT)
    return int(perf.communicate()[1].split(",", 1)[0]) / units


def by_callgrind(folder, start, send):
    """Instructions per unit; `start(folder, wrapper)` starts the party with nginx run by the
    command `wrapper`."""
    totals, units = {}, {}
    for size in (SHORT, LONG):
        out = folder / str(size)
        out.mkdir(parents=True)
        out.chmod(0o777)  # the worker may be another user than its master
        party = start(
            out / "party",
            ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}/callgrind.%p"],
        )
        try:
            units[size] = send(party, size)
        finally:
            party.close()
        text = (out / f"callgrind.{party.workers[0]}").read_text()
        totals[size] = int(re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)[1])
    return (totals[LONG] - totals[SHORT]) / (units[LONG] - units[SHORT])
