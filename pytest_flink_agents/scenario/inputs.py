"""The inputs of a scenario as a list.

They are inline, generated, or in JSON-lines or CSV files of the project or of a package. Data files are
data: no placeholder in them is replaced.
Must never import: yaml, pytest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, overload

from jmespath.exceptions import JMESPathError

from flink_testbed.core import clock
from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, shown
from pytest_flink_agents.scenario.csv_rows import is_csv, numbered_rows
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError, describe, shorten
from pytest_flink_agents.scenario.expressions import Expression, compile_expression
from pytest_flink_agents.scenario.generated import GeneratedRecords, Record
from pytest_flink_agents.scenario.input_forms import FileInputs, GeneratedInputs, InlineInput, PackageInputs
from pytest_flink_agents.scenario.json_lines import DataBudget, numbered_lines, parse_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_flink_agents.scenario.load import LoadedScenario

# Reading 64 MiB takes some seconds; an expression that needs more than this per record is refused.
READING_S = 60.0
_PROBLEMS_SHOWN = 20


class AllInputs(Sequence[Record]):
    """The inputs of all entries under ``inputs``, in order."""

    def __init__(self, parts: Sequence[Sequence[Record]]) -> None:
        self._parts = parts
        self._ends = tuple(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def first_of(self, entry: int) -> int:
        """Return the number of the first input of an entry under ``inputs``."""
        return self._ends[entry - 1] if entry else 0

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        part = bisect_right(self._ends, number)
        return self._parts[part][number - self._ends[part]]


def _unchanged(value: Any) -> Any:
    return value


def resolve_inputs(
    loaded: LoadedScenario, search_roots: Sequence[Path], mask: Callable[[Any], Any] = _unchanged
) -> AllInputs:
    """Return all inputs in order, each ``{"key": ..., "value": ...}``.

    Generated inputs are made when they are read. ``mask`` is applied to every key and value of a data file.

    Packages are looked up in ``search_roots`` in order: the project root, import roots, the job
    environment's site-packages. With a limit no further records are read. Raises
    :class:`ScenarioError` with file and line if a file is missing or too large, a line is not JSON,
    or a record has no key or no value.
    """
    parts: list[Sequence[Record]] = []
    budget = DataBudget()
    deadline = clock.now_s() + READING_S
    for index, one in enumerate(loaded.scenario.inputs):
        if isinstance(one, InlineInput):
            parts.append([{"key": one.key, "value": one.value}])
        elif isinstance(one, GeneratedInputs):
            wanted = one.generate
            first = sum(map(len, parts))
            parts.append(GeneratedRecords(wanted.count, wanted.keys, wanted.value, seed=wanted.seed, first=first))
        else:
            file = _file(loaded, index, one, search_roots)
            parts.append(_Records(one, shown(file, loaded.root), deadline, mask).read(file, budget))
    return AllInputs(parts)


def data_files(loaded: LoadedScenario, search_roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the data files of a scenario's inputs in the project and in packages below ``search_roots``.

    Those that are not there are left out.
    """
    for index, one in enumerate(loaded.scenario.inputs):
        if isinstance(one, (FileInputs, PackageInputs)):
            with suppress(ScenarioError):
                yield _file(loaded, index, one, search_roots)


def _file(loaded: LoadedScenario, index: int, wanted: FileInputs | PackageInputs, search_roots: Sequence[Path]) -> Path:
    if isinstance(wanted, FileInputs):
        return loaded.path(wanted.from_)
    return _in_package(loaded, index, wanted, search_roots)


def _in_package(loaded: LoadedScenario, index: int, wanted: PackageInputs, search_roots: Sequence[Path]) -> Path:
    """Return the file of a package in the first root that contains it."""
    looked_in = []
    path: DocumentPath = ("inputs", index, "file")
    for root in search_roots:
        folder = root.joinpath(*wanted.package.split("."))
        if not folder.is_dir():
            looked_in.append(f"{root} has no {wanted.package.replace('.', '/')}/")
            continue
        try:
            return file_inside(folder, wanted.file, folder)
        except PlaceError as error:
            looked_in.append(f"{folder}: {error.message}")
    mistake = Mistake(
        "FA206",
        path,
        f"no file {shorten(wanted.file)} in package {wanted.package}",
        expected="an existing file inside that package",
        seen="; ".join(looked_in) or "no directory to search",
        next_step="check the package and the file; the package must be in the project or in the job's requirements",
    )
    raise ScenarioError(loaded.document.problem(mistake))


class _Records:
    """The records of one data file, and what is wrong with them."""

    def __init__(
        self, wanted: FileInputs | PackageInputs, name: str, deadline: float, mask: Callable[[Any], Any]
    ) -> None:
        self._limit = wanted.limit
        self._where = compile_expression(wanted.where) if wanted.where else None
        self._paths = {"key": wanted.key, "value": wanted.value or "@"}
        self._expressions: dict[str, Expression] = {
            word: compile_expression(path) for word, path in self._paths.items()
        }
        self._name = name
        self._deadline = deadline
        self._mask = mask
        self._problems: list[Problem] = []

    def read(self, file: Path, budget: DataBudget) -> list[Record]:
        """Return key and value of each record.

        Raises :class:`ScenarioError` with the first wrong lines.
        """
        found: list[Record] = []
        read: Callable[..., Iterator[tuple[int, Any]]] = numbered_rows if is_csv(file.name) else numbered_lines
        for number, line in read(file, self._name, budget):
            found += self._record(number, line)
            if len(self._problems) >= _PROBLEMS_SHOWN or len(found) == self._limit:
                break
        if self._problems:
            raise ScenarioError(*self._problems)
        if not found:
            message, expected = "the data file contains no record", "lines of JSON, or rows of CSV"
            if self._where:
                message, expected = "no record of the data file is taken", "a record in which `where` finds something"
            raise ScenarioError(Problem("FA212", message, where=self._name, expected=expected))
        return found

    def _record(self, number: int, line: str | dict[str, str]) -> Iterator[Record]:
        if clock.now_s() > self._deadline:
            seen = "more"
            limit = f"at most {READING_S:g} s for all data files of a scenario"
            where = f"{self._name}:{number}:1"
            raise ScenarioError(
                Problem("FA211", "reading the data takes too long", where, limit, seen, "simplify key and value")
            )
        try:
            record = parse_line(line) if isinstance(line, str) else line
            if self._where and self._where.search(record) in (None, False):
                return
            result = {word: expression.search(record) for word, expression in self._expressions.items()}
        except (ValueError, RecursionError, JMESPathError) as error:
            reason = " ".join(str(error).split()) or "nested too deep"
            self._add(number, "this line cannot be used", "a line of JSON", shorten(reason))
            return
        for word, value in result.items():
            if value is None:
                path = self._paths[word]
                self._add(number, f"nothing at {path}", f"a value at {path}", describe(self._mask(record)))
        yield {word: self._mask(value) for word, value in result.items()}

    def _add(self, number: int, message: str, expected: str, seen: str) -> None:
        self._problems.append(Problem("FA212", message, where=f"{self._name}:{number}:1", expected=expected, seen=seen))
