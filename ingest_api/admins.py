"""Who may manage keys: an admin, shown by a token and looked up at every call.

Judged before the body is read.
"""

from typing import cast

from fastapi import Request

from ingest_api.dependencies import address_of
from ingest_api.jwt_problems import EXPIRED, INVALID, NOT_FOUND, TokenRefusedError
from ingest_api.office import Office
from ingest_api.reading import Refusal, RefusedError
from ingest_api.tokens import TokenError, TokenExpiredError
from store.audit import Actor, record
from store.people import Person, person_name
from store.shapes.vocabulary import Role


def office_of(request: Request) -> Office:
    """Return the running API's office."""
    return cast(Office, request.app.state.office)


async def admin_of(request: Request) -> Actor:
    """Return the admin who calls, for the audit log.

    Raises TokenRefusedError without a good token, RefusedError for a member.
    """
    person = await _caller(request)
    actor = Actor(person_name(person.id), address_of(request))
    if person.role is Role.ADMIN:
        return actor
    refusal = Refusal("admin_required", "Keys are managed by people with the role admin.")
    office, action = office_of(request), f"{request.method} {request.scope['route'].path}"
    await office.write(
        lambda connection: record(
            connection, actor, action, None, office.clock(), outcome=refusal.code
        )
    )
    raise RefusedError(refusal)


async def _caller(request: Request) -> Person:
    token = _bearer_token(request)
    if token is None:
        raise TokenRefusedError(NOT_FOUND)
    try:
        return await office_of(request).bearer(token)
    except TokenExpiredError:
        raise TokenRefusedError(EXPIRED) from None
    except TokenError:
        raise TokenRefusedError(INVALID) from None


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
