from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tools import make_config_schema
from wormhole_tunnel.config.gather import gather
from wormhole_tunnel.config.options import Mode
from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.proxy.reload import RELOADABLE

DOCS = Path(__file__).resolve().parents[3] / "docs"
EXAMPLE = DOCS / "examples" / "wormhole.yaml"
PAGE = (DOCS / "configuration.md").read_text()


def fits(value: object, schema: dict[str, Any]) -> bool:
    """Whether a value is what the schema's fields name; only the words that the schema uses are known."""
    if "oneOf" in schema:
        return sum(fits(value, each) for each in schema["oneOf"]) == 1
    if "enum" in schema:
        return value in schema["enum"]
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema["additionalProperties"]
        return schema["type"] == "object" and all(
            fits(each, known[name]) if name in known else bool(others) and fits(each, others)
            for name, each in value.items()
        )
    if isinstance(value, list):
        return schema["type"] == "array" and all(fits(each, schema["items"]) for each in value)
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return kinds[type(value)] in allowed or (isinstance(value, int) and "number" in allowed)


def test_the_schema_is_up_to_date() -> None:
    assert make_config_schema.FILE.read_text() == make_config_schema.text(), "run tools/make_config_schema.py"


def test_the_example_is_what_it_says() -> None:
    settings = gather({"config": str(EXAMPLE)}, {})
    server, redis, postgres = settings.tunnels
    assert (server.mode, redis.mode) == (Mode.SERVER, Mode.CLIENT)
    assert [service.name for service in server.services] == ["redis", "postgres"]
    assert (redis.service, postgres.service, postgres.max_connections) == ("redis", "postgres", 200)
    assert {tunnel.idle_timeout for tunnel in settings.tunnels} == {12 * 3600.0}


def test_the_example_fits_the_schema() -> None:
    assert fits(yaml.safe_load(EXAMPLE.read_text()), make_config_schema.schema())
    assert not fits({"tunnels": [{"lissten": ":1"}]}, make_config_schema.schema())
    assert not fits({"framing": "none"}, make_config_schema.schema())


def test_the_examples_of_the_page_are_configurations(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    for example in examples:
        file = tmp_path / "wormhole.yaml"
        file.write_text(example)
        assert all(isinstance(tunnel, TunnelSettings) for tunnel in gather({"config": str(file)}, {}).tunnels)


def test_the_page_names_what_a_reload_changes() -> None:
    text = PAGE[PAGE.index("At once take effect") : PAGE.index("Another change")]
    assert set(re.findall(r"`(\w+)`", text)) == RELOADABLE
