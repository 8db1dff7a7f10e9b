"""Where the answers of a scenario's model come from: a script, a cassette or a real model."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.core.addresses import address_of
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.models.channel import Channel
from flink_testbed.models.script import Script, parse_script
from flink_testbed.models.tape import Endpoint, Forward, Replay, in_stable_order
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor, printable_json
from pytest_flink_agents.run.requests import needs_models
from pytest_flink_agents.scenario.boundary.addresses import is_loopback
from pytest_flink_agents.scenario.boundary.places import PlaceError, resolved_inside, shown
from pytest_flink_agents.scenario.cassette import (
    Cassette,
    CassetteError,
    asking_words,
    cassette_data,
    cassette_place,
    changed_words,
    numbered,
    read_cassette,
    with_digests,
)
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.network import allowed_addresses
from pytest_flink_agents.scenario.placeholders import names_in, substitute
from pytest_flink_agents.scenario.scrub import parse_scrub, scrubbed
from pytest_flink_agents.vocabulary import ModelMode

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun

_ENDPOINT = ("llm", "endpoint")
_CASSETTE = ("llm", "cassette")
_OVERWRITE = "--llm-overwrite"


@contextlib.contextmanager
def served_model(services: Services, loaded: LoadedScenario, ledger: LedgerRun | None) -> Iterator[Channel | None]:
    """Open a channel of the model server for a run; None if nothing in the run has its address.

    The server is started by the first run that needs it, since loading it takes longer than a short run. The cassette of a
    recording is written when the run has ended, whatever came of it, unless the service failed to answer. Further runs of the
    session replay it. Raises ``HostError`` FA437 if the service cannot be asked and FA438 if the cassette exists.
    """
    if not needs_models(loaded):
        yield None
        return
    llm = loaded.scenario.llm
    script = parse_script(llm.rules()) if llm and llm.script else Script(())
    tape = _tape(services, loaded)
    recorder = ledger.recorder if ledger else None
    with services.models.channel(script, recorder, loaded.model_formats, tape) as channel:
        yield channel
    if isinstance(tape, Forward) and tape.mode == ModelMode.RECORD:
        _write(services, loaded, tape)


def mode_of(services: Services, loaded: LoadedScenario) -> ModelMode:
    """Return the mode of a run: the session's for a scenario that is not scripted, else the scenario's own."""
    llm = loaded.scenario.llm
    own = ModelMode(llm.mode) if llm else ModelMode.SCRIPTED
    mode = own if own is ModelMode.SCRIPTED else services.settings.llm_mode or own
    if mode is ModelMode.RECORD and cassette_file(services, loaded) in services.recorded:
        return ModelMode.REPLAY
    return mode


def obstacle_to_replays(services: Services, loaded: LoadedScenario) -> str:
    """Return why the answers of the model cannot be given again to a replay, empty if they can."""
    mode = mode_of(services, loaded)
    if mode in (ModelMode.RECORD, ModelMode.LIVE):
        return f"llm in the mode {mode}"
    tape = _tape(services, loaded)
    if isinstance(tape, Replay) and not tape.repeats_itself:
        return "a cassette with several answers to one request"
    return ""


def cassette_file(services: Services, loaded: LoadedScenario) -> Path:
    """Return the file of the scenario's cassette, which need not exist."""
    llm, settings = loaded.scenario.llm, services.settings
    if llm is None or llm.cassette is None:
        next_step = "add cassette: cassettes/NAME.json"
        raise ScenarioError(_problem("FA218", loaded, ("llm",), "the scenario names no cassette", next_step=next_step))
    place = cassette_place(loaded.file, settings.cassette_dir, loaded.root)
    try:
        return resolved_inside(relative=llm.cassette, **place)
    except PlaceError as error:
        problem = _problem("FA206", loaded, _CASSETTE, error.message, error.expected, error.seen, error.next_step)
        raise ScenarioError(problem) from None


def _tape(services: Services, loaded: LoadedScenario) -> Replay | Forward | None:
    mode = mode_of(services, loaded)
    if mode is ModelMode.SCRIPTED:
        return None
    prepare = _preparation(services.redactor, loaded)
    if mode is ModelMode.REPLAY:
        return _replay(services, loaded, prepare)
    endpoint = _endpoint(services, loaded)
    if mode is ModelMode.RECORD:
        _require_room(services, loaded)
    return Forward(endpoint, prepare, mode)


