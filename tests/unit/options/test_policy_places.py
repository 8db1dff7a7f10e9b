"""The search for a policy that pytest's root directory does not lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.options import places
from pytest_flink_agents.options.given import Given

POLICY = 'version: "1"\ndefault: one\nprofiles: {one: {}}\n'
NAME = "flink-agents-policy.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "home" / "repository" / "suite"
    root.mkdir(parents=True)
    return root


def write(place: Path) -> Path:
    file = place / NAME
    file.write_text(POLICY, encoding="utf-8")
    return file


@pytest.mark.parametrize("has_own", [True, False])
@pytest.mark.parametrize("is_repository", [True, False])
def test_a_policy_above_the_root_is_refused_until_it_is_named(
    *, is_repository: bool, has_own: bool, root: Path
) -> None:
    above = write(root.parent)
    if is_repository:
        (root.parent / ".git").mkdir()
    if has_own:
        write(root)
    with pytest.raises(pytest.UsageError, match="no option names this policy") as refused:
        places.policy(None, None, root, started_in=root)
    assert f"--flink-policy={above}" in str(refused.value)
    named = Given(str(above), "here")
    assert places.policy(named, None, root, started_in=root) == (above, "one")
    # Without the gate nothing is decided.
    assert places.policy(None, None, root, started_in=None)[1] == ("one" if has_own else "default")


def test_a_link_to_the_policy_above_is_no_second_policy(root: Path) -> None:
    above = write(root.parent)
    (root / NAME).symlink_to(above)
    assert places.policy(None, None, root, started_in=root) == (root / NAME, "one")


def test_the_search_ends_at_the_repository_and_below_the_home_directory(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = root.parents[1]
    write(home)
    monkeypatch.setenv("HOME", str(home))
    assert places.policy(None, None, root, started_in=root) == (None, "default")
    monkeypatch.setenv("HOME", str(root))
    (root.parent / ".git").mkdir()
    assert places.policy(None, None, root, started_in=root) == (None, "default")
