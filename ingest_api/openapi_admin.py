"""OpenAPI of what people do: log in, manage keys, read the audit log."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ingest_api.jwt_problems import BAD_CREDENTIALS, EXPIRED, INVALID, NOT_FOUND, JwtProblem
from ingest_api.key_answers import (
    AuditPage,
    KeyAnswer,
    KeyPage,
    NewKeyAnswer,
    TokenAnswer,
    UsageAnswer,
)
from ingest_api.key_requests import MAX_KEY_BYTES, MAX_LOGIN_BYTES, MAX_USAGE_DAYS
from ingest_api.problems import MEDIA_TYPE, PROBLEMS
from store.keys import DEFAULT_OVERLAP, MAX_NAME, MAX_OVERLAP, MAX_PROVIDERS, MAX_RATE
from store.passwords import MAX_PASSWORD
from store.people import MAX_FAILURES
from store.shapes.vocabulary import Environment, Permission

Operation = dict[str, Any]

MAX_KEY_PAGE = 1_000
MAX_AUDIT_PAGE = 1_000

SECURITY: list[dict[str, list[str]]] = [{"Jwt": []}]
SCHEME: Operation = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The token that `POST /authentication_token` answers.",
}
ANSWERS = (JwtProblem, TokenAnswer, KeyAnswer, NewKeyAnswer, KeyPage, UsageAnswer, AuditPage)
_SCHEMAS = "#/components/schemas/"
_BODY_PROBLEMS = (
    "invalid_json", "incomplete_body", "too_large", "unsupported_media_type", "validation_failed",
)  # fmt: skip


def admin_schemas() -> Operation:
    """Return the schemas that these operations refer to."""
    _, answered = msgspec.json.schema_components(ANSWERS, ref_template=_SCHEMAS + "{name}")
    return {**answered, "Credentials": _CREDENTIALS, "NewKey": _NEW_KEY, "KeyChanges": _KEY_CHANGES,
            "Rotation": _ROTATION}  # fmt: skip


def _ref(name: str) -> Operation:
    return {"$ref": f"{_SCHEMAS}{name}"}


def _answer(told: str, name: str, media_type: str = "application/json") -> Operation:
    return {"description": told, "content": {media_type: {"schema": _ref(name)}}}


def _object(members: Operation, required: Iterable[str] = ()) -> Operation:
    return {
        "type": "object",
        "required": list(required),
        "properties": members,
        "additionalProperties": False,
    }


_EXPIRY: Operation = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "First instant at which the key is refused; null: never.",
}
_RATE: Operation = {
    "oneOf": [
        _object(
            {
                "perMinute": {"type": "integer", "minimum": 1, "maximum": MAX_RATE},
                "burst": {"type": "integer", "minimum": 1, "maximum": MAX_RATE},
            },
            ("perMinute",),
        ),
        {"type": "null"},
    ],
    "description": "Items a minute, and most items at once (as many as a minute's unless said).",
}
_PROVIDERS: Operation = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": MAX_PROVIDERS,
    "items": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "Provider identifiers the key is bound to; null: any free one.",
}
_LABEL: Operation = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_PERMISSIONS: Operation = {
    "type": "array",
    "items": {"type": "string", "enum": [permission.value for permission in Permission]},
}
_CHANGEABLE: Operation = {
    "name": _LABEL, "permissions": _PERMISSIONS, "providers": _PROVIDERS, "expiresAt": _EXPIRY,
    "rateLimit": _RATE,
}  # fmt: skip
_NEW_KEY = _object(
    {
        **_CHANGEABLE,
        "partner": _LABEL,
        "environment": {
            "type": "string",
            "enum": [environment.value for environment in Environment],
            "default": Environment.LIVE.value,
        },
    },
    ("partner", "permissions"),
)
_KEY_CHANGES = _object(_CHANGEABLE)
_ROTATION = _object(
    {
        "overlapSeconds": {
            "type": "integer",
            "minimum": 0,
            "maximum": int(MAX_OVERLAP.total_seconds()),
            "default": int(DEFAULT_OVERLAP.total_seconds()),
            "description": "How long the present secret still holds.",
        }
    }
)
_CREDENTIALS: Operation = {
    "type": "object",
    "required": ["email", "password"],
    "properties": {
        "email": {"type": "string", "minLength": 1},
        "password": {"type": "string", "minLength": 1, "maxLength": MAX_PASSWORD},
    },
}


def _body(name: str, limit: int, *, is_required: bool = True) -> Operation:
    return {
        "required": is_required,
        "description": f"At most {limit} bytes.",
        "content": {"application/json": {"schema": _ref(name)}},
    }


def _problems(codes: Iterable[str]) -> Operation:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        str(status): _answer(
            "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in named), "Problem", MEDIA_TYPE
        )
        for status, named in sorted(by_status.items())
    }


def _operation(answers: Operation, codes: Iterable[str] = (), **more: Any) -> Operation:
    """An operation of admins: beside its own answers those of a bad token and of a member."""
    told = "; ".join(f"`{message}`" for message in (NOT_FOUND, INVALID, EXPIRED))
    responses = {
        **answers,
        "401": _answer(told, "JwtProblem"),
        **_problems(("admin_required", *codes, "internal_error")),
    }
    return {"security": SECURITY, "responses": responses, **more}


def _number(name: str, told: str, low: int, high: int, default: int) -> Operation:
    bounds = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return {"name": name, "in": "query", "required": False, "description": told, "schema": bounds}


_ID: Operation = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The key.",
    "schema": {"type": "integer", "minimum": 1},
}
_LOCATION: Operation = {
    "Location": {
        "description": "The key's address.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}
_NEW_SECRET = _answer("`key` is shown in this answer only.", "NewKeyAnswer") | {
    "headers": _LOCATION
}

LOGIN_OPERATION: Operation = {
    "security": [],
    "requestBody": _body("Credentials", MAX_LOGIN_BYTES),
    "responses": {
        "200": _answer("A token.", "TokenAnswer"),
        "400": _answer("The body is no valid JSON object, or lacks a member.", "JwtProblem"),
        "401": _answer(f"`{BAD_CREDENTIALS}`", "JwtProblem"),
        "413": _answer("The body is too large.", "JwtProblem"),
        "415": _answer("The body must be application/json.", "JwtProblem"),
        "429": _answer(
            f"{MAX_FAILURES} log-ins of the account failed in a minute.", "JwtProblem"
        )
        | {"headers": {"Retry-After": {"schema": {"type": "integer"}}}},
        "503": _answer("Too many people log in at once.", "JwtProblem")
        | {"headers": {"Retry-After": {"schema": {"type": "integer"}}}},
        **_problems(("internal_error",)),
    },
}  # fmt: skip

CREATE_KEY_OPERATION = _operation(
    {"201": _NEW_SECRET}, _BODY_PROBLEMS, requestBody=_body("NewKey", MAX_KEY_BYTES)
)
LIST_KEYS_OPERATION = _operation(
    {"200": _answer("Keys.", "KeyPage")},
    ("validation_failed",),
    parameters=[
        _number("cursor", "`nextCursor` of the page before.", 0, 10**18 - 1, 0),
        _number("limit", "Most keys of a page.", 1, MAX_KEY_PAGE, 100),
    ],
)
GET_KEY_OPERATION = _operation(
    {"200": _answer("The key.", "KeyAnswer")}, ("not_found",), parameters=[_ID]
)
CHANGE_KEY_OPERATION = _operation(
    {"200": _answer("The key as it stands now.", "KeyAnswer")},
    ("not_found", "key_ended", *_BODY_PROBLEMS),
    parameters=[_ID],
    requestBody=_body("KeyChanges", MAX_KEY_BYTES),
)
REVOKE_KEY_OPERATION = _operation(
    {"204": {"description": "The key has ended."}}, ("not_found",), parameters=[_ID]
)
ROTATE_KEY_OPERATION = _operation(
    {"201": _NEW_SECRET},
    ("not_found", "key_ended", *_BODY_PROBLEMS),
    parameters=[_ID],
    requestBody=_body("Rotation", MAX_KEY_BYTES, is_required=False),
)
USAGE_OPERATION = _operation(
    {"200": _answer("The key's use.", "UsageAnswer")},
    ("not_found", "validation_failed"),
    parameters=[_ID, _number("days", "Days to look back, today included.", 1, MAX_USAGE_DAYS, 30)],
)
AUDIT_OPERATION = _operation(
    {"200": _answer("Entries.", "AuditPage")},
    ("validation_failed",),
    parameters=[
        _number("after", "`next` of the page before.", 0, 10**18 - 1, 0),
        _number("limit", "Most entries of a page.", 1, MAX_AUDIT_PAGE, 100),
    ],
)
