"""Ten thousand confusable identifiers of two partners: no two are one, none reaches across."""

import random
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from store.raw_lake import RawLake
from store.shapes.wire import MAX_BULK_ITEMS
from tests.ingest_api.conftest import Api

PAIRS = 10_000
PROVIDERS = 80
SEED = 20_260_616

WORDS = (
    "crm",
    "agenție",
    "Ana Popescu",
    "listing-456",
    "a",
    "0",
    "null",
    "..",
    "straße",
    "𝔘n",
    "😀",
)
SEPARATORS = (":", "/", "//", "%2F", "%2f", "%3A", "|", "\t", "\\", " ", "  ", "-", ".", "?", "#",
              "&", "+", "%20", "%00", "%", ";", ",", "\u00a0", "\u2215", "\ua789")  # fmt: skip
HOMOGLYPHS = str.maketrans("aceopxy", "асеорху")
ZERO_WIDTH = ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad")

Pair = tuple[str, str]


def confusable(chance: random.Random) -> str:
    """Return a text that is easily taken for another one of these."""
    text = chance.choice(WORDS)
    for _ in range(chance.randrange(3)):
        text += chance.choice(SEPARATORS) + chance.choice(WORDS)
    return chance.choice(VARIANTS)(text, chance)


VARIANTS = (
    lambda text, chance: text,
    lambda text, chance: text.upper(),
    lambda text, chance: text.title(),
    lambda text, chance: text.casefold(),
    lambda text, chance: unicodedata.normalize("NFC", text),
    lambda text, chance: unicodedata.normalize("NFD", text),
    lambda text, chance: unicodedata.normalize("NFKC", text),
    lambda text, chance: text.translate(HOMOGLYPHS),
    lambda text, chance: text[:1] + chance.choice(ZERO_WIDTH) + text[1:],
    lambda text, chance: text + chance.choice((" ", "\t", "\u00a0", "/", ".", "%20", "\u0301")),
    lambda text, chance: chance.choice((" ", "/", "./", "%", "0")) + text,
    lambda text, chance: text + str(chance.randrange(10)),
    lambda text, chance: (text * 60)[: chance.choice((99, 100, 101, 199, 200, 201))],
)  # fmt: skip


@dataclass
class Partner:
    """A partner, what it posts, and what it was told of each pair: the answer's data or error."""

    key: str
    pairs: list[Pair] = field(default_factory=list)
    told: dict[Pair, dict[str, Any]] = field(default_factory=dict)

    def accepted(self) -> dict[Pair, dict[str, Any]]:
        """Return the answers of what was taken."""
        return {pair: told for pair, told in self.told.items() if "id" in told}


def generated_pairs() -> Iterator[Pair]:
    """Yield PAIRS distinct pairs of few providers, many of them one letter from another."""
    chance = random.Random(SEED)
    # Under a common beginning: other tests of the session claim providers of their own.
    providers = sorted({f"pair-{confusable(chance)}" for _ in range(3 * PROVIDERS)})
    chosen = chance.sample(providers, PROVIDERS)
    seen: set[Pair] = set()
    while len(seen) < PAIRS:
        pair = (chance.choice(chosen), confusable(chance))
        if pair not in seen:
            seen.add(pair)
            yield pair


def listing(pair: Pair, title: str) -> dict[str, Any]:
    """Return a post of a pair."""
    return {
        "providerIdentifier": pair[0], "externalId": pair[1], "title": title,
        "transaction": "SALE", "type": "STUDIO", "price": 1, "currency": "EUR",
    }  # fmt: skip


def post_pairs(api: Api, key: str, pairs: Sequence[Pair], title: str) -> list[dict[str, Any]]:
    """Post the pairs in bulks; return data or error of each."""
    told: list[dict[str, Any]] = []
    for start in range(0, len(pairs), MAX_BULK_ITEMS):
        answer = api.bulk(key, [listing(p, title) for p in pairs[start : start + MAX_BULK_ITEMS]])
        assert answer.status_code == 200
        told += [result.get("data") or result["error"] for result in answer.json()["results"]]
    return told


@pytest.fixture(scope="module")
def partners(running_api: Api) -> tuple[Partner, Partner]:
    """Two partners that posted all pairs, each the pairs of every other provider."""
    both = (Partner(running_api.make_key()), Partner(running_api.make_key()))
    owner_of: dict[str, Partner] = {}
    for pair in generated_pairs():
        owner = owner_of.setdefault(pair[0], both[len(owner_of) % 2])
        owner.pairs.append(pair)
    for number, partner in enumerate(both):
        told = post_pairs(running_api, partner.key, partner.pairs, f"first of {number}")
        partner.told = dict(zip(partner.pairs, told, strict=True))
    return both


