"""The JSON record of a run: everything that the table and the plots were made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from benchmarks.bars import Verdict
from benchmarks.machine import Machine
from benchmarks.metrics import METRICS
from benchmarks.peers.base import Peer
from benchmarks.suite import Results
from benchmarks.workloads.base import Plan

FORMAT = 1


def to_json(
    machine: Machine,
    plan: Plan,
    peers: Sequence[Peer],
    versions: Mapping[str, str],
    results: Results,
    verdicts: Sequence[Verdict],
) -> str:
    """Return the record as JSON text."""
    medians = results.medians()
    document = {
        "format": FORMAT,
        "machine": asdict(machine),
        "plan": asdict(plan),
        "peers": {peer.name: {"version": versions.get(peer.name), "settings": peer.settings} for peer in peers},
        "metrics": {
            metric.key: {
                "title": metric.title,
                "unit": metric.unit,
                "better": metric.better.value,
                "samples": results.samples[metric.key],
                "medians": medians[metric.key],
            }
            for metric in METRICS
            if metric.key in results.samples
        },
        "verdicts": [_verdict(verdict) for verdict in verdicts],
        "failures": [asdict(failure) for failure in results.failures],
    }
    return json.dumps(document, indent=2) + "\n"


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "metric": verdict.bar.metric,
        "asked": verdict.bar.describe(),
        "value": verdict.value,
        "rival": verdict.rival,
        "ratio": verdict.ratio,
        "met": verdict.met,
    }
