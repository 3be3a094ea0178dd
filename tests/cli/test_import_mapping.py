"""A wrong mapping is told by file, line and field, before a row is read."""

from pathlib import Path

import pytest

from cli.import_mapping import line_of, read_mapping
from cli.wrong_use import WrongUseError

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "listings.toml"
GOOD = '[fields]\nexternalId = "id"\n'


def read(tmp_path: Path, text: str) -> str:
    """Return what is said against a mapping."""
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(WrongUseError) as refused:
        read_mapping(path)
    return str(refused.value).removeprefix(f"{path}")


def test_the_example_is_read() -> None:
    mapping = read_mapping(EXAMPLE)
    assert mapping.fields["agent.phone"] == "Telefon"
    assert mapping.constants == {"currency": "EUR", "agency.name": "VIB Imobiliare"}
    assert mapping.values["type"]["casa / vila"] == "HOUSE"
    assert mapping.columns()["Incalzire"] == "attributes.incalzire"
    assert (mapping.decimal_comma, mapping.empty_cells) == (True, "keep")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + 'pric = "p"\n', ", line 3, fields.pric: no such wire field; do you mean price?"),
        (GOOD + "price = 3\n", ", line 3, fields.price: must name a column, as text"),
        (GOOD + 'providerIdentifier = "p"\n', ", line 3, fields.providerIdentifier: is given by"),
        ('[fields]\ntitle = "t"\n', ", line 1, fields: needs externalId"),
        ('decimal_coma = true\n' + GOOD, ", line 1, decimal_coma: no such setting; do you mean"),
        ('decimal_comma = "yes"\n' + GOOD, ", line 1, decimal_comma: must be true or false"),
        ('\ntime_zone = "Bucharest"\n' + GOOD, ", line 2, time_zone: no such time zone"),
        ('encoding = "klingon"\n' + GOOD, ", line 1, encoding: no such encoding"),
        ('delimiter = ";;"\n' + GOOD, ", line 1, delimiter: must be one character"),
        ('format = "xls"\n' + GOOD, ", line 1, format: must be one of csv, jsonl, parquet"),
        ('list_separator = ""\n' + GOOD, ", line 1, list_separator: must not be empty"),
        (GOOD + '[constants]\nagency.nam = "x"\n', ", line 4, constants.agency.nam: no such wire"),
        (GOOD + '[values.typ]\nx = "y"\n', ", line 3, values.typ: no such wire field"),
        ("fields = 1\n", ", line 1, fields: must be a table"),
        ("[fields\n", " is no TOML: "),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert read(tmp_path, text).startswith(said)


def test_a_missing_mapping_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="cannot read"):
        read_mapping(tmp_path / "none.toml")


def test_a_bad_byte_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_bytes(b"\xff")
    with pytest.raises(WrongUseError, match="is no TOML"):
        read_mapping(tmp_path / "m.toml")


def test_a_field_is_found_on_its_line() -> None:
    text = 'a = 1\n[fields]\n"agency.name" = "x"\n[fields.agent]\nname = "y"\n[values.type]\n'
    assert line_of(text, "fields.agency.name") == 3
    assert line_of(text, "fields.agent.name") == 5
    assert line_of(text, "values.type") == 6
