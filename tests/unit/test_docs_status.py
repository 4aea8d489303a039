"""The documents about watching are true: metrics, the status document, log fields and classes, exit codes of the check."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily

from tests.unit.test_docs import OPERATIONS, ROOT, SOURCE, table
from tools.make_status_schema import SCHEMA, schema
from wormhole_tunnel.cli.check.outcome import MEANINGS
from wormhole_tunnel.observe.log_format import json_format
from wormhole_tunnel.observe.log_quiet import QUIET_CLASSES
from wormhole_tunnel.observe.status.metrics import BUILD, LOG_ENTRIES, LOOP_LAG, PROXY_METRICS

STATUS = (ROOT / "docs" / "status.md").read_text()
LOGGING = {"_own_line", "_say", "log_event"}  # functions that take an event's fields as keywords
NOT_FIELDS = {"error", None}


def names(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def test_each_metric_is_documented_as_it_is() -> None:
    documented = {names(row[0])[0]: (row[1], names(row[2]), row[3]) for row in table(STATUS, "metric")}
    coded = {
        metric.exposed_name: (
            "counter" if metric.family is CounterMetricFamily else "gauge",
            list(metric.labels),
            metric.help,
        )
        for metric in PROXY_METRICS
    }
    assert documented == coded


def test_the_metrics_of_the_process_are_documented() -> None:
    documented = [names(row[0])[0] for row in table(STATUS, "metric of the process")]
    assert documented == [f"{BUILD}_info", LOOP_LAG, f"{LOG_ENTRIES}_total"]


def test_the_schema_is_the_code_s() -> None:
    assert SCHEMA.read_text() == schema()


def test_each_exit_code_of_the_check_is_documented() -> None:
    documented = {names(row[1])[0]: int(row[0]) for row in table(OPERATIONS, "exit code of check")}
    assert documented == {outcome.value: meaning.code for outcome, meaning in MEANINGS.items()}


def test_the_exit_codes_of_the_check_are_its_own() -> None:
    others = {int(row[0]) for row in table(OPERATIONS, "code")} - {0}
    codes = [meaning.code for meaning in MEANINGS.values()]
    assert len(set(codes)) == len(codes)
    assert not others & set(codes)


def test_each_quiet_class_is_documented_with_its_events() -> None:
    documented = {names(row[0])[0]: set(names(row[1])) for row in table(OPERATIONS, "class")}
    assert documented == {name: set(events) for name, events in QUIET_CLASSES.items()}


def test_each_quiet_event_is_logged_somewhere() -> None:
    source = "".join(path.read_text() for path in SOURCE.glob("**/*.py") if path.name != "log_quiet.py")
    for event in set().union(*QUIET_CLASSES.values()):
        assert f'"{event}"' in source or f'"{event.partition("_")[0]}_{{word}}"' in source, event


def logged_fields() -> Iterator[str]:
    """The fields of every event in the code."""
    for path in SOURCE.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in LOGGING:
                yield from (keyword.arg for keyword in node.keywords if keyword.arg and keyword.arg not in NOT_FIELDS)


def test_the_fields_of_the_log_are_those_of_the_guide() -> None:
    documented = {name for row in table(OPERATIONS, "field") for name in names(row[0])}
    assert documented == set(logged_fields())


def test_the_fields_that_every_line_has_are_documented() -> None:
    line = json_format(logging.LogRecord("wormhole", logging.INFO, "", 0, "a message", None, None))
    listed = re.search(r"Every JSON line has (.*?)\.", OPERATIONS)
    assert listed
    assert names(listed[1]) == list(json.loads(line))
