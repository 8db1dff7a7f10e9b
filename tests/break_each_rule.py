"""Break every rule of docs/semantics.md and docs/differences.md and run its proof: ``make break-rules``.

Each break damages one function in a copy of the runtime. The run fails for a rule whose proof does
not notice its break, for a rule without a break, and for a break that does not fit the source.
Words on the command line select the proofs that contain one of them.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.rule_breaks.around_engine import BREAKS_AROUND_ENGINE
from tests.rule_breaks.of_engine import ENGINE_BREAKS
from tests.rule_breaks.source import Break, BreakError, flat
from tests.run_in_job_environment import ROOT, run_tests

_ROW = re.compile(r"^\| (?P<rule>.+) \| `(?P<proof>[^`]+)` \|$", re.M)
_RUNTIME = ROOT / "runtime"
_PACKAGE = "flink_agents_runtime"
BREAKS = ENGINE_BREAKS | BREAKS_AROUND_ENGINE


def proven_rules() -> dict[str, str]:
    """Return the rules of both documents, by proof."""
    documents = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("differences.md", "semantics.md"))
    return {row["proof"]: row["rule"] for document in documents for row in _ROW.finditer(document)}


def broken_source(broken: Break, runtime: Path = _RUNTIME) -> str:
    """Return the damaged text of the module. Raises BreakError for a break that does not fit."""
    path = runtime / _PACKAGE / broken.file
    if not path.is_file():
        raise BreakError(f"{broken.target}: the runtime has no {broken.file}; name the module that took its place")
    return broken.apply(path.read_text(encoding="utf-8"))


def main(words: list[str]) -> int:
    """Run each break by itself; return 0 if every proof noticed and no rule lacks a break."""
    rules = proven_rules()
    wrong = [f"no break for: {rules[proof]} ({proof})" for proof in rules if proof not in BREAKS]
    wrong += [f"no rule has the proof {proof}" for proof in BREAKS if proof not in rules]
    selected = [(proof, each) for proof, each in flat(BREAKS) if not words or any(word in proof for word in words)]
    # Each break runs pytest in a process, so threads are enough to use all processors.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = pool.map(lambda pair: _outcome(*pair), selected)
        for (proof, _), outcome in zip(selected, outcomes, strict=True):
            sys.stdout.write(f"{'ok' if not outcome else 'WRONG':5}  {proof}: {outcome or rules.get(proof, '')}\n")
            sys.stdout.flush()
            wrong += [proof] if outcome else []
    sys.stdout.write("\n".join(wrong) + f"\n{len(selected)} breaks, {len(wrong)} wrong\n")
    return 1 if wrong else 0


def _outcome(proof: str, broken: Break) -> str:
    """Return why the break counts as wrong, or nothing if the proof noticed it."""
    with tempfile.TemporaryDirectory() as directory:
        runtime = Path(directory) / "runtime"
        shutil.copytree(_RUNTIME, runtime, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            damaged = broken_source(broken, runtime)
        except BreakError as error:
            return str(error)
        (runtime / _PACKAGE / broken.file).write_text(damaged, encoding="utf-8")
        code, output = run_tests([*_tests(proof), "-q", "-x"], runtime=runtime, quiet=True)
    if code == 1:
        return ""
    return "not noticed" if code == 0 else f"pytest ended with {code}: {output[-300:]}"


def _tests(proof: str) -> list[str]:
    if proof.partition("::")[0].endswith(".py"):
        return [f"tests/runtime/{proof}"]
    return [f"tests/runtime/test_parity.py::test_a_case_without_flink[{proof}]"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
