"""Time to accuracy: the search for the fewest iterations, what is timed, and a race on small data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from logreg_tui.core.bench.accuracy_race import RaceLimits, Search, run_race
from logreg_tui.core.bench.results import Spread
from logreg_tui.core.errors import UsageError
from logreg_tui.tui.cli.main import run_command
from logreg_tui.tui.text import race_report


@dataclass
class Learner:
    """Is right for iterations / (iterations + half) of the samples, a second for each iteration."""

    half: float = 1.0
    most: float = 1.0
    program: str = "logreg-tui"
    setting: str = "made up"
    fits: list[int] = field(default_factory=list)

    def fit(self, iterations: int) -> tuple[float, float]:
        self.fits.append(iterations)
        return float(iterations), min(self.most, iterations / (iterations + self.half))


def limits(*targets: float, **changes: Any) -> RaceLimits:  # noqa: ANN401
    return RaceLimits(targets, **{"repeats": 3, "most_iterations": 10_000, "most_s": 1e9, **changes})


@pytest.mark.parametrize(("half", "target"), [(1, 0.5), (1, 0.9), (3, 0.99), (10, 0.5), (100, 0.9)])
def test_the_fewest_iterations_are_found_within_a_tenth(half: float, target: float) -> None:
    fewest = round(half * target / (1 - target))
    found = Search(Learner(half), limits(0.1, target)).found[target]
    assert found is not None
    assert fewest <= found <= max(fewest + 1, 1.12 * fewest)


def test_what_is_not_reached_is_not_claimed() -> None:
    learner = Learner(most=0.85)
    (result,) = run_race([learner], limits(0.8, 0.9, most_iterations=50), lambda text: None)
    reached, missed = result.arrivals
    assert (reached.iterations, reached.accuracy) == (4, 0.8)
    assert (missed.iterations, missed.seconds, missed.accuracy) == (None, None, None)
    assert (result.best_accuracy, result.most_iterations) == (0.85, 50)


def test_a_fit_that_would_take_longer_than_the_limit_is_not_tried() -> None:
    learner = Learner(half=1000)
    Search(learner, limits(0.9, most_s=20))
    assert max(learner.fits) <= 20


def test_each_number_found_is_timed_as_often_as_asked_all_in_turn() -> None:
    order: list[str] = []

    class Noting(Learner):
        def fit(self, iterations: int) -> tuple[float, float]:
            order.append(self.setting)
            return super().fit(iterations)

    results = run_race([Noting(setting="a"), Noting(setting="b")], limits(0.5), lambda text: None)
    assert order[-4:] == ["a", "b", "a", "b"]
    assert [result.arrivals[0].seconds for result in results] == [Spread(1, 1, 1, 3)] * 2


DIGITS = ("--against", "sklearn", "--dataset", "digits", "--pixels", "unit", "--threads", "1")


def raced(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run_command("bench", [*DIGITS, "--pairs", "1", "--epochs", "60", *words]) == 0
    return capsys.readouterr().out


def test_a_race_on_digits_has_a_figure_for_everybody_and_json_says_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    races: list[Any] = []
    text = race_report.race_text
    monkeypatch.setattr(race_report, "race_text", lambda race, width: races.append(race) or text(race, width))
    shown = raced(capsys, "--accuracy", "0.9", "0.7", "1")
    for word in (
        "LogisticRegression lbfgs",
        "LogisticRegression saga",
        "SGDClassifier",
        "momentum 0.9",
        "adam",
    ):
        assert word in shown
    (race,) = races
    record = json.loads(json.dumps(race.to_json(), allow_nan=False))
    assert set(record) == {"machine", "sklearn", "limits", "results"}
    assert record["limits"]["targets"] == [0.7, 0.9, 1]
    assert [each["program"] for each in record["results"]] == ["logreg-tui"] * 2 + ["scikit-learn"] * 3
    for each in record["results"]:
        low, high, perfect = each["arrivals"]
        assert low["iterations"] <= high["iterations"] <= each["most_iterations"] <= 60
        assert high["accuracy"] >= 0.9
        assert high["seconds"]["count"] == 1
        assert perfect["iterations"] is None
    assert "0.9: " in shown
    assert "1: nobody reached it." in shown


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--against", "sklearn", "--no-screen"), "--no-screen does not go with --against sklearn"),
        (("--against", "sklearn", "--runs", "2"), "--runs does not go with --against sklearn"),
        (("--accuracy", "0.9"), "--accuracy belongs to --against sklearn"),
        (("--time-limit", "9"), "--time-limit belongs to --against sklearn"),
        (("--against", "sklearn", "--accuracy", "1.5"), "accuracy is 1.5: give a number above 0"),
        (("--against", "sklearn", "--accuracy", "0.9", "0.9"), "--accuracy 0.9 is given twice"),
        (("--against", "xgboost"), "invalid choice: 'xgboost'"),
        (("--against", "sklearn", "--time-limit", "0"), "is not a finite number above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(words: tuple[str, ...], part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        run_command("bench", words)
    assert "\n" not in str(caught.value)
