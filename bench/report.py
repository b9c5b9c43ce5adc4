# report.py: from rounds to ratios, a table for people and a document for programs.
# SPDX-License-Identifier: Apache-2.0

import math
import statistics


def spread(values):
    """(lower quartile, median, upper quartile), or None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(last / 4)], statistics.median(ordered), ordered[round(3 * last / 4)]


def certain(values):
    """The interval that holds the median with 95 % certainty, whatever the distribution: between
    two of the ordered values, by the sign test. None of fewer than six."""
    ordered, below = sorted(values), 0.0
    for rank in range(len(ordered) // 2):
        below += math.comb(len(ordered), rank) / 2 ** len(ordered)
        if below > 0.025:
            return (ordered[rank - 1], ordered[-rank]) if rank else None
    return None


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def ratios(ours, theirs, figure):
    """The ratio of a figure, round by round: both were taken within seconds of each other."""
    return [
        a[figure] / b[figure] for a, b in zip(ours, theirs) if a.get(figure) and b.get(figure)
    ]


def added(ours, theirs, figure):
    return spread([a[figure] - b[figure] for a, b in zip(ours, theirs)])


def row(case, rounds, who, against):
    """One line of the result: `who` against `against` in one case."""
    loaded = [rounds.loaded.get(name, []) for name in (who, against)]
    paced = [rounds.paced.get(name, []) for name in (who, against)]
    cpu_ratios = ratios(*loaded, "cpu_us")
    cpu, rate = spread(cpu_ratios), spread(ratios(*loaded, "rps"))
    p50, p99 = added(*paced, "p50"), added(*paced, "p99")
    instructions = [rounds.instructions.get(name) for name in (who, against)]
    line = {
        "name": case.name,
        "against": against,
        "cpu_ratio": cpu and round(cpu[1], 3),
        "rps_ratio": rate and round(rate[1], 3),
        "p50_us": p50 and round(p50[1], 1),
        "p99_us": p99 and round(p99[1], 1),
        "runs": min(len(runs) for runs in loaded),
        "of": who,
        "per": "event" if case.stream else "request",
        "saturated_cpu_ratio": median(ratios(*loaded, "saturated_cpu_us")),
        "cpu_ratio_quartiles": cpu and [round(cpu[0], 3), round(cpu[2], 3)],
        "rps_ratio_quartiles": rate and [round(rate[0], 3), round(rate[2], 3)],
        "p50_us_quartiles": p50 and [round(p50[0], 1), round(p50[2], 1)],
        "p99_us_quartiles": p99 and [round(p99[0], 1), round(p99[2], 1)],
        "cpu_us": median([one["cpu_us"] for one in loaded[0]]),
        "against_cpu_us": median([one["cpu_us"] for one in loaded[1]]),
        "cpu_us_by_round": [[a["cpu_us"], b["cpu_us"]] for a, b in zip(*loaded)],
        "busy": median([one["busy"] for one in loaded[0]]),
        "overhead_us": rounds.overhead_us.get(who),
        "instructions": instructions[0],
        "instructions_ratio": instructions[0] and instructions[1] and round(
            instructions[0] / instructions[1], 3
        ),
        "target": None,
        "met": None,
        "cpu_ratio_interval": None,
        "wrong": rounds.wrong.get(who) or rounds.wrong.get(against),
    }
    interval = certain(cpu_ratios)
    if interval is not None:
        line["cpu_ratio_interval"] = [round(value, 3) for value in interval]
    if against == "proxy_pass" and case.target is not None:
        line["target"] = case.target
        line["met"] = cpu and cpu[1] <= case.target
    return line


def _number(value, form, unit=""):
    return "·" if value is None else format(value, form) + unit


def _verdict(target, met, form, doubtful=False):
    """Whether a target was met; with a question mark when the noise does not let one tell."""
    if target is None:
        return ""
    word = {True: "met", False: "missed", None: "·"}[met]
    return f"≤ {target:{form}} {word}" + ("?" if doubtful and met is not None else "")


def _doubtful(line):
    interval = line["cpu_ratio_interval"]
    return interval is None or (line["target"] and interval[0] <= line["target"] < interval[1])


def _with_quartiles(value, quartiles, form):
    if value is None:
        return "·"
    return f"{value:{form}} ({quartiles[0]:{form}} to {quartiles[1]:{form}})"


COLUMNS = (
    ("case", "<26"),
    ("against", "<11"),
    ("CPU µs", ">8"),
    ("CPU ratio (quartiles)", ">22"),
    ("target", "<14"),
    ("saturated", ">9"),
    ("others µs", ">9"),
    ("rate ratio", ">11"),
    ("added p50 µs", ">13"),
    ("added p99 µs", ">13"),
)


def heading():
    return " ".join(f"{name:{width}}" for name, width in COLUMNS)


def cells(line):
    """The line of the table for one row."""
    if line["wrong"]:
        return f"{line['name']:<26} {line['against']:<11} WRONG: {line['wrong']}"
    words = (
        line["name"],
        line["against"],
        _number(line["cpu_us"] if line["cpu_ratio"] else None, ".2f"),
        _with_quartiles(line["cpu_ratio"], line["cpu_ratio_quartiles"], ".2f"),
        _verdict(line["target"], line["met"], ".2f", _doubtful(line)),
        _number(line["saturated_cpu_ratio"], ".2f"),
        _number(line["overhead_us"] if line["cpu_ratio"] else None, ".2f"),
        _number(line["rps_ratio"], ".2f"),
        _number(line["p50_us"], "+.0f"),
        _number(line["p99_us"], "+.0f"),
    )
    return " ".join(f"{word:{width}}" for word, (_, width) in zip(words, COLUMNS))


def instruction_line(line):
    """What callgrind or perf counted, where it did."""
    if line["instructions_ratio"] is None:
        return None
    return (
        f"  instructions in user space for each {line['per']}: {line['instructions']:,}, "
        f"{line['instructions_ratio']:.2f} times those of {line['against']}"
    )


def machine_line(machine):
    busy = machine["load_before"] > machine["cores"] / 2 or machine["stolen"] > 0.02
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, nginx "
        f"{machine['nginx']}; load before {machine['load_before']}, {machine['stolen']:.1%} stolen"
        + (": a busy machine, see the quartiles" if busy else "")
    )


def memory_lines(memory):
    """What the table says about memory."""
    streams, idle = memory["idle_stream_kib"], memory["idle_mib"]
    for name, kib in streams["of"].items():
        goal = _verdict(streams["target"], streams["met"], "g") if name == "freehold" else ""
        yield f"{name}: {kib:.1f} KiB for each of {streams['streams']} idle streams  {goal}"
    for name, error in memory["wrong"].items():
        yield f"{name}: memory: WRONG: {error}"
    for name, parts in idle["of"].items():
        goal = _verdict(idle["target"], idle["met"], "g") if name == "freehold" else ""
        listed = ", ".join(f"{part} {mib['rss']:.1f}" for part, mib in parts.items())
        if name == "freehold":
            listed += f"; worker + control {idle['worker_and_control']:.1f}"
        yield f"{name}: MiB resident when idle: {listed}  {goal}"


def books_wrong(books):
    """A gateway that does not book what it answers would be a fast one."""
    return books is not None and books["booked"] != books["answered"]


def books_line(books):
    sign = "WRONG: " if books_wrong(books) else ""
    return f"{sign}freehold: {books['booked']} of {books['answered']} requests are in the books"
