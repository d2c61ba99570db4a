"""The watch over the event loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from helpers.app import running

from logreg_tui.tui.app.watchdog import PATIENCE, Watchdog, ask_screen


class Loop:
    """An event loop that answers, or does not."""

    def __init__(self) -> None:
        self.answers = True
        self.alarms = 0

    def ask(self, answer: Callable[[], None]) -> None:
        if self.answers:
            answer()

    def alarm(self) -> None:
        self.alarms += 1


def watched(loop: Loop, ticks: int) -> int:
    """Return the alarms that so many ticks of a new watchdog sound."""
    dog = Watchdog(loop.ask, loop.alarm)
    for _ in range(ticks):
        dog.tick()
    return loop.alarms


def test_a_loop_that_turns_sounds_no_alarm() -> None:
    assert watched(Loop(), 10 * PATIENCE) == 0


def test_a_loop_that_stands_still_sounds_one_alarm() -> None:
    loop = Loop()
    loop.answers = False
    assert watched(loop, PATIENCE) == 0
    assert watched(loop, 10 * PATIENCE) == 1


def test_a_late_answer_counts_and_the_next_silence_sounds_again() -> None:
    kept: list[Callable[[], None]] = []
    alarms: list[None] = []
    dog = Watchdog(kept.append, lambda: alarms.append(None))
    for _ in range(2 * PATIENCE):
        dog.tick()
    assert len(alarms) == 1
    assert len(kept) == 1
    kept[0]()
    for _ in range(2 * PATIENCE):
        dog.tick()
    assert len(alarms) == 2


async def test_the_screen_on_top_answers_for_the_app() -> None:
    answers: list[None] = []
    async with running() as lab:
        for keys in ((), ("question_mark",)):
            await lab.press(*keys)
            ask_screen(lab.app, partial(answers.append, None))
            await lab.until(lambda: answers)
            answers.clear()
    ask_screen(lab.app, partial(answers.append, None))
    assert not answers
