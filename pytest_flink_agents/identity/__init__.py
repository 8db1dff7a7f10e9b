"""Digests of the subject of a session: files, job environments, engines and the commit."""

from pytest_flink_agents.identity.files import added_code, editable_of, files_of
from pytest_flink_agents.identity.git import GitReader, GitState, git_state
from pytest_flink_agents.identity.model import NOT_KNOWN, Identity, digest_of, file_digest

__all__ = [
    "NOT_KNOWN",
    "GitReader",
    "GitState",
    "Identity",
    "added_code",
    "digest_of",
    "editable_of",
    "file_digest",
    "files_of",
    "git_state",
]
