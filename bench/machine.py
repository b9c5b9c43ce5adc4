# machine.py: what the machine is, and what a process used of it.
# SPDX-License-Identifier: Apache-2.0

import os
import platform
import re
import subprocess


def cores():
    """The cores this process may use, lowest first."""
    return sorted(os.sched_getaffinity(0))


def pin(pid, core):
    """Keep a process, with all its threads, on one core."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})


def _read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def family(pid):
    """A process and all its descendants: {pid: (parent, command line)}."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent = int(_read(f"/proc/{name}/stat").rsplit(")", 1)[1].split()[1])
                found[int(name)] = parent, _read(f"/proc/{name}/cmdline").replace("\0", " ").strip()
            except OSError:
                pass  # it has ended
    members = [pid]
    for member in members:
        members += [child for child, (parent, _) in found.items() if parent == member]
    return {member: found[member] for member in members if member in found}


def cpu_ns(pids):
    """CPU time of processes so far, over all their threads, in ns.

    From schedstat, which counts nanoseconds; a kernel without it leaves utime + stime of stat,
    which count in ticks of 10 ms.
    """
    total = 0
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                total += int(_read(f"/proc/{pid}/task/{thread}/schedstat").split()[0])
        except OSError:
            fields = _read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
            ticks = int(fields[11]) + int(fields[12])
            total += ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return total


def memory_kib(pid):
    """Resident memory of a process: {"rss", "pss", "anonymous"} in KiB."""
    rollup = _read(f"/proc/{pid}/smaps_rollup")

    def field(name):
        return int(re.search(rf"^{name}: +(\d+) kB", rollup, re.MULTILINE)[1])

    return {"rss": field("Rss"), "pss": field("Pss"), "anonymous": field("Anonymous")}


def stolen():
    """(time the hypervisor gave to others, all time) so far, in ticks over all cores."""
    ticks = [int(word) for word in _read("/proc/stat").split("\n", 1)[0].split()[1:]]
    return ticks[7], sum(ticks[:8])


def describe(nginx):
    """What a reader of the figures has to know about the machine."""
    model = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    version = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": len(cores()),
        "kernel": platform.release(),
        "nginx": version.strip().removeprefix("nginx version: nginx/"),
        "load_before": round(os.getloadavg()[0], 2),
    }