@pytest.mark.slow
def test_most_pairs_are_taken_and_the_others_break_the_contract(
    partners: tuple[Partner, Partner],
) -> None:
    told = [told for partner in partners for told in partner.told.values()]
    assert len(told) == PAIRS
    assert {each["code"] for each in told if "id" not in each} == {"validation_failed"}
    for partner in partners:
        assert len(partner.accepted()) > PAIRS / 4


def test_a_colon_or_white_space_at_an_end_is_refused(partners: tuple[Partner, Partner]) -> None:
    taken = [pair for partner in partners for pair in partner.accepted()]
    assert not [pair for pair in taken if ":" in pair[0]]
    assert not [pair for pair in taken if any(text != text.strip() for text in pair)]


def test_distinct_pairs_have_distinct_ids_and_identifiers(
    partners: tuple[Partner, Partner],
) -> None:
    taken = [told for partner in partners for told in partner.accepted().values()]
    assert all(told["created"] for told in taken)
    assert len({told["id"] for told in taken}) == len(taken)
    assert len({told["identifier"] for told in taken}) == len(taken)


def test_forms_of_one_text_are_distinct_pairs(partners: tuple[Partner, Partner]) -> None:
    for form in (
        lambda text: unicodedata.normalize("NFC", text),
        str.casefold,
        lambda text: "".join(letter for letter in text if letter not in ZERO_WIDTH),
        lambda text: text.translate(HOMOGLYPHS),
    ):
        for partner in partners:
            by_form: dict[Pair, set[int]] = {}
            count = 0
            for pair, told in partner.accepted().items():
                by_form.setdefault((form(pair[0]), form(pair[1])), set()).add(told["id"])
                count += 1
            assert sum(len(ids) for ids in by_form.values()) == count
    nfc = {tuple(unicodedata.normalize("NFC", text) for text in pair)
           for partner in partners for pair in partner.accepted()}  # fmt: skip
    assert len(nfc) < sum(len(partner.accepted()) for partner in partners), "no pair to confuse"


def test_the_same_pair_is_the_same_listing(api: Api, partners: tuple[Partner, Partner]) -> None:
    for partner in partners:
        taken = partner.accepted()
        shuffled = random.Random(SEED).sample(sorted(taken), len(taken))
        again = post_pairs(api, partner.key, shuffled, "second")
        assert [(told["id"], told["created"]) for told in again] == [
            (taken[pair]["id"], False) for pair in shuffled
        ]


def test_the_other_partner_is_refused_alike_for_what_is_there_and_what_is_not(
    api: Api, partners: tuple[Partner, Partner]
) -> None:
    for partner, other in (partners, partners[::-1]):
        there = sorted(partner.accepted())[::7]
        absent = [(provider, f"{external[:150]}-never") for provider, external in there]
        refused = post_pairs(api, other.key, [*there, *absent], "intruder")
        assert len({str(told) for told in refused}) == 1
        assert (refused[0]["status"], refused[0]["code"]) == (403, "provider_not_owned")
        single = [api.post(other.key, listing(pair, "intruder")) for pair in (there[0], absent[0])]
        assert {answer.status_code for answer in single} == {403}
        assert single[0].content == single[1].content


def test_everything_stored_came_from_its_own_partner(
    api: Api, partners: tuple[Partner, Partner]
) -> None:
    lake = RawLake(api.settings)
    lake.seal(datetime.now(UTC))
    columns = ["provider_identifier", "external_id", "listing_id", "key_id", "payload"]
    ids: dict[Pair, set[int]] = {}
    keys: dict[str, set[int]] = {}
    for row in lake.read(0, 10_000_000, columns).to_pylist():
        pair = (row["provider_identifier"], row["external_id"])
        ids.setdefault(pair, set()).add(row["listing_id"])
        keys.setdefault(pair[0], set()).add(row["key_id"])
        assert b"intruder" not in row["payload"]
    key_ids = []
    for partner in partners:
        taken = partner.accepted()
        assert {pair: ids[pair] for pair in taken} == {p: {t["id"]} for p, t in taken.items()}
        posted_by = {key for provider, _ in taken for key in keys[provider]}
        assert len(posted_by) == 1
        key_ids += posted_by
    assert key_ids[0] != key_ids[1]
