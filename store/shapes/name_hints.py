"""What a misspelt name may have meant: the nearest name that is known. Pure.

Another case or snake_case of a name is found by look-up. Slips of the keyboard are compared
letter by letter, which costs some 50 microseconds: the caller bounds for how many names.
"""

from collections.abc import Iterable
from functools import lru_cache

from store.shapes.coercions import folded

_CALLED = {
    "area": "totalArea", "surface": "totalArea", "suprafata": "totalArea", "mp": "totalArea",
    "suprafatautila": "usableArea", "suprafataconstruita": "builtArea",
    "suprafatateren": "landArea", "lat": "latitude", "lng": "longitude", "lon": "longitude",
    "long": "longitude", "images": "imageUrls", "photos": "imageUrls", "pictures": "imageUrls",
    "imagini": "imageUrls", "poze": "imageUrls", "pret": "price", "moneda": "currency",
    "titlu": "title", "descriere": "description", "adresa": "address", "camere": "rooms",
    "bai": "bathrooms", "etaj": "floor", "yearbuilt": "constructionYear",
    "buildyear": "constructionYear", "anconstructie": "constructionYear",
    "compartimentare": "partitioning", "incalzire": "heating", "mobilat": "furnished",
    "strada": "street", "numar": "streetNumber", "bloc": "block", "scara": "staircase",
    "zip": "postalCode", "zipcode": "postalCode", "cartier": "neighbourhood",
    "neighborhood": "neighbourhood", "oras": "city", "judet": "county", "tara": "country",
    "id": "externalId", "provider": "providerIdentifier", "telefon": "phone", "mail": "email",
    "nume": "name", "agentie": "agency", "state": "status", "stare": "status",
    "updatedat": "sourceUpdatedAt", "energyrating": "energyClass",
}  # fmt: skip
"""What other systems call our fields, folded."""

MAX_NAME = 60


class NameHints:
    """The known names of one object."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_key = {folded(name): name for name in names}
        self._pairs = {key: _pairs(key) for key in self._by_key}
        known = set(self._by_key.values())
        self._called = {key: name for key, name in _CALLED.items() if name in known}
        self.near = lru_cache(maxsize=1_024)(self._near)

    def same(self, posted: str) -> str | None:
        """Return the name that is the posted one but for case, joints or the system's habit."""
        if len(posted) > MAX_NAME:
            return None
        key = folded(posted)
        return self._by_key.get(key) or self._called.get(key)

    def _near(self, posted: str) -> str | None:
        """Return the one name that few slips of the keyboard lead from; None for none or two."""
        key = folded(posted[:MAX_NAME])
        slips, pairs = _slips_allowed(len(key)), _pairs(key)
        found = sorted(
            (distance, self._by_key[known])
            for known, theirs in self._pairs.items()
            # A slip changes the length by one at most, and two pairs of letters.
            if abs(len(key) - len(known)) <= slips
            and len(pairs & theirs) >= len(theirs) - 2 * slips
            and (distance := edit_distance(key, known)) <= slips
        )
        is_one = found and (len(found) == 1 or found[0][0] < found[1][0])
        return found[0][1] if is_one else None


def _slips_allowed(length: int) -> int:
    """A short word with two letters changed is another word."""
    return 1 if length < 6 else 2


def _pairs(word: str) -> set[str]:
    return {word[at : at + 2] for at in range(len(word) - 1)}


def edit_distance(one: str, other: str) -> int:
    """Return how many letters to add, drop or change (Levenshtein 1966)."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, against in enumerate(other, 1):
            change = before[column - 1] + (letter != against)
            current.append(min(change, before[column] + 1, current[-1] + 1))
        before = current
    return before[-1]
