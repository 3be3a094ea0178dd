"""Passwords: argon2id at a stated cost, the same for nobody, and long enough."""

import pytest

from store.passwords import NOBODYS, PasswordError, PasswordHasher, expect_good


def cost(stored: str) -> str:
    return stored.rsplit("$", 2)[0]


@pytest.mark.slow
def test_a_password_is_known_by_its_hash_and_nobody_has_one() -> None:
    hasher = PasswordHasher()
    stored = hasher.hash("correct horse battery staple")
    assert cost(stored) == cost(NOBODYS) == "$argon2id$v=19$m=65536,t=3,p=4"
    assert hasher.verify("correct horse battery staple", stored)
    assert not hasher.verify("correct horse battery stapl", stored)
    assert not hasher.verify("correct horse battery staple", NOBODYS)


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 1_001, "a" * 12, "abababababab"])
def test_a_poor_password_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(PasswordError) as refused:
        expect_good(password)
    assert not password or password not in str(refused.value)


@pytest.mark.parametrize("password", ["twelve chars", "ăîșțâ ăîșțâ ăî", "x1y2z" * 200])
def test_length_is_what_counts(password: str) -> None:
    expect_good(password)
