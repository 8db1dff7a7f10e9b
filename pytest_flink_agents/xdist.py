"""The two roles in a session of pytest-xdist: controller and worker.

The controller owns clusters, run folder and verdict; workers run the scenarios. The data takes
four ways:

1. The controller sends each worker an :class:`Assignment` when it starts.
2. A worker creates the run folder if its items need the session. The controller sees that when the
   worker has collected, before any item runs, and serves its clusters then. So a session without
   scenarios starts nothing.
3. Results travel with pytest's own reports, one by one, so that those of a worker that dies later
   are not lost.
4. At its end a worker sends its :class:`SessionRecord` without results, and the secrets that its
   scenarios and tests brought. A worker that dies sends none; its items are known by name from (2),
   and count as not run.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.current import SESSION, SETTINGS, SHARED, SharedParts, session_of
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.report.directory import run_folder_name
from pytest_flink_agents.session_record import SessionRecord

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerAddress
    from pytest_flink_agents.session import GateSession

# The attribute of reports, and the key of pytest-xdist's inputs and outputs.
_KEY = "flink_agents"
_SECRETS = "flink_agents_secrets"
_CONTROLLER = "flink-agents-controller"


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """The values that all processes of a session share.

    They are the run folder, not yet created, and the socket and key of the cluster broker.
    """

    folder: Path
    socket: str
    key: bytes

    def broker_address(self) -> BrokerAddress:
        """Return the address of the controller's cluster broker."""
        from flink_testbed.flink.cluster_broker import BrokerAddress

        return BrokerAddress(self.socket, self.key)

    def as_data(self) -> dict[str, str]:
        """Return the assignment as plain data."""
        return {"folder": str(self.folder), "socket": self.socket, "key": self.key.hex()}

    @classmethod
    def from_data(cls, data: dict[str, str]) -> Assignment:
        """Return the assignment that :meth:`as_data` described."""
        return cls(Path(data["folder"]), data["socket"], bytes.fromhex(data["key"]))


def configure(config: pytest.Config) -> None:
    """Take this process's role in the session: worker or controller."""
    if hasattr(config, "workerinput"):
        assignment = Assignment.from_data(config.workerinput[_KEY])
        config.stash[SHARED] = SharedParts(assignment.folder, assignment.broker_address, config.workerinput["workerid"])
        return
    controller = Controller(config)
    config.stash[SHARED] = SharedParts(controller.assignment.folder)
    config.pluginmanager.register(controller, _CONTROLLER)


def attach(report: pytest.TestReport | pytest.CollectReport, result: ItemResult) -> None:
    """Send a result along with pytest's report of it.

    As text: pytest-xdist packs data value by value in Python, which takes much longer than JSON.
    """
    setattr(report, _KEY, json.dumps(result.as_data()))


def send_record(config: pytest.Config, session: GateSession) -> None:
    """Send a worker's record, and the secrets that it has learned, to the controller.

    Results are left out: they were sent with their reports. The controller writes the report and
    masks the logs of the clusters, and has read no scenario itself.
    """
    output: dict[str, Any] = config.workeroutput  # type: ignore[attr-defined]
    output[_KEY] = json.dumps(dataclasses.replace(session.record, attempts=()).as_data())
    output[_SECRETS] = sorted(session.redactor.learned)


class Controller:
    """The hooks of pytest-xdist that only the controller implements."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        # Not below the run folder: the path of a Unix socket must be short.
        self._sockets = Path(tempfile.gettempdir()) / f"flink-agents-{secrets.token_hex(6)}"
        folder = config.stash[SETTINGS].report_dir / run_folder_name()
        self.assignment = Assignment(folder, str(self._sockets / "broker"), secrets.token_bytes(32))
        # Workers that ended without their record, and whose end no item explains.
        self._lost: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send a worker its assignment before it starts."""
        node.workerinput[_KEY] = self.assignment.as_data()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Serve clusters to the workers if their items need the session.

        A worker whose items need it has created the run folder, see ``collect.record_selection``.
        """
        if self.assignment.folder.exists():
            session = session_of(self._config)
            session.services.serve(self.assignment.broker_address())
            # The worker's record replaces these results at its end. They remain for a worker that
            # dies, of which only the names of its items are known.
            expected = {node_id: _not_run(node_id, "the session ended before it ran") for node_id in ids}
            session.update(selected={**expected, **session.record.selected})
            session.begin()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Record that a worker runs an item."""
        if SESSION in self._config.stash:
            self._config.stash[SESSION].item_started(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self) -> Generator[None, Any, Any]:
        """Record the result that a report brings along."""
        report = yield
        if hasattr(report, _KEY):
            session_of(self._config).add_result(ItemResult.from_data(json.loads(getattr(report, _KEY))))
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Record that a worker died while it ran this item."""
        # pytest-xdist calls this right after pytest_testnodedown for the same worker.
        self._lost = self._lost[:-1]
        if SESSION in self._config.stash and crashitem in self._config.stash[SESSION].record.selected:
            died = "the pytest-xdist worker that ran it has died"
            # Whatever ended it, it says nothing about the scenario, so its severity does not excuse that.
            result = dataclasses.replace(_not_run(crashitem, died), other_error=died)
            self._config.stash[SESSION].add_result(result)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Merge the record of a worker that has ended.

        The record has what the worker left out, and the digests of what it read: without it a part of the scenarios may
        be missing that nothing else names.
        """
        output = getattr(node, "workeroutput", {})
        if not output:
            self._lost.append(str(node.gateway.id))
        elif output.get(_KEY):
            session = session_of(self._config)
            session.record = session.record.merge(SessionRecord.from_data(json.loads(output[_KEY])))
            session.redactor.learn(output[_SECRETS])

    def pytest_sessionfinish(self) -> None:
        """Record the workers whose records are missing, before the verdict."""
        if SESSION in self._config.stash:
            for worker in self._lost:
                message = "the pytest-xdist worker ended before it said what it had left out"
                result = ItemResult(f"session::worker {worker}", worker, Outcome.NOT_RUN, message=message)
                self._config.stash[SESSION].add_result(result)

    def pytest_unconfigure(self) -> None:
        """Remove the directory of the broker's socket."""
        shutil.rmtree(self._sockets, ignore_errors=True)


def _not_run(node_id: str, message: str) -> ItemResult:
    file, _, name = node_id.rpartition("::")
    return ItemResult(node_id, name, Outcome.NOT_RUN, message=message, file=file.partition("::")[0])
