"""Keys and the audit log, for admins: made, listed, changed, rotated, revoked, and how used."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from sqlalchemy.engine import Connection

from ingest_api.admins import admin_of, office_of
from ingest_api.answers import encode
from ingest_api.dependencies import door_of, receive_json
from ingest_api.key_answers import (
    audit_page,
    key_answer,
    key_page,
    new_key_answer,
    usage_answer,
)
from ingest_api.key_requests import (
    MAX_KEY_BYTES,
    MAX_USAGE_DAYS,
    asked_number,
    read_changes,
    read_overlap,
    read_wish,
)
from ingest_api.openapi_admin import (
    AUDIT_OPERATION,
    CHANGE_KEY_OPERATION,
    CREATE_KEY_OPERATION,
    GET_KEY_OPERATION,
    LIST_KEYS_OPERATION,
    MAX_AUDIT_PAGE,
    MAX_KEY_PAGE,
    REVOKE_KEY_OPERATION,
    ROTATE_KEY_OPERATION,
    USAGE_OPERATION,
)
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, RefusedError, invalid
from store.audit import read_entries
from store.keys import (
    Issued,
    KeyDetails,
    KeyEndedError,
    KeyRequestError,
    change_key,
    end_key,
    find_details,
    issue_key,
    list_keys,
    rotate_key,
)
from store.shapes.vocabulary import Environment

KEYS_PATH = "/api/keys"
END_OF_IDS = 10**18 - 1

router = APIRouter(route_class=RawRoute, tags=["keys"])
Result = TypeVar("Result")


@router.post(KEYS_PATH, openapi_extra=CREATE_KEY_OPERATION, operation_id="create_key",
             status_code=201, summary="Make a key")  # fmt: skip
async def create_key(request: Request) -> Response:
    """Make a key of a partner, who is made when new. `key` is shown in this answer only."""
    admin = await admin_of(request)
    body = await receive_json(request, MAX_KEY_BYTES, "key")
    now = office_of(request).clock()
    wish = read_wish(body, now)
    return await _issued(request, now, lambda connection: issue_key(connection, wish, admin, now))


@router.get(KEYS_PATH, openapi_extra=LIST_KEYS_OPERATION, operation_id="list_keys",
            summary="List keys")  # fmt: skip
async def get_keys(request: Request) -> Response:
    """List all keys in the order of their making, ended ones too, without their secrets."""
    await admin_of(request)
    after = asked_number(request.query_params, "cursor", 0, (0, END_OF_IDS))
    limit = asked_number(request.query_params, "limit", 100, (1, MAX_KEY_PAGE))
    office = office_of(request)
    found = await office.read(lambda each: list_keys(each, after, limit + 1, office.clock()))
    return _json(key_page(found, limit))


@router.get(KEYS_PATH + "/{id}", openapi_extra=GET_KEY_OPERATION, operation_id="get_key",
            summary="Read a key")  # fmt: skip
async def get_key(request: Request) -> Response:
    """Return one key without its secret."""
    await admin_of(request)
    key_id, office = _key_id(request), office_of(request)
    found = await office.read(lambda each: find_details(each, key_id, office.clock()))
    return _json(key_answer(_expected(found)))


@router.patch(KEYS_PATH + "/{id}", openapi_extra=CHANGE_KEY_OPERATION, operation_id="change_key",
              summary="Change a key")  # fmt: skip
async def patch_key(request: Request) -> Response:
    """Change name, permissions, providers, expiry or rate of a key; what is absent stays.

    It holds from the next request on; for posts to other processes of the server within 50 ms. A
    later expiry lets an expired key live again.
    """
    admin = await admin_of(request)
    key_id = _key_id(request)
    body = await receive_json(request, MAX_KEY_BYTES, "key")
    now = office_of(request).clock()
    changes = read_changes(body, now)
    changed = await _changed(request, lambda each: change_key(each, key_id, changes, admin, now))
    return _json(key_answer(_expected(changed)))


@router.delete(KEYS_PATH + "/{id}", openapi_extra=REVOKE_KEY_OPERATION, operation_id="revoke_key",
               status_code=204, summary="Revoke a key")  # fmt: skip
async def delete_key(request: Request) -> Response:
    """End a key with the next request. It stays in the list; revoking it again changes nothing."""
    admin = await admin_of(request)
    key_id, now = _key_id(request), office_of(request).clock()
    if not await _changed(request, lambda each: end_key(each, key_id, admin, now)):
        raise RefusedError(NO_SUCH_KEY)
    return Response(status_code=204)


@router.post(KEYS_PATH + "/{id}/rotate", openapi_extra=ROTATE_KEY_OPERATION,
             operation_id="rotate_key", status_code=201,
             summary="Give a key a new secret")  # fmt: skip
async def post_rotation(request: Request) -> Response:
    """Give a key a new secret, shown in this answer only; the present one holds for an overlap.

    The body may be empty. An older secret that still overlapped ends at once.
    """
    admin = await admin_of(request)
    key_id, now = _key_id(request), office_of(request).clock()
    overlap = await _overlap(request, now)
    return await _issued(request, now, lambda each: rotate_key(each, key_id, overlap, admin, now))


@router.get(KEYS_PATH + "/{id}/usage", openapi_extra=USAGE_OPERATION, operation_id="get_key_usage",
            summary="How a key is used")  # fmt: skip
async def get_usage(request: Request) -> Response:
    """Return a key's calls by day, its commonest errors, and when it was last used."""
    await admin_of(request)
    key_id, office = _key_id(request), office_of(request)
    days = asked_number(request.query_params, "days", 30, (1, MAX_USAGE_DAYS))
    now = office.clock()
    since = now.date() - timedelta(days=days - 1)

    found = _expected(await office.read(lambda each: find_details(each, key_id, now)))
    if found.environment is Environment.SANDBOX:
        place = await door_of(request).sandboxes.place(found.partner_id)
    else:
        place = door_of(request).main
    used = await place.archive.run(place.archive.usage, key_id, since)
    return _json(usage_answer(key_id, used))


