"""The filter of runs: what a person types to see only some of them, and the runs that it lets through."""

from __future__ import annotations

import operator
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from logreg_tui.core.settings import RunSettings


@dataclass(frozen=True, slots=True)
class FilteredRun:
    """The facts of a run that a filter can ask for."""

    number: int
    settings: RunSettings
    state: str
    verdict: str = ""
    """The kind of its alarm, such as `exploded`; empty without one."""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    """Newest figures by the names of FIGURES, None if not known."""


RunTest = Callable[[FilteredRun], bool]

FIGURES = ("epoch", "train_loss", "test_loss", "train_accuracy", "test_accuracy")
"""The figures of a run, named as in metrics.csv."""
NAMES = {
    **{name: name for name in ("run", "head", "l2", "lr", "optimizer", "schedule", "seed", "state")},
    **{"λ": "l2", "lambda": "l2", "l": "l2", "s": "seed", "status": "state"},
}
"""The names of values as they are typed or stand on the screen, and the ones they are known by here."""
COMPARABLE = {
    **{name: known for name, known in NAMES.items() if known in ("run", "l2", "lr", "seed")},
    **{name: name for name in FIGURES},
    **{"train": "train_accuracy", "test": "test_accuracy", "accuracy": "test_accuracy"},
    **{"loss": "train_loss"},
}
"""The same for numbers, which may stand before `<` and `>`."""
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_SIGNS = {"≤": "<=", "≥": ">="}
_COMPARISON = re.compile(r"([^<>=]*)(<=|>=|<|>)(.*)")
_UNFINISHED = re.compile(r"[-+]?[\d.]*(e[-+]?)?")
"""A number while it is being typed."""
_GLUED = re.compile(r"(run|l2|lr|seed|lambda|λ|l|s)(\.?\d[\d.e+-]*)")
"""A name and its number as narrow lists show them, such as `s1` or `λ.001`."""


def run_filter(text: str) -> RunTest:
    """Return a test of runs: words with `and`, `or`, `not` and brackets, or an expression as `/.../`.

    A word may be part of what the screen says of a run; a name with its value, such as `seed 1`, `λ 0.01`
    or `lr=0.1`, is that value and no other. Numbers compare, also the newest figures: `test > 0.9`,
    `l2 >= 0.01`, `epoch < 500`. Words side by side must all hold. Case does not matter, and what is not
    typed to its end is no mistake. Raises ValueError if a regular expression is none, and if what is
    compared is no number.
    """
    if not text.startswith("/"):
        return _Words(text).test()
    try:
        # A slash at the end closes it; while it is being typed there is none yet.
        expression = re.compile(text[1:].removesuffix("/"), re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return lambda run: expression.search(_told(run, between="=")) is not None


def _values(run: FilteredRun) -> dict[str, str]:
    settings = run.settings
    return {
        "run": str(run.number),
        "head": settings.head,
        "l2": f"{settings.l2:g}",
        "lr": f"{settings.learning_rate:g}",
        "seed": str(settings.seed),
        "optimizer": str(settings.optimizer),
        "schedule": f"{settings.schedule.kind} {settings.schedule}",
        "state": run.state if run.verdict in ("", run.state) else f"{run.state} {run.verdict}",
    }


def _told(run: FilteredRun, *, between: str = " ") -> str:
    """Return all that is said of a run, in one line."""
    values = _values(run)
    return " ".join(f"{name}{between}{value}" for name, value in values.items()).lower()


class _Words:
    """Reads tests from the words of a filter, the first ones first."""

    def __init__(self, text: str) -> None:
        signs = "".join(_SIGNS.get(character, character) for character in text.lower())
        together = re.sub(r"\s*(<=|>=|<|>|=)\s*", r"\1", signs)
        self._left = deque(re.findall(r"[()]|[^\s()]+", together))
        self._name = ""
        """That of the value before, which `seed 1 or 2` leaves out."""

    def test(self) -> RunTest:
        """Return the test of all words."""
        tests = [self._any()]
        while self._left:
            # A bracket that closes none.
            self._left.popleft()
            tests.append(self._any())
        return _every(tests)

    def _any(self) -> RunTest:
        tests = [self._all()]
        while self._next_is("or"):
            tests.append(self._all(follows_or=True))
        return tests[0] if len(tests) == 1 else lambda run: any(test(run) for test in tests)

    def _all(self, *, follows_or: bool = False) -> RunTest:
        tests: list[RunTest] = []
        while self._left and self._left[0] not in ("or", ")"):
            if not self._next_is("and"):
                tests.append(self._one(follows_or=follows_or and not tests))
        # What follows an `or` is still to be typed.
        return _every(tests) if tests or not follows_or else lambda run: False

    def _one(self, *, follows_or: bool = False) -> RunTest:
        word = self._left.popleft()
        if word == "not":
            if not self._left or self._left[0] in ("or", ")"):
                return _every([])
            inner = self._one()
            return lambda run: not inner(run)
        if word == "(":
            inner = self._any()
            self._next_is(")")
            return inner
        if (parts := _COMPARISON.fullmatch(word)) is not None:
            return _comparison(*parts.groups())
        name, is_pair, value = word.partition("=")
        if name not in NAMES and (glued := _GLUED.fullmatch(word)):
            name, value = glued.groups()
        elif (
            not is_pair
            and name in NAMES
            and self._left
            and self._left[0] not in ("and", "or", "not", "(", ")")
        ):
            value = self._left.popleft()
        elif follows_or and self._name and _number(word) is not None:
            name, value = self._name, word
        if name in NAMES and value:
            self._name = name
            return _pair(NAMES[name], value)
        return lambda run: word in _told(run)

    def _next_is(self, word: str) -> bool:
        """Return whether this word is the next one, and if so take it."""
        is_next = bool(self._left) and self._left[0] == word
        if is_next:
            self._left.popleft()
        return is_next


def _every(tests: Sequence[RunTest]) -> RunTest:
    return lambda run: all(test(run) for test in tests)


def _pair(name: str, wanted: str) -> RunTest:
    number = _number(wanted)

    def test(run: FilteredRun) -> bool:
        value = _values(run)[name]
        if number is not None:
            return _number(value) == number
        return any(word.startswith(wanted) for word in (value, *value.split()))

    return test


def _comparison(name: str, sign: str, wanted: str) -> RunTest:
    """Return a test of a number; one whose right side is still to be typed lets all through."""
    if name not in COMPARABLE:
        raise ValueError(f"{name or 'nothing'} is no number to compare: {', '.join(COMPARABLE)} are")
    holds, known, number = OPERATORS[sign], COMPARABLE[name], _number(wanted)
    if number is None:
        if _UNFINISHED.fullmatch(wanted):
            return _every([])
        raise ValueError(f"{wanted!r} is no number")

    def test(run: FilteredRun) -> bool:
        value = run.figures.get(known) if known in FIGURES else _number(_values(run)[known])
        return value is not None and holds(value, number)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
