"""Readings of other spellings: what can mean one thing is read, all else is left alone."""

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.shapes.coercions import code_of, folded, numbers_of, spellings, truth_of
from store.shapes.vocabulary import (
    LABELS,
    Currency,
    EnergyClass,
    Furnished,
    Label,
    OwnershipDocument,
    Partitioning,
    PropertyType,
    Status,
    Transaction,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("185000", 185000), (" 3 ", 3), ("-1", -1), ("0", 0), ("85.5", 85.5), ("85,5", 85.5),
        ("85,50", 85.5), ("185000.00", 185000), ("0,125", 0.125), ("0.125", 0.125),
        ("1250.500", 1250.5), ("44,4812", 44.4812), ("1.250.000", 1250000),
        ("1,250,000", 1250000), ("185 000", 185000), ("185\u00a0000", 185000),
        ("1\u202f250\u202f000,5", 1250000.5), ("1.250,50", 1250.5), ("1,250.5", 1250.5),
        ("1.250,000", 1250), ("12 345.678", 12345.678),
    ],
)  # fmt: skip
def test_a_text_that_means_one_number(text: str, number: float) -> None:
    assert numbers_of(text) == (number,)
    assert type(numbers_of(text)[0]) is type(number)


@pytest.mark.parametrize(
    ("text", "readings"),
    [("1.250", (1.25, 1250)), ("85,500", (85.5, 85500)), ("-1.000", (-1, -1000))],
)
def test_three_digits_behind_one_mark_may_be_a_group_or_a_fraction(
    text: str, readings: tuple[float, ...]
) -> None:
    assert numbers_of(text) == readings


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "85 mp", "185000 EUR", "€185000", "1e5", "NaN", "inf", "0x10", "+3", "--3", "3-",
     "007", "0721000000", "1.25.000", "1.2500.000", "1,250,00", "1 25", "1.250.", ".5", "5.",
     "1.250.000.5", "0.250.000", "१२", "1_000", "1'000", "3\n4", "9" * 61],
)  # fmt: skip
def test_a_text_that_is_no_number(text: str) -> None:
    assert numbers_of(text) == ()


@given(st.integers(-(10**12), 10**12))
def test_a_whole_number_is_read_as_python_writes_it(number: int) -> None:
    assert numbers_of(str(number)) == (number,)
    marked = f"{number:,}"
    assert number in numbers_of(marked)
    assert number in numbers_of(marked.replace(",", "."))


@given(st.decimals(0, 10**9, places=2))
def test_cents_are_read_with_either_mark(amount: object) -> None:
    for text in (str(amount), str(amount).replace(".", ",")):
        assert numbers_of(text) == (float(str(amount)),)


@given(st.text(max_size=70))
def test_no_text_has_more_than_two_readings(text: str) -> None:
    assert len(numbers_of(text)) <= 2


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        ("da", True), ("NU", False), ("true", True), (" False ", False), ("yes", True),
        ("no", False), ("1", True), ("0", False), (1, True), (0, False), (1.0, True),
        (2, None), (-1, None), ("", None), ("poate", None), ("on", None), (None, None),
        ([], None), ("x" * 100, None),
    ],
)  # fmt: skip
def test_truths(value: object, truth: bool | None) -> None:
    assert truth_of(value) is truth


@pytest.mark.parametrize(
    ("choices", "text", "code"),
    [
        (Transaction, "sale", "SALE"), (Transaction, "vanzare", "SALE"),
        (Transaction, "De Vânzare", "SALE"), (Transaction, "ÎNCHIRIERE", "RENT"),
        (PropertyType, "garsoniera", "STUDIO"), (PropertyType, "Casă", "HOUSE"),
        (Status, "SOLD", "sold"), (Status, "Vândut", "sold"), (Status, "inchiriat", "rented"),
        (Partitioning, "decomandat", "DETACHED"),
        (Partitioning, "Semi-Decomandat", "SEMI_DETACHED"),
        (Partitioning, "semi detached", "SEMI_DETACHED"), (Currency, "€", "EUR"),
        (Currency, "lei", "RON"), (EnergyClass, "a+", "A+"), (EnergyClass, "Clasa B", "B"),
        (Furnished, "Parţial mobilat", "PARTLY_FURNISHED"),  # with the cedilla of old keyboards
        (OwnershipDocument, "cadastru", "CADASTRE"),
    ],
)  # fmt: skip
def test_codes_are_known_by_case_label_and_alias(
    choices: type[StrEnum], text: str, code: str
) -> None:
    assert code_of(choices, text) == code


@pytest.mark.parametrize("text", ["", "semi", "sal", "sale!", "decomandat sau nu", "x" * 100])
def test_what_names_no_code_is_no_code(text: str) -> None:
    assert [code_of(choices, text) for choices in LABELS] == [None] * len(LABELS)


@pytest.mark.parametrize("choices", LABELS, ids=lambda choices: choices.__name__)
def test_every_label_and_alias_leads_to_its_code(choices: type[StrEnum]) -> None:
    for code, label in LABELS[choices].items():
        for spelling in (code, label.en, label.ro, *label.aliases):
            for written in (spelling, spelling.upper(), folded(spelling)):
                assert code_of(choices, written) == code


def test_a_spelling_of_two_codes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {code: Label("a", "b") for code in ("SALE", "RENT")}
    monkeypatch.setitem(LABELS, Transaction, both)
    with pytest.raises(ValueError, match="means two codes"):
        spellings(Transaction)
