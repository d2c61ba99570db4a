"""The accuracy log at several widths: every cell is used, figures stay whole."""

from __future__ import annotations

import pytest
from helpers.records import row
from textual.app import App, ComposeResult

from logreg_tui.tui.widgets.frame.accuracy_log import AccuracyLog


class LogApp(App[None]):
    def compose(self) -> ComposeResult:
        yield AccuracyLog()


@pytest.mark.parametrize(
    ("width", "title", "line"),
    [
        (24, " epoch run train  test", "10,000 1   0.902 0.904"),
        (30, " epoch  run   train    test", "10,000  1    0.9021  0.9038"),
        (36, " epoch run objective  train   test", "10,000 1      1.5502 0.9021 0.9038"),
        (44, " epoch run       objective  train   test", "10,000 1 sigmoid    1.5502 0.9021 0.9038"),
        (
            100,
            " epoch  run        objective  train loss  test loss        lr   train    test",
            "10,000  1 sigmoid     1.5502      1.5470     1.5541      0.01  0.9021  0.9038",
        ),
    ],
)
async def test_the_log_has_four_decimals_and_the_columns_that_fit(width: int, title: str, line: str) -> None:
    report = row(
        1, 10_000, train_loss=1.547, test_loss=1.5541, l2_penalty=0.0032, train_accuracy=0.9021,
        test_accuracy=0.9038, is_report=True,
    )  # fmt: skip
    app = LogApp()
    async with app.run_test(size=(width, 5)) as pilot:
        log = app.query_one(AccuracyLog)
        log.show([report] * 9, {1: "sigmoid"})
        await pilot.pause()
        lines = [" ".join(log.render_line(y).text.split()) for y in range(2)]
        assert lines[0] == " ".join(title.split())
        assert lines[1].removesuffix(" │").removesuffix(" ┃") == " ".join(line.split())
        texts = [log.render_line(y).text[:-1].rstrip() for y in range(2)]
        assert len(texts[0]) == len(texts[1]) < width
