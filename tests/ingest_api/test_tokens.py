"""Tokens: signed with one algorithm, complete, and ended to the second."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from ingest_api.tokens import Claims, Signer, TokenError, TokenExpiredError, credential_of
from store.people import Person
from store.shapes.vocabulary import Role

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
SECRET = b"a secret of more than thirty-two bytes"
PERSON = Person(7, "ana@example.com", "hash", Role.ADMIN, NOW, None)
SIGNER = Signer(SECRET, HOUR)
GOOD: dict[str, Any] = {
    "sub": "7", "iat": int(NOW.timestamp()), "exp": int((NOW + HOUR).timestamp()), "cred": "c",
}  # fmt: skip


def test_a_token_names_the_person_and_nothing_that_may_change() -> None:
    token = SIGNER.sign(PERSON, NOW)
    assert SIGNER.read(token, NOW) == Claims(7, credential_of(PERSON))
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims == GOOD | {"cred": credential_of(PERSON)}


def test_a_token_ends_to_the_second() -> None:
    token = SIGNER.sign(PERSON, NOW)
    SIGNER.read(token, NOW + HOUR - timedelta(microseconds=1))
    with pytest.raises(TokenExpiredError):
        SIGNER.read(token, NOW + HOUR)


@pytest.mark.parametrize("missing", GOOD)
def test_a_token_without_a_claim_is_none(missing: str) -> None:
    claims = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(TokenError):
        SIGNER.read(jwt.encode(claims, SECRET, "HS256"), NOW)


@pytest.mark.parametrize(
    ("claim", "value"),
    [("exp", "soon"), ("exp", 1e30), ("exp", True), ("exp", None), ("cred", 1), ("sub", "x"),
     ("sub", "-1"), ("sub", "٧"), ("sub", "9" * 30), ("sub", ""), ("aud", "someone")],
)  # fmt: skip
def test_a_claim_of_another_form_is_none_of_ours(claim: str, value: Any) -> None:
    token = jwt.encode(GOOD | {claim: value}, SECRET, "HS256")
    with pytest.raises(TokenError):
        SIGNER.read(token, NOW)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_another_algorithm_is_none_of_ours(algorithm: str) -> None:
    key = None if algorithm == "none" else SECRET
    with pytest.raises(TokenError):
        SIGNER.read(jwt.encode(GOOD, key, algorithm), NOW)  # type: ignore[arg-type]  # `none` has no key


def test_an_expired_token_of_another_secret_is_not_called_expired() -> None:
    token = Signer(SECRET[::-1], HOUR).sign(PERSON, NOW - 2 * HOUR)
    with pytest.raises(TokenError) as refused:
        SIGNER.read(token, NOW)
    assert not isinstance(refused.value, TokenExpiredError)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "x" * 10_000, "é.é.é", "\x00"])
def test_garbage_is_none_of_ours(token: str) -> None:
    with pytest.raises(TokenError):
        SIGNER.read(token, NOW)


def test_another_password_is_another_credential() -> None:
    assert credential_of(replace(PERSON, password_hash="other")) != credential_of(PERSON)


def test_a_signer_does_not_show_its_secret() -> None:
    assert "secret" not in repr(SIGNER)
