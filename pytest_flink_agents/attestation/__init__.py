"""The attestation of a report: an in-toto statement on what was tested, which files say so, and a signature."""

from pytest_flink_agents.attestation.attest import attest_report
from pytest_flink_agents.attestation.files import ATTESTATION_FILE
from pytest_flink_agents.attestation.keys import Signer, Verifier, read_signer, read_verifier
from pytest_flink_agents.attestation.statement import write_attestation
from pytest_flink_agents.attestation.verify import Verification, verify_report

__all__ = [
    "ATTESTATION_FILE",
    "Signer",
    "Verification",
    "Verifier",
    "attest_report",
    "read_signer",
    "read_verifier",
    "verify_report",
    "write_attestation",
]
