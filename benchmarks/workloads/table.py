"""All workloads, in the order in which they run."""

from __future__ import annotations

from benchmarks.workloads import bulk, connections, memory, redis, roundtrip, startup, status
from benchmarks.workloads.base import Workload

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        startup.WORKLOAD,
        roundtrip.ALONE,
        roundtrip.BESIDE,
        redis.WORKLOAD,
        connections.WORKLOAD,
        bulk.BULK,
        bulk.LONG,
        memory.THOUSAND,
        memory.TEN_THOUSAND,
        status.WORKLOAD,
    )
}
