"""Each expectation of the quickstart scenario fails when it is changed, and shows its own line."""

from __future__ import annotations

from pathlib import Path

from plugin_project import Project, lines_of

SCENARIOS = Path(__file__).parents[2] / "scenarios"
# Text of one line under `expect`, and what is written instead.
CHANGES = {
    "output": ("score: 1, reasons: [damaged on arrival]", "score: 2, reasons: [damaged on arrival]"),
    "tool arguments": (
        "args: {id: B000YFSR4W, review: {contains: damaged}}",
        "args: {id: B000YFSR4W, review: {contains: torn}}",
    ),
    "events": (
        "[_chat_request_event, _chat_response_event, _output_event]",
        "[_chat_request_event, _context_retrieval_request_event]",
    ),
    "never": ("never: [_tool_request_event]", "never: [_chat_response_event]"),
    "number of effects": ("shipping: {count: 1,", "shipping: {count: 2,"),
    "content of effects": ("each: {json: {product: B000YFSR4W,", "each: {json: {product: B001IKJOLW,"),
    "model calls": ("calls: {min: 7, max: 7}", "calls: {min: 6, max: 6}"),
    "tokens": ("total: {max: 1300}", "total: {max: 13}"),
    "tokens of an input": ("per_input: {max: 450}", "per_input: {max: 45}"),
    "latency": ("p95_ms: {max: 20000}", "p95_ms: {max: 0.01}"),
    "metrics": ("{equals: 1}", "{equals: 2}"),
}


def test_each_changed_expectation_of_the_quickstart_fails_at_its_own_line(project: Project) -> None:
    setup, expect = (SCENARIOS / "quickstart.scenario.yaml").read_text(encoding="utf-8").split("\nexpect:\n")
    tool = SCENARIOS / "agents" / "shipping.py"
    project.write("scenarios/agents/shipping.py", tool.read_text(encoding="utf-8"))
    project.write("unchanged.scenario.yaml", f"{setup}\nexpect:\n{expect}")
    changed_lines = {}
    for name, (before, after) in CHANGES.items():
        assert expect.count(before) == 1, name
        changed = expect.replace(before, after)
        project.write(f"{name}.scenario.yaml", f"{setup}\nexpect:\n{changed}")
        lines = f"{setup}\nexpect:\n{changed}".splitlines()
        number = next(number for number, line in enumerate(lines, start=1) if after in line and line not in setup)
        changed_lines[name] = f"  > {number:4} | {lines[number - 1]}"
    result = project.run()
    result.assert_outcomes(passed=1, failed=len(CHANGES))
    shown = lines_of(result)
    for name, line in changed_lines.items():
        assert line in shown, (name, shown)
