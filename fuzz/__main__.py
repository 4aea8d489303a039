"""The command; see the package's docstring."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fuzz.targets import CORPUS, TARGETS

WORK = Path(".fuzz")  # what each run finds: inputs that reach more code, and findings
LONGEST_INPUT = 2048  # bytes
LONGEST_RUN = 30  # seconds for one input: a hang is a finding
MEMORY = 1024  # MiB
SHARE_OF_SESSION = 4  # of the time, compared with each of the others: it has the most states


@dataclass(frozen=True)
class Outcome:
    """What came of a target. `finding` is the input that broke it."""

    target: str
    runs: int
    coverage: int
    finding: Path | None
    output: str


def fuzz(target: str, seconds: int) -> Outcome:
    """Fuzz a target for so long, or until something is found. What is learnt goes on in the next run."""
    learnt, findings = WORK / target, WORK / "findings"
    for folder in (learnt, findings, CORPUS / target):
        folder.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", f"-timeout={LONGEST_RUN}"]
    options = [*limits, f"-rss_limit_mb={MEMORY}", "-print_final_stats=1", f"-artifact_prefix={findings}/{target}-"]
    command = [sys.executable, "-m", "fuzz.worker", target, *options, str(learnt), str(CORPUS / target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    output = done.stdout + done.stderr
    return Outcome(
        target,
        _last_number(r"number_of_executed_units: (\d+)", output),
        _last_number(r"cov: (\d+)", output),
        _finding(target, output) if done.returncode else None,
        output,
    )


def _last_number(pattern: str, output: str) -> int:
    return int((re.findall(pattern, output) or ["0"])[-1])


def _finding(target: str, output: str) -> Path:
    written = re.search(r"Test unit written to (\S+)", output)
    return Path(written[1]) if written else WORK / "findings" / f"{target}-unknown"


def keep(target: str) -> int:
    """Put into the corpus what reaches more code than it does by now; returns how many inputs it then has."""
    smallest = WORK / "smallest" / target
    shutil.rmtree(smallest, ignore_errors=True)
    smallest.mkdir(parents=True)
    sources = [str(folder) for folder in (CORPUS / target, WORK / target) if folder.is_dir()]
    again = WORK / "again"  # libFuzzer starts itself anew, by the name that it is given as its own
    again.write_text(f'#!/bin/sh\nexec {sys.executable} -m fuzz.worker {target} "$@"\n')
    again.chmod(0o755)
    command = [sys.executable, "-m", "fuzz.worker", target, "-merge=1", str(smallest), *sources]
    subprocess.run(command, check=True, env=os.environ | {"FUZZ_WORKER": str(again.absolute())}, capture_output=True)
    kept = sorted(smallest.iterdir())
    assert kept, f"nothing was kept for {target}"
    shutil.rmtree(CORPUS / target)
    shutil.copytree(smallest, CORPUS / target)
    return len(kept)


def reproduce(finding: Path) -> int:
    """Run one input again; its file's name begins with its target's, or it lies in that target's corpus."""
    name = finding.parent.name if finding.parent.name in TARGETS else finding.name.partition("-")[0]
    TARGETS[name](finding.read_bytes())
    print(f"{name} takes {finding} without complaint")
    return 0


def shares(names: list[str], seconds: float) -> dict[str, int]:
    """How long each target runs, so that all together take `seconds`, as many at once as there are processors."""
    weights = {name: SHARE_OF_SESSION if name == "session" else 1 for name in names}
    unit = seconds * (os.cpu_count() or 1) / sum(weights.values())
    return {name: max(1, int(weight * unit)) for name, weight in weights.items()}


def fuzz_all(names: list[str], seconds: float) -> int:
    """Fuzz these targets and say what came of it; the exit code."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(fuzz, *zip(*shares(names, seconds).items(), strict=True)))
    for outcome in outcomes:
        print(f"{outcome.target:12} {outcome.runs:9,} runs, {outcome.coverage:5,} places reached")
    found = [outcome for outcome in outcomes if outcome.finding is not None]
    for outcome in found:
        print(f"\n{outcome.target}:\n{outcome.output[-3000:]}")
        print(f"again by: python -m fuzz --reproduce {outcome.finding}")
    return 1 if found else 0


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(TARGETS)}; all, if none")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_SECONDS", "600")))
    parser.add_argument("--keep", action="store_true", help="put what was found to reach more code into the corpus")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run one input again")
    chosen = parser.parse_args()
    names = chosen.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if chosen.reproduce:
        return reproduce(chosen.reproduce)
    if chosen.keep:
        for name in names:
            print(f"{name:12} {keep(name):4} inputs")
        return 0
    return fuzz_all(names, chosen.seconds)


if __name__ == "__main__":
    sys.exit(main())
