"""Replay random agents, which are deterministic, and print each replay that is not as its undisturbed run.

``python random_replays.py SEEDS POINTS``: a process of its own, because replays fork one without other threads.
"""

import sys

from random_agents import drawn

from flink_agents_runtime.local.replay import ReplayOptions, replay_inputs


def main(seeds: int, points: int) -> None:
    """Replay the agents of so many seeds, each from so many crash points, with a store and without."""
    total = 0
    for seed in range(seeds):
        agent = drawn(seed)
        for with_store in (True, False):
            options = ReplayOptions(with_store, max_points=points, seed=seed, run_s=20, deadline_s=60)
            result = replay_inputs(agent.plan(), agent.records, options)
            runs = {run["input"]: run["run"] for run in result["undisturbed"]}
            total += len(result["replays"])
            for replay in result["replays"]:
                if replay["run"] != runs[replay["input"]]:
                    sys.stdout.write(
                        f"seed {seed}, {agent.kind}, {with_store}: {replay}, not {runs[replay['input']]}\n"
                    )
            if result["problem"]:
                sys.stdout.write(f"seed {seed}, {agent.kind}: {result['problem']}\n")
    sys.stdout.write(f"{total} replays\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
