"""Under pytest-xdist: the first process owns the clusters, the run folder and the verdict; the others run scenarios.

What goes from the first process to the others is an :class:`Assignment`, when they start. What comes back are results,
fastened to pytest's own reports, and at the end what each process knows besides.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.current import SETTINGS
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.report.directory import run_folder_name

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerAddress
    from pytest_flink_agents.session import SessionPlan

_WORD = "flink_agents"


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """What all processes of a session share: the run folder (not yet made), the cluster broker's socket and key."""

    folder: Path
    socket: str
    key: bytes

    @property
    def broker_address(self) -> BrokerAddress:
        """Where to ask for clusters."""
        from flink_testbed.flink.cluster_broker import BrokerAddress

        return BrokerAddress(self.socket, self.key)


def is_first_process(config: pytest.Config) -> bool:
    """Whether this process spreads the session over others."""
    return not hasattr(config, "workerinput") and getattr(config.option, "dist", "no") != "no"


def assignment_of(config: pytest.Config) -> Assignment | None:
    """What the first process gave to this one; None in the first process, or without pytest-xdist."""
    given = getattr(config, "workerinput", {}).get(_WORD)
    return Assignment(Path(given["folder"]), given["socket"], bytes.fromhex(given["key"])) if given else None


def fasten(report: pytest.TestReport | pytest.CollectReport, result: ItemResult) -> None:
    """Send a result along with pytest's report of it."""
    setattr(report, _WORD, result.as_data())


def hand_over(config: pytest.Config, plan: SessionPlan, unreached: Sequence[ItemResult]) -> None:
    """Leave for the first process what this one knows: all that it had selected, and what its verdict speaks of."""
    config.workeroutput[_WORD] = {  # type: ignore[attr-defined]  # pytest-xdist's
        "unreached": [result.as_data() for result in unreached],
        "deselected": plan.deselected,
        "scenario_files": sorted(map(str, plan.scenario_files)),
        "subject_files": sorted(map(str, plan.subject_files)),
        "facts": plan.facts,
        "leaks": plan.leaks,
    }


class FirstProcess:
    """The first process's side, a plugin of its own. ``keep`` takes a result; ``plan_of`` gives the session's plan."""

    def __init__(
        self,
        config: pytest.Config,
        keep: Callable[[pytest.Config, ItemResult], None],
        plan_of: Callable[[pytest.Config], SessionPlan],
    ) -> None:
        self._config = config
        self._keep = keep
        self._plan_of = plan_of
        self._selected: dict[str, None] = {}
        self._unreached: dict[str, ItemResult] = {}
        # Not below the run folder: the path of a Unix socket must be short.
        self._sockets = Path(tempfile.gettempdir()) / f"flink-agents-{secrets.token_hex(6)}"
        folder = config.stash[SETTINGS].report_dir / run_folder_name()
        self.assignment = Assignment(folder, str(self._sockets / "broker"), secrets.token_bytes(32))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A process is about to start: tell it what it shares with us."""
        given = self.assignment
        node.workerinput[_WORD] = {"folder": str(given.folder), "socket": given.socket, "key": given.key.hex()}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """A process has made the run folder if, and only if, what it collected needs us."""
        if self.assignment.folder.exists():
            self._plan_of(self._config).serve(self.assignment.broker_address)
            self._selected |= dict.fromkeys(ids)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self) -> Generator[None, Any, Any]:
        """A report has come from another process, perhaps with a result."""
        report = yield
        if hasattr(report, _WORD):
            self._keep(self._config, ItemResult.from_data(getattr(report, _WORD)))
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """A process died while it ran this."""
        if crashitem in self._selected:
            self._keep(self._config, _unreached(crashitem, "the process that ran it has died"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process has ended: take what it left for us."""
        left = getattr(node, "workeroutput", {}).get(_WORD)
        if left:
            plan = self._plan_of(self._config)
            plan.deselected = left["deselected"]
            plan.scenario_files |= set(map(Path, left["scenario_files"]))
            plan.subject_files |= set(map(Path, left["subject_files"]))
            plan.facts |= left["facts"]
            plan.leaks += left["leaks"]
            self._unreached |= {result["node_id"]: ItemResult.from_data(result) for result in left["unreached"]}

    def unreached(self) -> list[ItemResult]:
        """What was selected, as it stands if it never began. Of a process that died only the names are known."""
        message = "the session ended before it ran"
        return [self._unreached.get(node_id) or _unreached(node_id, message) for node_id in self._selected]

    def close(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self._sockets, ignore_errors=True)


def _unreached(node_id: str, message: str) -> ItemResult:
    name, file = node_id.rpartition("::")[2], node_id.partition("::")[0]
    return ItemResult(node_id, name, Outcome.NOT_RUN, message=message, file=file)
