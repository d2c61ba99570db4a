"""Sums of what blocks give: in the order of the blocks, whatever the order of their arrival."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from logreg_tui.core.engine.full_batch_pass import OrderedSum


def new_part() -> Tensor:
    return torch.zeros(3)


def filled(total: OrderedSum, value: float) -> Tensor:
    return total.buffer().fill_(value)


@pytest.mark.parametrize("seed", range(10))
def test_parts_are_added_in_order_whatever_the_order_of_their_arrival(seed: int) -> None:
    # In float32 each order of these has a sum of its own.
    addends = [1e8, 1.0, -1e8, 3.0, 1e-3, 7e7, -7e7, 0.1]
    expected = torch.zeros(1)
    for addend in addends:
        expected += addend
    order = list(range(len(addends)))
    random.Random(seed).shuffle(order)
    total = OrderedSum(new_part)
    for _ in range(2):
        total.begin()
        for index in order:
            total.add(index, filled(total, addends[index]))
        assert total.total.tolist() == expected.tolist() * 3


def test_parts_of_a_sum_that_was_given_up_do_not_come_into_the_next() -> None:
    total = OrderedSum(new_part)
    for index in (0, 1, 4, 3):
        total.add(index, filled(total, 100.0))
    total.begin()
    for index in (2, 0, 1):
        total.add(index, filled(total, float(index)))
    assert total.total.tolist() == [3.0] * 3


def test_room_is_used_again() -> None:
    rooms: list[Tensor] = []

    def new() -> Tensor:
        rooms.append(new_part())
        return rooms[-1]

    total = OrderedSum(new)
    for _ in range(3):
        total.begin()
        for index in range(50):
            total.add(index, filled(total, 1.0))
    assert total.total.tolist() == [50.0] * 3
    assert len(rooms) == 2
