"""The figures of the selected run."""

from __future__ import annotations

import math

import pytest
from helpers.records import history_of, row
from textual.app import App, ComposeResult

from logreg_tui.core.goals import parse_goal
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.tui.widgets.runs.card import RunCard, signed
from logreg_tui.tui.widgets.runs.run_groups import RunLines


class CardApp(App[None]):
    def compose(self) -> ComposeResult:
        yield RunCard()

    def lines(self) -> list[str]:
        card = self.query_one(RunCard)
        return [card.render_line(y).text.rstrip() for y in range(card.size.height)]


def trained(head: str = "sigmoid") -> History:
    settings = RunSettings(head)
    accuracies = {0: 0.1, 10: 0.91, 20: 0.9}
    rows = [
        row(1, epoch, settings, train_loss=2 - epoch / 100, test_accuracy=accuracy, train_accuracy=0.93)
        for epoch, accuracy in accuracies.items()
    ]
    return history_of(*rows, runs=(settings,))


async def test_the_card_has_losses_accuracies_gap_best_floor_and_change() -> None:
    app, history = CardApp(), trained()
    async with app.run_test(size=(36, 12)):
        app.query_one(RunCard).show(history, history.runs[1], "stalls")
        assert app.lines()[:8] == [
            "            train    test      gap",
            "loss       1.8000  1.9250  +0.1250",
            "accuracy   0.9300  0.9000  -0.0300",
            "best test  0.9100 at epoch 10",
            "floor      0.3388 above 1.4612",
            "change    -0.2000 in 20 epochs",
            "lr now       0.01",
            "state      stalls: 5 says why",
        ]


async def test_floor_and_change_are_of_the_present_head_alone() -> None:
    app, history = CardApp(), trained("logits")
    history.apply(events.SettingChanged(20, 1, 20, "head", "logits", "sigmoid"))
    shown = []
    async with app.run_test(size=(36, 20)):
        for epoch, loss in ((30, 1.7), (40, 1.6), (50, 1.5)):
            app.query_one(RunCard).show(history, history.runs[1])
            shown.append([line for line in app.lines() if line.startswith(("floor", "change"))])
            history.apply(row(1, epoch, RunSettings("sigmoid"), train_loss=loss))
    assert shown == [
        [],
        ["floor      0.2388 above 1.4612"],
        ["floor      0.1388 above 1.4612", "change    -0.1000 in 10 epochs"],
    ]


async def test_a_row_that_is_not_finite_has_no_gap_floor_or_change_and_is_not_the_best() -> None:
    app, history = CardApp(), trained()
    history.apply(row(1, 30, RunSettings(), train_loss=math.nan, test_loss=math.nan, test_accuracy=0.95))
    async with app.run_test(size=(36, 20)):
        app.query_one(RunCard).show(history, history.runs[1])
        names = [line.split()[0] for line in app.lines() if line]
        assert {"floor", "change"}.isdisjoint(names)
        assert app.lines()[1].split() == ["loss", "nan", "nan"]
        assert app.lines()[3] == "best test  0.9100 at epoch 10"
    (line,) = RunLines().of(history, lambda run: run.settings, {})
    assert line.accuracy is None


async def test_with_little_room_the_most_important_lines_stay() -> None:
    app, history = CardApp(), trained("logits")
    async with app.run_test(size=(28, 3)):
        app.query_one(RunCard).show(history, history.runs[1])
        assert [line.split()[0] for line in app.lines()] == ["loss", "accuracy", "best"]
        assert all(len(line) <= 28 for line in app.lines())


@pytest.mark.parametrize(
    ("verdict", "width", "words"),
    [
        ("exploded", 40, "exploded: R begins it slower"),
        ("exploded", 36, "exploded: R"),
        ("exploded", 20, "exploded"),
        ("diverged", 40, "diverged: R begins it slower"),
        ("diverged", 36, "diverged: R"),
        ("converged", 28, "converged"),
        ("stalls", 36, "stalls: 5 says why"),
        ("stalls", 24, "stalls"),
    ],
)
async def test_the_card_says_how_a_run_is_and_what_to_do_in_whole_words(
    verdict: str, width: int, words: str
) -> None:
    app, history = CardApp(), trained("logits")
    async with app.run_test(size=(width, 12)):
        history.runs[1].status = "finished"
        app.query_one(RunCard).show(history, history.runs[1], verdict)
        assert f"state {words}".split() in [line.split() for line in app.lines()]


WORDS = {
    *("train", "test", "gap", "loss", "accuracy", "best", "at", "epoch", "floor", "above", "change", "in"),
    *(
        "epochs",
        "objective",
        "with",
        "L2",
        "lr",
        "now",
        "state",
        "exploded",
        "R",
        "begins",
        "it",
        "slower",
        "→",
    ),
}


@pytest.mark.parametrize("width", range(25, 45))
async def test_no_line_of_the_card_is_cut_in_a_word(width: int) -> None:
    app, history = CardApp(), trained()
    history.apply(row(1, 30, RunSettings(l2=0.5), train_loss=1.7, l2_penalty=0.125))
    history.apply(events.SettingChanged(30, 1, 30, "learning_rate", 0.01, 0.00125))
    async with app.run_test(size=(width, 16)):
        app.query_one(RunCard).show(history, history.runs[1], "exploded")
        for word in "\n".join(app.lines()).replace("…", " ").split():
            is_number = word.strip("+-").replace(".", "").replace(",", "").isdigit()
            assert word.rstrip(":") in WORDS or is_number, word


async def test_goals_stand_there_until_one_of_them_has_ended_the_run() -> None:
    settings = RunSettings(stop_at=parse_goal("test_accuracy >= 0.91"), patience=1)
    rows = [row(1, epoch, settings, test_accuracy=0.9) for epoch in (0, 10)]
    app, history = CardApp(), history_of(*rows, runs=(settings,))
    async with app.run_test(size=(36, 20)):
        app.query_one(RunCard).show(history, history.runs[1])
        lines = app.lines()
        assert "ends at   test_accuracy >= 0.91" in lines
        assert "patience  1 row" in lines
        history.apply(events.RunEnded(10, 1, 10, "reached"))
        app.query_one(RunCard).show(history, history.runs[1])
        lines = app.lines()
        assert not any(line.startswith(("ends at", "patience")) for line in lines)
        assert "state      goal reached" in lines
        assert any("reached" in line and line.split()[0] == "10" for line in lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "+0.0000"), (-0.00003, "-3e-05"), (0.0123, "+0.0123"), (-12.5, "-12.50"), (1e300, "+1.0e+300")],
)
def test_a_difference_keeps_its_sign_and_its_size(value: float, text: str) -> None:
    assert signed(value) == text
