"""What a session tested, as digests: files, job environments, engines and the commit."""

from pytest_flink_agents.identity.files import files_of
from pytest_flink_agents.identity.git import GitReader, GitState
from pytest_flink_agents.identity.model import Identity, digest_of, file_digest

__all__ = ["GitReader", "GitState", "Identity", "digest_of", "file_digest", "files_of"]
