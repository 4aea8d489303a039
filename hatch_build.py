"""The build's optional step: compile the data path into C extensions with mypyc, out of the same Python files.

`WORMHOLE_COMPILE=1 pip install .` builds such a wheel, as `make dist`, `make bench` and the container's
image do; without it the wheel is pure Python and does the same. pyproject.toml names the modules; a C compiler and
Python's headers are needed. What is compiled lies beside its source in the wheel, and Python prefers it.

mypyc (of mypy 2.4) has two traps for the modules named there. It evaluates a call within a slice's bounds twice
(`buffer[: f()]`; tests/unit/test_compilable.py finds them). And with the log's writer
compiled, which has a thread of its own, processes crashed at their end; wire/handshake does not import, as its data
classes name what is imported for type checking only. Both stay out, and what crashed with them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_GROUP = "wormhole_tunnel"  # names the one library that all compiled modules share


class CompileHook(BuildHookInterface[Any]):
    """Adds the compiled modules to the wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What compiling needs; a pure build needs nothing."""
        build: list[str] = self.metadata.config["dependency-groups"]["build"]
        return build if self._wanted else []

    @property
    def _wanted(self) -> bool:
        return self.target_name == "wheel" and os.environ.get("WORMHOLE_COMPILE", "0") != "0"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless it is for an editable installation, which is for changing the source."""
        if not self._wanted or version == "editable":
            return
        self._work = tempfile.TemporaryDirectory()
        output = Path(self._work.name)
        modules = [f"{_GROUP}/{module}.py" for module in self.config["modules"]]
        command = [sys.executable, __file__, str(output), *modules]
        environment = os.environ | _flags(output)
        done = subprocess.run(
            command, cwd=Path(self.root) / "src", env=environment, check=False, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(
                f"the modules can't be compiled (without WORMHOLE_COMPILE it is pure Python):\n"
                f"{(done.stdout + done.stderr)[-3000:]}"
            )
        libraries = (output / "library").rglob("*.so")
        build_data["force_include"] |= {str(path): str(path.relative_to(output / "library")) for path in libraries}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the wheel has by now."""
        del version, build_data, artifact_path
        if hasattr(self, "_work"):
            self._work.cleanup()


def _flags(output: Path) -> dict[str, str]:
    """No symbols, and no name of the folder it is built in: two builds of one commit are the same, byte for byte."""
    return {"CFLAGS": f"-g0 -ffile-prefix-map={output}=.", "LDFLAGS": "-s"}


def compile_modules(output: Path, modules: list[str]) -> None:
    """Compile `modules`, files below the working directory, into `output`/library. Exits where mypy finds a fault."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only there for such a build
    from setuptools import Distribution  # noqa: PLC0415 - likewise

    # `make check` is the strict look at the types; here a package without its types may be missing.
    options = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={output / 'cache'}"]
    extensions = mypycify(
        [*options, *modules], debug_level="0", strip_asserts=True, target_dir=str(output / "c"), group_name=_GROUP
    )
    build = Distribution({"name": _GROUP, "ext_modules": extensions}).get_command_obj("build_ext")
    build.build_lib, build.build_temp = str(output / "library"), str(output / "objects")
    build.ensure_finalized()
    build.run()


if __name__ == "__main__":
    compile_modules(Path(sys.argv[1]), sys.argv[2:])
