"""/metrics: the proxies' own counters as Prometheus reads them, looked at when it asks and never otherwise.

Names and units follow Prometheus's conventions. Every series of a proxy has the labels `proxy`, its first listening
address, and `role`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from wormhole_tunnel import __version__
from wormhole_tunnel.net.dial import DialReason
from wormhole_tunnel.observe.counters import HandshakeResult
from wormhole_tunnel.observe.snapshot import Observable, PeerSnapshot, PeerState, ProxySnapshot
from wormhole_tunnel.wire.frames import ResetCode

OUTCOMES: Final = ("clean", *(code.name.lower() for code in ResetCode))
_OWN_LABELS: Final = ("proxy", "role")

Series = Iterable[tuple[tuple[str, ...], float]]  # values of the further labels, and the number


@dataclass(frozen=True, slots=True)
class ProxyMetric:
    """A metric of each proxy: how it is named, and how its series are read from a snapshot."""

    family: type[CounterMetricFamily | GaugeMetricFamily]
    name: str
    help: str
    series: Callable[[ProxySnapshot], Series]
    labels: tuple[str, ...] = ()

    @property
    def exposed_name(self) -> str:
        """As it stands in the text that Prometheus reads."""
        return f"{self.name}_total" if self.family is CounterMetricFamily else self.name


def _counter(
    name: str, text: str, series: Callable[[ProxySnapshot], Series], labels: tuple[str, ...] = ()
) -> ProxyMetric:
    return ProxyMetric(CounterMetricFamily, name, text, series, labels)


def _gauge(
    name: str, text: str, series: Callable[[ProxySnapshot], Series], labels: tuple[str, ...] = ()
) -> ProxyMetric:
    return ProxyMetric(GaugeMetricFamily, name, text, series, labels)


def _one(read: Callable[[ProxySnapshot], float]) -> Callable[[ProxySnapshot], Series]:
    return lambda snapshot: [((), read(snapshot))]


def _directions(snapshot: ProxySnapshot) -> Series:
    yield ("to_server",), snapshot.totals.to_server_bytes
    yield ("to_client",), snapshot.totals.to_client_bytes


def _link_bytes(snapshot: ProxySnapshot) -> Series:
    yield ("sent",), snapshot.totals.link.bytes_sent
    yield ("received",), snapshot.totals.link.bytes_received


def _link_records(snapshot: ProxySnapshot) -> Series:
    yield ("sent",), snapshot.totals.link.records_sent
    yield ("received",), snapshot.totals.link.records_received


def _handshakes(snapshot: ProxySnapshot) -> Series:
    counts = snapshot.totals.handshakes
    return [((result.value,), counts.get(result, 0)) for result in HandshakeResult]


def _peers(snapshot: ProxySnapshot) -> Series:
    states = [peer.state for peer in snapshot.peers]
    return [((state.value,), states.count(state)) for state in PeerState]


def _round_trips(snapshot: ProxySnapshot) -> Series:
    """The longest of each: a server proxy's sessions come and go, so they are told apart by key only."""
    longest: dict[str, float] = {}
    for peer in snapshot.peers:
        if peer.round_trip_seconds:
            label = _peer_label(peer)
            longest[label] = max(longest.get(label, 0.0), peer.round_trip_seconds)
    return [((label,), seconds) for label, seconds in longest.items()]


def _peer_label(peer: PeerSnapshot) -> str:
    return peer.key if peer.name == peer.session else peer.name


def _keys_last_used(snapshot: ProxySnapshot) -> Series:
    return [((key.name,), key.last_used_time or 0.0) for key in snapshot.keys]


