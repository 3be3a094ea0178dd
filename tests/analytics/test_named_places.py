"""Names in words: what is believed, and above all what is not."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.named_places import assign_names
from analytics.places import ZoneIndex
from tests.analytics import romania

BUCHAREST, CLUJ, BRASOV = "ro-b-bucuresti", "ro-cj-cluj-napoca", "ro-bv-brasov"

FOUND = {
    "Apartament 3 camere Herastrau": f"{BUCHAREST}-herastrau",
    "Apartament 3 camere, zona Herastrau": f"{BUCHAREST}-herastrau",
    "APARTAMENT HERĂSTRĂU!": f"{BUCHAREST}-herastrau",
    "Apartament Herestrau": f"{BUCHAREST}-herastrau",
    "Garsonieră Crîngaşi": f"{BUCHAREST}-crangasi",
    "Garsonieră Crângași": f"{BUCHAREST}-crangasi",
    "Dristor, lângă metrou": f"{BUCHAREST}-dristor",
    "Strada Brașov, Drumul Taberei": f"{BUCHAREST}-drumul-taberei",
    "Apartament Unirii București": f"{BUCHAREST}-unirii",
    "Apartament Sector 3 București": f"{BUCHAREST}-s3",
    "Apartament sectorul 4": f"{BUCHAREST}-s4",
    "Bd. Timișoara, sector 6": f"{BUCHAREST}-s6",
    "Bucharest, apartment to let": BUCHAREST,
    "Garsonieră Mănăștur": f"{CLUJ}-manastur",
    "2 camere Centru, Cluj-Napoca": f"{CLUJ}-centru",
    "Apartament cartier Bună Ziua, Cluj-Napoca": f"{CLUJ}-buna-ziua",
    "Gheorgheni Cluj Napoca": f"{CLUJ}-gheorgheni",
    "Apartament Cluj-Napoca, bloc Titan": CLUJ,
    "Apartament Cluj": "ro-cj",
    "Casă în Florești, Cluj": "ro-cj-floresti",
    "Casă în Florești, Cluj-Napoca": "ro-cj-floresti",
    "Apartament Braşov": BRASOV,
    "Casă nouă Brașov": BRASOV,
    "Apartament Răcădău, Brașov": f"{BRASOV}-racadau",
    "Apartament Pantelimon": f"{BUCHAREST}-pantelimon",
    "Casă Pantelimon, Ilfov": "ro-if-pantelimon",
    "Vilă Pipera, Voluntari": "ro-if-voluntari-pipera",
    "Militari Residence, Chiajna, Ilfov": "ro-if-chiajna",
    "Tg. Mureș, 2 camere": "ro-ms-targu-mures",
    "Târgu Mureș, 2 camere": "ro-ms-targu-mures",
    "Casă Negrești, Vaslui": "ro-vs-negresti",
    "Apartament Vaslui": "ro-vs-vaslui",
    "Casă Roman, jud. Neamț": "ro-nt-roman",
    "Apartament Satu Mare": "ro-sm-satu-mare",
    "Teren jud. Alba": "ro-ab",
    "Casă Vânători, Iași": "ro-is",
    "Apartament modern Timișoara": "ro-tm-timisoara",
    "Apartament la 5 minute de centru în Iași": "ro-is-iasi",
}

NOT_FOUND = [
    "Casă Vânători",
    "Apartament Centru",
    "Apartament Unirii",
    "Bloc nou, Lunca",
    "Casă albă, nouă, vedere la lac",
    "Buna ziua, vând apartament",
    "Casă Roman",
    "Victoria, apartament",
    "Str. Piatra Neamț nr. 5",
    "Bulevardul Timișoara",
    "Șoseaua Colentina",
    "Casă aproape de Floreasca",
    "Teren la 12 km de Piatra Neamț",
    "Pe care îl vindem, al carei proprietar",
    "Herăstrăului-Residence2",
    "Titanic",
    "Satul mare",
    "Apartament 2 camere decomandat",
    "",
    "§ , . !",
]


def named(
    title: str | None = None, address: str | None = None, description: str | None = None
) -> dict[str, object]:
    frame = pl.DataFrame(
        {"id": [1], "address": [address], "title": [title], "description": [description]},
        schema_overrides=dict.fromkeys(("address", "title", "description"), pl.String),
    )
    return assign_names(romania.index().names, frame).row(0, named=True)


@pytest.mark.parametrize("title", FOUND)
def test_a_title_names_a_zone(title: str) -> None:
    found = named(title)
    assert found["zone_id"] == FOUND[title]
    level = found["precision"]
    assert found[f"{level}_id"] == found["zone_id"]
    assert found["country_id"] == "ro"


@pytest.mark.parametrize("title", NOT_FOUND)
def test_a_title_names_nothing_that_may_be_believed(title: str) -> None:
    assert named(title) == {
        "id": 1,
        **dict.fromkeys(
            ("zone_id", "neighbourhood_id", "sector_id", "city_id", "county_id", "country_id")
        ),
        "precision": "unknown",
        "confidence": 0.0,
        "matched_name": None,
    }


def test_a_name_brings_its_city_and_its_proper_spelling() -> None:
    found = named("Apartament 3 camere, zona Herestrau")
    assert found["sector_id"] == f"{BUCHAREST}-s1"
    assert found["city_id"] == BUCHAREST
    assert (found["precision"], found["matched_name"]) == ("neighbourhood", "Herăstrău")


@pytest.mark.parametrize(
    ("address", "title", "description", "expected"),
    [
        ("București", "Apartament Herăstrău", None, f"{BUCHAREST}-herastrau"),
        ("Str. Lungă 5, Brașov", "Complex Herăstrău", None, BRASOV),
        ("Brașov", "Apartament 2 camere", "la 10 minute de Titan", BRASOV),
        (None, "Apartament 2 camere", "situat în Floreasca", f"{BUCHAREST}-floreasca"),
        (None, "Apartament Cluj-Napoca", "cartierul Mănăștur", f"{CLUJ}-manastur"),
        ("Vânători, județul Galați", "Casă", None, "ro-gl-vanatori"),
        ("Cernica", "Vilă", None, "ro-if-cernica"),
        ("Lunca", "Casă", None, None),
        ("Centru", "Apartament", "Cluj-Napoca", f"{CLUJ}-centru"),
        ("România", "Casă", None, None),
    ],
    ids=[
        "a title makes an address more specific",
        "a title does not contradict an address",
        "nor does a description",
        "a description counts when nothing else does",
        "a description makes a title more specific",
        "a county makes a village's name one place",
        "a village of its own name is believed in an address",
        "a common name is not, even there",
        "a common name with its city in another text",
        "the country is no place",
    ],
)
def test_the_address_counts_first(
    address: str | None, title: str | None, description: str | None, expected: str | None
) -> None:
    assert named(title, address, description)["zone_id"] == expected


def test_confidence_falls_from_address_to_description_and_rises_with_a_second_name() -> None:
    address = named(address="Floreasca")["confidence"]
    title = named("Floreasca")["confidence"]
    description = named(description="Floreasca")["confidence"]
    supported = named("Floreasca, București")["confidence"]
    assert (address, title, description, supported) == (0.9, 0.8, 0.6, 0.85)


def test_names_mean_less_when_populations_are_unknown() -> None:
    careful = ZoneIndex.build(romania.zones().drop("population")).names
    titles = ["Apartament Oradea", "Apartament Oradea, Bihor", "Apartament Herăstrău"]
    frame = pl.DataFrame({"id": [1, 2, 3], "title": titles}).with_columns(
        address=pl.lit(None, pl.String), description=pl.lit(None, pl.String)
    )
    found = assign_names(careful, frame)["zone_id"].to_list()
    assert found == [None, "ro-bh-oradea", f"{BUCHAREST}-herastrau"]


def test_no_texts_give_no_rows() -> None:
    empty = pl.DataFrame(
        schema={"id": pl.Int64, **dict.fromkeys(("address", "title", "description"), pl.String)}
    )
    found = assign_names(romania.index().names, empty)
    assert found.height == 0
    assert found.schema["zone_id"] == pl.String


words = st.sampled_from([*FOUND, *NOT_FOUND, "Cluj", "Titan", "Lunca", "zona", "str.", ", "])
text = st.one_of(st.none(), st.lists(words, max_size=4).map(" ".join), st.text(max_size=20))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(text, text, text), min_size=1, max_size=8))
@pytest.mark.slow
def test_a_row_does_not_depend_on_its_neighbours(
    rows: list[tuple[str | None, str | None, str | None]],
) -> None:
    frame = pl.DataFrame(
        {"id": list(range(len(rows)))}
        | {
            name: pl.Series([row[number] for row in rows], dtype=pl.String)
            for number, name in enumerate(("address", "title", "description"))
        }
    )
    names = romania.index().names
    together = assign_names(names, frame)
    assert together["id"].to_list() == frame["id"].to_list()
    assert assign_names(names, frame.reverse()).reverse().equals(together)
    alone = pl.concat(assign_names(names, frame[number]) for number in range(len(rows)))
    assert alone.equals(together)


def test_many_texts_are_read_as_few_are() -> None:
    titles = [*FOUND, *NOT_FOUND]
    many = (
        pl.DataFrame({"title": titles * 60})
        .with_row_index("id")
        .with_columns(address=pl.lit(None, pl.String), description=pl.lit(None, pl.String))
    )
    found = assign_names(romania.index().names, many)
    assert found["zone_id"].to_list() == [*FOUND.values(), *[None] * len(NOT_FOUND)] * 60
