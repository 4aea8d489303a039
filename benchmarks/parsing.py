"""Reading what iperf3, redis-benchmark, wrk and /proc print."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass


class LoadError(Exception):
    """A load, or the pair under it, that didn't do its work; one line says how."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """What arrived at the receiver of an iperf3 test: bytes, bits a second, and the latter for each stream."""

    received: int
    rate: float
    stream_rates: tuple[float, ...]


def parse_iperf3(text: str) -> Transfer:
    """Read the JSON of an iperf3 client; LoadError if it reports a failure."""
    report = json.loads(text)
    if "error" in report:
        raise LoadError(f"iperf3: {report['error']}")
    end = report["end"]
    streams = tuple(float(stream["receiver"]["bits_per_second"]) for stream in end["streams"])
    total = end["sum_received"]
    return Transfer(int(total["bytes"]), float(total["bits_per_second"]), streams)


def parse_redis_benchmark(text: str) -> float:
    """Read the requests a second from `redis-benchmark --csv` for one test."""
    rows = [row for row in csv.reader(text.splitlines()) if len(row) > 1 and row[0] != "test"]
    if len(rows) != 1:
        raise LoadError(f"redis-benchmark printed no result: {text.strip()[:200]!r}")
    return float(rows[0][1])


def parse_wrk(text: str) -> float:
    """Read the requests a second from wrk; LoadError if more than one in a hundred failed."""
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", text, re.MULTILINE)
    total = re.search(r"^\s*(\d+) requests in", text, re.MULTILINE)
    if rate is None or total is None:
        raise LoadError(f"wrk printed no result: {text.strip()[:200]!r}")
    errors = sum(int(number) for number in re.findall(r"(?:connect|read|write|timeout) (\d+)", text))
    errors += sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    if errors > int(total[1]) / 100:
        raise LoadError(f"wrk counted {errors} errors in {total[1]} requests")
    return float(rate[1])


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The fields of /proc/PID/stat that matter here; `ticks` is user and system time with that of reaped children."""

    parent: int
    ticks: int


def parse_stat(text: str) -> ProcessStat:
    """Read /proc/PID/stat; the command's name may hold spaces and parentheses."""
    fields = text.rpartition(")")[2].split()
    return ProcessStat(parent=int(fields[1]), ticks=sum(int(field) for field in fields[11:15]))


def parse_pss(text: str) -> int:
    """Read the proportional set size, in KiB, from /proc/PID/smaps_rollup."""
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise LoadError("smaps_rollup has no Pss line")
    return int(found[1])


def parse_listening_ports(text: str) -> set[int]:
    """Read the ports in state LISTEN from /proc/net/tcp or tcp6."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == "0A"}
