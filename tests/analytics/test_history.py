"""Spells: revisions decide what happened, clocks only how long it took."""

from datetime import UTC, datetime

import polars as pl

from analytics import history

MOVES = """
    1 1 01 active    1
    1 2 05 withdrawn 1
    1 3 07 sold      1
    1 4 09 active    2
    2 1 03 active    1
    2 2 02 sold      1
    3 1 01 draft     1
    4 1 01 draft     1
    4 2 04 active    1
    4 3 06 reserved  1
"""


def moves(table: str) -> pl.DataFrame:
    rows = [line.split() for line in table.strip().splitlines()]
    return pl.DataFrame(
        [
            (int(listing), int(revision), january(int(day)), status, int(spell))
            for listing, revision, day, status, spell in rows
        ],
        schema=["id", "revision", "effective_at", "status", "spell"],
        orient="row",
    )


def january(day: int) -> datetime:
    return datetime(2024, 1, day, tzinfo=UTC)


def rows(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.select(
        pl.exclude("started_at", "ended_at"),
        pl.col("started_at").dt.day(),
        pl.col("ended_at").dt.day(),
    ).rows()


def test_spells_follow_revisions() -> None:
    assert rows(history.spells(moves(MOVES))) == [
        (1, 1, "sold", False, 1, 5),  # withdrawn first, reported as sold afterwards
        (1, 2, None, True, 9, None),  # back on the market: a new spell
        (2, 1, "sold", False, 3, 3),  # its end's clock runs behind: a spell of no length
        (4, 1, None, True, 4, None),  # reserved is on the market, a draft is not
    ]


def test_spells_do_not_depend_on_the_order_of_rows() -> None:
    table = moves(MOVES)
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=3)
    assert history.spells(shuffled).equals(history.spells(table))


def test_no_moves_give_no_spells() -> None:
    assert history.spells(moves(MOVES).clear()).height == 0


def test_overlapping_adverts_are_one_spell_of_the_home() -> None:
    spells = history.spells(
        moves("""
            1 1 01 active    1
            1 2 05 withdrawn 1
            2 1 03 active    1
            2 2 09 sold      1
            3 1 12 active    1
        """)
    )
    homes = pl.DataFrame({"id": [1, 2, 3], "unit_id": ["a", "a", "a"]})
    assert rows(history.unit_spells(spells, homes)) == [
        ("a", 1, "sold", 1, 9),
        ("a", 2, None, 12, None),
    ]


def test_a_day_is_the_day_in_bucharest() -> None:
    late = pl.DataFrame({"at": [datetime(2024, 1, 31, 22, 30, tzinfo=UTC)]})
    assert str(late.select(history.day_of("at")).item()) == "2024-02-01"
