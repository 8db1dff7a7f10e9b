"""A finished report of a session, signed or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_flink_agents.attestation import Signer, read_signer
from pytest_flink_agents.gate import ItemResult, Outcome, Policy
from pytest_flink_agents.identity import Identity, file_digest
from pytest_flink_agents.session import GateSession
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Tier

FILES = {"shop.py": "X = 1\n", "s.scenario.yaml": 'version: "1"\n', "conf/config.yaml": "a: 1\n", "policy.yaml": "p\n"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "project"


@pytest.fixture
def attested(project: Path) -> Callable[..., Path]:
    """End a session with one passed scenario, or with other results, and return its run folder."""

    def end(signer: Signer | None = None, *results: ItemResult) -> Path:
        settings = Settings(root=project, python_path=(), report_dir=project / "flink-agents-report")
        session = GateSession(settings, lambda _: None, signer=signer)
        digests = {name: file_digest(project / name) for name in FILES}
        session.update(
            identity=Identity(
                {"shop.py": digests["shop.py"]},
                {"s.scenario.yaml": digests["s.scenario.yaml"]},
                {"conf/config.yaml": digests["conf/config.yaml"]},
                {"2.2.1 package pandas-2.2.3": "sha256:" + "ab" * 32},
            )
        )
        session.policy = Policy("strict", (Tier.EMBEDDED,), file="policy.yaml", digest=digests["policy.yaml"])
        for result in results or [ItemResult("s::a", "a", Outcome.PASSED, tier=Tier.EMBEDDED, file="s.scenario.yaml")]:
            evidence = session.folder_of(result.node_id, 1)
            evidence.mkdir(parents=True)
            (evidence / "evidence.json").write_text('{"outputs": [1]}\n', encoding="utf-8")
            session.add_result(result)
        (session.folder / "running").mkdir()
        (session.folder / "running" / "cluster.log").write_text("not a part of the report", encoding="utf-8")
        session.conclude(0)
        return session.folder

    return end


@pytest.fixture(params=["P-256", "ed25519"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """The files of a private key of each kind and of its public key."""
    from tests.support.signing_keys import KEYS, write_keys

    return write_keys(tmp_path, KEYS[request.param]())


@pytest.fixture
def signer(keys: tuple[Path, Path]) -> Signer:
    return read_signer(str(keys[0]), Path(), {})
