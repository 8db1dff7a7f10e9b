"""The page of flink-agents' own options, from the catalogue by which the bundled engine and the linter read them."""

from __future__ import annotations

from flink_agents_runtime.config.catalogue import CATALOGUE, LATER, Option
from tools.reference.markdown import code, page, sentence, table

# Its default depends on the machine.
_THREADS = "num-async-threads"


def agent_options_page() -> str:
    """Return the page."""
    return page(
        "Options of flink-agents",
        "These options go under `config` of a scenario, under `agent:` of a Flink configuration, or into a program. "
        "[The linter](../how-to/lint.md) finds misplaced and mistyped ones. A scenario may set other "
        "options, which an agent of yours reads itself, only with `config_extra: true`.",
        table(("option", "type", "default", "note"), [_row(option) for option in CATALOGUE.values()]),
        "`event-log.type.TYPE.level` sets the level (`OFF`, `STANDARD`, `VERBOSE`) of one event type.",
        "flink-agents 0.4 has more options, which 0.3 ignores: " + ", ".join(code(key) for key in sorted(LATER)) + ".",
    )


def _row(option: Option) -> tuple[str, str, str, str]:
    kind = " or ".join(code(word) for word in option.words) if option.words else str(option.kind)
    default = "twice the number of processors" if option.key == _THREADS else _default(option)
    note = f"refused by the bundled engine: {option.refused}" if option.refused else ""
    note = "only the bundled engine has it" if option.ours else note
    return code(option.key), kind, default, sentence(note)


def _default(option: Option) -> str:
    if option.default is None:
        return "none"
    return code(str(option.default).lower() if isinstance(option.default, bool) else str(option.default))