@router.get("/api/audit", openapi_extra=AUDIT_OPERATION, operation_id="get_audit",
            summary="Read the audit log")  # fmt: skip
async def get_audit(request: Request) -> Response:
    """Return entries of the audit log, oldest first."""
    await admin_of(request)
    after = asked_number(request.query_params, "after", 0, (0, END_OF_IDS))
    limit = asked_number(request.query_params, "limit", 100, (1, MAX_AUDIT_PAGE))
    found = await office_of(request).read(lambda each: read_entries(each, after, limit + 1))
    return _json(audit_page(found, after, limit))


NO_SUCH_KEY = Refusal("not_found", "There is no key of this id.")


async def _overlap(request: Request, now: datetime) -> timedelta:
    if request.headers.get("content-length", "0") == "0" and not _is_streamed(request):
        return read_overlap(b"", now)
    return read_overlap(await receive_json(request, MAX_KEY_BYTES, "rotation"), now)


def _is_streamed(request: Request) -> bool:
    return "transfer-encoding" in request.headers


async def _issued(
    request: Request, now: datetime, issue: Callable[[Connection], Issued | None]
) -> Response:
    """Answer a new secret, with the key as it stands after it."""

    def act(connection: Connection) -> tuple[Issued, KeyDetails]:
        issued = _expected(issue(connection))
        return issued, _expected(find_details(connection, issued.key_id, now))

    issued, details = await _changed(request, act)
    headers = {"Location": f"{KEYS_PATH}/{issued.key_id}"}
    return _json(new_key_answer(details, issued), 201, headers)


async def _changed(request: Request, change: Callable[[Connection], Result]) -> Result:
    """Make a change; what is refused of it changes nothing. Raises RefusedError."""
    try:
        changed = await office_of(request).write(change)
    except KeyRequestError as error:
        raise RefusedError(invalid(error.violations)) from None
    except KeyEndedError as error:
        raise RefusedError(Refusal("key_ended", f"{str(error).capitalize()}.")) from None
    door_of(request).recent_keys.forget()
    return changed


def _key_id(request: Request) -> int:
    text = str(request.path_params["id"])
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RefusedError(NO_SUCH_KEY)
    return int(text)


def _expected(found: Result | None) -> Result:
    if found is None:
        raise RefusedError(NO_SUCH_KEY)
    return found


def _json(answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    told = {**(headers or {}), "Cache-Control": "no-store"}
    return Response(encode(answer), status, told, "application/json")