def _preparation(redactor: Redactor, loaded: LoadedScenario) -> Callable[[Any], Any]:
    """Return what is done to each request before it is compared or written: secrets are masked, places removed."""
    llm = loaded.scenario.llm
    paths = [parse_scrub(text) for text in llm.scrub] if llm else []
    return lambda request: redactor.data(scrubbed(request, paths))


def _replay(services: Services, loaded: LoadedScenario, prepare: Callable[[Any], Any]) -> Replay:
    try:
        cassette = read_cassette(cassette_file(services, loaded))
    except CassetteError as error:
        problem = _problem("FA218", loaded, _CASSETTE, error.message, error.expected, error.seen, error.next_step)
        raise ScenarioError(problem) from None
    changed = changed_words(cassette, loaded.document.value)
    remark = f"; since the recording the scenario has changed in {', '.join(changed)}" if changed else ""
    return Replay(cassette.exchanges, prepare, remark)


def _endpoint(services: Services, loaded: LoadedScenario) -> Endpoint:
    """Return the service that a scenario names, if the environment has its variables and ``network`` allows it."""
    written = loaded.scenario.llm and loaded.scenario.llm.endpoint
    if not written:
        next_step = 'add endpoint: {url: https://..., key: "${env.NAME}"}'
        raise HostError(_problem("FA437", loaded, ("llm",), "the scenario names no endpoint", next_step=next_step))
    texts = [written.url, *([written.key] if written.key else [])]
    names = [name.removeprefix("env.") for name in sorted(names_in(texts))]
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        seen, next_step = f"{', '.join(missing)} not set", f"export {missing[0]}=..."
        message = "the model's service cannot be asked: a variable is missing"
        raise HostError(_problem("FA437", loaded, _ENDPOINT, message, "a value", seen, next_step))
    values = {f"env.{name}": os.environ[name] for name in names}
    url, key = substitute(written.url, values), substitute(written.key or "", values)
    services.redactor.learn([key] if key else [])
    try:
        address = address_of(url)
    except ValueError as error:
        message = "the address of the model's service is wrong"
        raise HostError(_problem("FA437", loaded, _ENDPOINT, message, "https://HOST", str(error))) from None
    network = allowed_addresses(loaded.scenario.network, replaces=True)
    if network is not None and address not in [each.lower() for each in network] and not is_loopback(address):
        message = "the network of the scenario does not allow the model's service"
        allowed = ", ".join(network) or "none but loopback"
        next_step = f'write network: ["{address}"]'
        raise HostError(_problem("FA437", loaded, _ENDPOINT, message, allowed, address, next_step))
    return Endpoint(url, key)


def _require_room(services: Services, loaded: LoadedScenario) -> None:
    file = cassette_file(services, loaded)
    if file.exists() and not services.settings.llm_overwrite:
        name = shown(file, loaded.root)
        next_step = f"replay it, delete it, or add {_OVERWRITE}; with -n or several tiers only one run can record"
        raise HostError(_problem("FA438", loaded, _CASSETTE, "the cassette exists already", "no file", name, next_step))


def _write(services: Services, loaded: LoadedScenario, tape: Forward) -> None:
    """Write the recorded exchanges; nothing if one is missing."""
    name = loaded.scenario.name
    if tape.trouble or not tape.exchanges:
        why = tape.trouble or "the model was never asked"
        services.progress(f"{name}: no cassette was written: {services.redactor.line(why)}")
        return
    file = cassette_file(services, loaded)
    cassette = Cassette(tuple(in_stable_order(tape.exchanges)), asking_words(loaded.document.value))
    data = with_digests(services.redactor.data(cassette_data(cassette)))
    text = printable_json(json.dumps(data, indent=1, ensure_ascii=False)) + "\n"
    try:
        _write_whole(file, text, overwrite=services.settings.llm_overwrite)
    except OSError as error:
        seen = error.strerror or type(error).__name__
        message = "the cassette cannot be written"
        raise HostError(_problem("FA438", loaded, _CASSETTE, message, shown(file, loaded.root), seen)) from None
    services.recorded.add(file)
    services.progress(f"{name}: {numbered(cassette.exchanges)} recorded in {shown(file, loaded.root)}")


def _write_whole(file: Path, text: str, *, overwrite: bool) -> None:
    """Write a file whole or not at all. Raises ``FileExistsError`` unless it may be overwritten."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if overwrite:
            partial.replace(file)
        else:
            os.link(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def _problem(
    code: str,
    loaded: LoadedScenario,
    path: tuple[str, ...],
    message: str,
    expected: str = "",
    seen: str = "",
    next_step: str = "",
) -> Problem:
    return Problem(code, message, loaded.document.place(path), expected, seen, next_step)
