"""Tokens of people who logged in: JSON Web Tokens signed with HS256. Pure: time is an argument.

A token names the person and the password it was got with, and nothing else is believed of it: who
the person is now is looked up at each use.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt

from store.people import Person

ALGORITHM = "HS256"
MAX_LENGTH = 4_096


class TokenError(Exception):
    """The token is none of ours."""


class TokenExpiredError(TokenError):
    """The token was one of ours until some time ago."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. credential: which password it was got with."""

    person_id: int
    credential: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and reads tokens."""

    secret: bytes = field(repr=False)
    lifetime: timedelta

    def sign(self, person: Person, now: datetime) -> str:
        """Return a token of this person that holds for the lifetime."""
        issued = int(now.timestamp())
        claims = {
            "sub": str(person.id),
            "iat": issued,
            "exp": issued + int(self.lifetime.total_seconds()),
            "cred": credential_of(person),
        }
        return jwt.encode(claims, self.secret, ALGORITHM)

    def read(self, token: str, now: datetime) -> Claims:
        """Return what a token says. Raises TokenError."""
        claims = self._verified(token)
        person_id, expires, credential = claims["sub"], claims["exp"], claims.get("cred")
        if type(expires) is not int or type(credential) is not str:
            raise TokenError
        if not (person_id.isascii() and person_id.isdigit() and len(person_id) <= 18):
            raise TokenError
        if now.timestamp() >= expires:
            raise TokenExpiredError
        return Claims(int(person_id), credential)

    def _verified(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_LENGTH:
            raise TokenError
        try:
            # The library would ask the machine's clock; ours is asked in `read`.
            return jwt.decode(
                token,
                self.secret,
                algorithms=[ALGORITHM],
                options={
                    "require": ["exp", "iat", "sub"], "verify_exp": False, "verify_iat": False,
                },
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenError from None


def credential_of(person: Person) -> str:
    """Return which password a person has, in a form that tells nothing of it."""
    return hashlib.sha256(person.password_hash.encode()).hexdigest()[:16]
