"""What iperf3, redis-benchmark, wrk and /proc print, and what they print when something went wrong."""

from __future__ import annotations

import json

import pytest

from benchmarks.parsing import (
    LoadError,
    parse_iperf3,
    parse_listening_ports,
    parse_pss,
    parse_redis_benchmark,
    parse_stat,
    parse_wrk,
)

WRK = """\
Running 1s test @ http://127.0.0.1:8080/
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.29ms  512.41us   8.93ms   84.08%
    Req/Sec    18.30k     1.14k   19.38k    80.00%
  18212 requests in 1.00s, 2.47MB read
{errors}Requests/sec:  18163.37
Transfer/sec:      2.46MB
"""


def test_iperf3_counts_what_arrived() -> None:
    streams = [{"sender": {"bits_per_second": 9e9}, "receiver": {"bits_per_second": rate}} for rate in (2e9, 1e9)]
    sums = {"sum_sent": {"bytes": 1, "bits_per_second": 1}, "sum_received": {"bytes": 375, "bits_per_second": 3e9}}
    transfer = parse_iperf3(json.dumps({"end": {"streams": streams, **sums}}))
    assert (transfer.received, transfer.rate, transfer.stream_rates) == (375, 3e9, (2e9, 1e9))


def test_an_iperf3_that_fails_says_why() -> None:
    with pytest.raises(LoadError, match="control socket has closed"):
        parse_iperf3(json.dumps({"end": {}, "error": "control socket has closed unexpectedly"}))


def test_redis_benchmark_row() -> None:
    head = '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms"'
    assert parse_redis_benchmark(f'{head}\n"GET","83303.90","0.3","0.1","0.2"\n') == 83303.90


@pytest.mark.parametrize("text", ["", "Could not connect to Redis at 127.0.0.1:1: Connection refused\n"])
def test_redis_benchmark_without_a_result(text: str) -> None:
    with pytest.raises(LoadError, match="no result"):
        parse_redis_benchmark(text)


def test_wrk_rate() -> None:
    assert parse_wrk(WRK.format(errors="")) == 18163.37


@pytest.mark.parametrize(
    "errors",
    [
        "  Socket errors: connect 0, read 100, write 0, timeout 83\n",
        "  Non-2xx or 3xx responses: 200\n",
    ],
)
def test_a_rate_full_of_errors_is_none(errors: str) -> None:
    with pytest.raises(LoadError, match="errors in 18212 requests"):
        parse_wrk(WRK.format(errors=errors))


def test_a_few_errors_leave_the_rate() -> None:
    assert parse_wrk(WRK.format(errors="  Socket errors: connect 0, read 2, write 0, timeout 0\n")) == 18163.37


def test_wrk_without_a_result() -> None:
    with pytest.raises(LoadError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_stat_of_a_command_with_an_awkward_name() -> None:
    fields = " ".join(str(number) for number in range(100, 140))
    stat = parse_stat(f"4711 (a ) b (c) S 17 {fields}")
    assert stat.parent == 17
    # utime, stime, cutime and cstime are the fields 14 to 17 of proc(5).
    assert stat.ticks == 109 + 110 + 111 + 112


def test_proportional_memory() -> None:
    assert parse_pss("5581-7ffc ---p 00000000 00:00 0 [rollup]\nRss:  9000 kB\nPss:  4321 kB\nPss_Anon: 1 kB\n") == 4321


def test_memory_of_a_process_that_has_ended() -> None:
    with pytest.raises(LoadError, match="no Pss line"):
        parse_pss("")


def test_only_listening_ports_count() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
        "   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000\n"
        "   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0\n"
    )
    assert parse_listening_ports(table) == {8080, 22}
