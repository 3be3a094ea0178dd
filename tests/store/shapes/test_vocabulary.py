"""The lifecycle: where a status may go, and that every enumeration has its labels."""

import pytest

from store.shapes.vocabulary import MOVES, ON_MARKET, Status, is_legal_move


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "sold"), (None, "draft"), ("sold", "sold"), ("draft", "active"),
        ("active", "sold"), ("sold", "active"), ("rented", "withdrawn"), ("expired", "draft"),
        ("reserved", "rented"), ("withdrawn", "sold"),
    ],
)  # fmt: skip
def test_legal_moves(before: str | None, after: str) -> None:
    assert is_legal_move(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("draft", "sold"), ("draft", "rented"), ("sold", "rented"), ("sold", "reserved"),
        ("sold", "draft"), ("sold", "expired"), ("rented", "sold"), ("rented", "expired"),
    ],
)  # fmt: skip
def test_illegal_moves(before: str, after: str) -> None:
    assert not is_legal_move(before, after)


def test_every_status_can_come_to_market_and_be_withdrawn() -> None:
    assert MOVES.keys() == set(Status)
    for status in Status:
        assert status not in MOVES[status]
        assert MOVES[status] & ON_MARKET
        assert status is Status.WITHDRAWN or Status.WITHDRAWN in MOVES[status]