PROXY_METRICS: Final = (
    _gauge("wormhole_ready", "Whether a new client would be carried at once.", _one(lambda s: not s.unready)),
    _gauge("wormhole_connections_open", "Connections that are carried now.", _one(lambda s: s.open_connections)),
    _counter(
        "wormhole_connections_opened",
        "Connections accepted, or opened by the client proxy.",
        _one(lambda s: s.totals.connections_opened),
    ),
    _counter(
        "wormhole_connections_closed",
        "Connections that ended, by how: clean, or why they were reset.",
        lambda s: [((outcome,), s.totals.connections_ended.get(outcome, 0)) for outcome in OUTCOMES],
        ("outcome",),
    ),
    _counter("wormhole_connection_bytes", "Bytes carried for connections.", _directions, ("direction",)),
    _gauge("wormhole_peers", "Server proxies, or sessions with client proxies, by state.", _peers, ("state",)),
    _counter("wormhole_link_bytes", "Bytes on the wire between the proxies.", _link_bytes, ("direction",)),
    _counter("wormhole_link_records", "Records on the wire between the proxies.", _link_records, ("direction",)),
    _counter("wormhole_padding_bytes", "Bytes sent to hide sizes.", _one(lambda s: s.totals.link.padding_bytes)),
    _gauge(
        "wormhole_link_round_trip_seconds",
        "Smoothed round trip to a peer: a server proxy by address, client proxies by key (the longest).",
        _round_trips,
        ("peer",),
    ),
    _counter("wormhole_sessions", "Sessions begun.", _one(lambda s: s.totals.sessions)),
    _counter(
        "wormhole_sessions_lost",
        "Sessions that could not go on, so that their connections were reset.",
        _one(lambda s: s.totals.sessions_lost),
    ),
    _counter("wormhole_resumptions", "Sessions taken up again on a new link.", _one(lambda s: s.totals.resumptions)),
    _counter("wormhole_linkless_seconds", "Time without a link.", _one(lambda s: s.totals.linkless_seconds)),
    _counter("wormhole_handshakes", "Handshakes, by result.", _handshakes, ("result",)),
    _counter(
        "wormhole_dial_failures",
        "Server proxies that could not be reached, by why.",
        lambda s: [((reason.value,), s.totals.dial_failures.get(reason.value, 0)) for reason in DialReason],
        ("reason",),
    ),
    _gauge("wormhole_data_bytes", "Memory for data under way.", _one(lambda s: s.memory.used_bytes)),
    _gauge("wormhole_data_limit_bytes", "What --max-memory allows of it.", _one(lambda s: s.memory.limit_bytes)),
    _gauge(
        "wormhole_retained_bytes",
        "The part of it that waits for the peer's acknowledgement.",
        _one(lambda s: s.memory.retained_bytes),
    ),
    _gauge(
        "wormhole_key_last_used_timestamp_seconds",
        "When a key was last used since the start; 0 for never.",
        _keys_last_used,
        ("key",),
    ),
)

LOOP_LAG: Final = "wormhole_event_loop_lag_seconds"
LOG_ENTRIES: Final = "wormhole_log_entries"
BUILD: Final = "wormhole_build"


class ProxyCollector(Collector):
    """Reads the proxies at each scrape. `lag` in seconds; `log_counts` by level."""

    def __init__(
        self, proxies: Sequence[Observable], lag: Callable[[], float], log_counts: Callable[[], dict[str, int]]
    ) -> None:
        self._proxies = proxies
        self._lag = lag
        self._log_counts = log_counts

    def collect(self) -> Iterator[Metric]:
        """Every metric with all its series."""
        snapshots = [proxy.snapshot() for proxy in self._proxies]
        yield InfoMetricFamily(BUILD, "The version.", {"version": __version__})
        yield GaugeMetricFamily(LOOP_LAG, "The longest that the event loop was late, of the last seconds.", self._lag())
        entries = CounterMetricFamily(LOG_ENTRIES, "Log entries, by level.", labels=("level",))
        for level, count in self._log_counts().items():
            entries.add_metric((level,), count)
        yield entries
        for metric in PROXY_METRICS:
            yield _family(metric, snapshots)


def _family(metric: ProxyMetric, snapshots: Sequence[ProxySnapshot]) -> Metric:
    family = metric.family(metric.name, metric.help, labels=_OWN_LABELS + metric.labels)
    for snapshot in snapshots:
        for labels, value in metric.series(snapshot):
            family.add_metric((snapshot.name, snapshot.role.value, *labels), value)
    return family


def make_registry(collector: Collector) -> CollectorRegistry:
    """The collector's metrics, and those of the process and of Python."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
