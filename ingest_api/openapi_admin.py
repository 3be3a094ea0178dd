"""OpenAPI of what people do: log in, manage keys, read the audit log."""

from collections.abc import Iterable
from typing import Any

from ingest_api.jwt_problems import (
    BAD_CREDENTIALS,
    BUSY,
    EXPIRED,
    INVALID,
    NOT_FOUND,
    THROTTLED,
    JwtProblem,
)
from ingest_api.key_answers import (
    AuditPage,
    KeyAnswer,
    KeyPage,
    NewKeyAnswer,
    TokenAnswer,
    UsageAnswer,
)
from ingest_api.key_requests import MAX_KEY_BYTES, MAX_LOGIN_BYTES, MAX_USAGE_DAYS
from ingest_api.openapi_parts import (
    KEY_PROBLEMS,
    KEY_SECURITY,
    OPEN_SECURITY,
    Operation,
    answer_schemas,
    header,
    json_answer,
    json_body,
    parameter,
    problem_responses,
    ref,
)
from store.keys import DEFAULT_OVERLAP, MAX_NAME, MAX_OVERLAP, MAX_PROVIDERS, MAX_RATE
from store.passwords import MAX_PASSWORD
from store.people import MAX_FAILURES
from store.shapes.schemas import field_schema
from store.shapes.vocabulary import Environment, Permission
from store.shapes.wire import BY_NAME

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
_BODY_PROBLEMS = (
    "invalid_json", "incomplete_body", "too_large", "unsupported_media_type", "validation_failed",
    "not_ready",
)  # fmt: skip


def admin_schemas() -> Operation:
    """Return the schemas that these operations refer to."""
    return {
        **answer_schemas(ANSWERS), "Credentials": _CREDENTIALS, "NewKey": _NEW_KEY,
        "KeyChanges": _KEY_CHANGES, "Rotation": _ROTATION,
    }  # fmt: skip


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
    "items": field_schema(BY_NAME["providerIdentifier"]),
    "description": "Provider identifiers the key is bound to; null: any free one.",
}
_LABEL: Operation = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    # Nearly: what is printable beyond Latin-1, `store.keys` decides by Unicode's categories.
    "pattern": r"^[^\x00-\x1f\x7f-\xa0]*[^\x00-\x20\x7f-\xa0\s][^\x00-\x1f\x7f-\xa0]*$",
}
_PERMISSIONS: Operation = {
    "type": "array",
    "items": {"type": "string", "enum": [permission.value for permission in Permission]},
    "description": "What the key may do.",
}
_CHANGEABLE: Operation = {
    "name": _LABEL | {"description": "What the key is called; the partner's name unless said."},
    "permissions": _PERMISSIONS, "providers": _PROVIDERS, "expiresAt": _EXPIRY, "rateLimit": _RATE,
}  # fmt: skip
_NEW_KEY = _object(
    {
        **_CHANGEABLE,
        "partner": _LABEL | {"description": "The company that holds the key; made when new."},
        "environment": {
            "type": "string",
            "enum": [environment.value for environment in Environment],
            "default": Environment.LIVE.value,
            "description": "live, or sandbox: a place of the partner's own for trials.",
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


def _body(name: str, limit: int, examples: Operation, *, is_required: bool = True) -> Operation:
    body = json_body(ref(name), f"At most {limit} bytes.", examples)
    return body | {"required": is_required}


_WISH = {
    "partner": "My CRM", "name": "Nightly feed", "permissions": ["publish.estates"],
    "providers": ["my-crm"], "expiresAt": "2099-01-01T00:00:00Z",
    "rateLimit": {"perMinute": 600, "burst": 1000},
}  # fmt: skip
_SANDBOX_WISH = {
    "partner": "My CRM", "permissions": ["publish.estates", "read.estates"],
    "environment": Environment.SANDBOX.value,
}  # fmt: skip
_LOGIN = {"email": "admin@example.com", "password": "a long pass phrase"}


def _operation(answers: Operation, codes: Iterable[str] = (), **more: Any) -> Operation:
    """An operation of admins: beside its own answers those of a bad token and of a member."""
    told = "; ".join(f"`{message}`" for message in (NOT_FOUND, INVALID, EXPIRED))
    responses = {
        **answers,
        "401": _told(told, _BEARER),
        **problem_responses(("admin_required", *codes, "internal_error")),
    }
    return {"security": SECURITY, "responses": responses, **more}


def _number(name: str, told: str, low: int, high: int, default: int) -> Operation:
    bounds = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return parameter("query", name, told, bounds)


_ID = parameter("path", "id", "The key.", {"type": "integer", "minimum": 1})
_NEW_SECRET = json_answer(
    "`key` is shown in this answer only.",
    ref("NewKeyAnswer"),
    {"Location": header("The key's address.", {"type": "string", "format": "uri-reference"})},
)
_BEARER = {"WWW-Authenticate": header("The scheme that is missing.", {"const": "Bearer"})}
_LATER = {"Retry-After": header("Seconds.", {"type": "integer", "minimum": 1})}


def _told(about: str, headers: dict[str, Operation] | None = None) -> Operation:
    return json_answer(about, ref("JwtProblem"), headers)


LOGIN_OPERATION: Operation = {
    "security": OPEN_SECURITY,
    "requestBody": _body("Credentials", MAX_LOGIN_BYTES, {"An admin": _LOGIN}),
    "responses": {
        "200": json_answer("A token.", ref("TokenAnswer")),
        "400": _told("The body is no valid JSON object, or lacks a member."),
        "401": _told(f"`{BAD_CREDENTIALS}`", _BEARER),
        "413": _told("The body is too large."),
        "415": _told("The body must be application/json."),
        "429": _told(f"`{THROTTLED}` after {MAX_FAILURES} of an account in a minute.", _LATER),
        "503": _told(f"`{BUSY}`", _LATER),
        **problem_responses(("internal_error",)),
    },
}

CREATE_KEY_OPERATION = _operation(
    {"201": _NEW_SECRET},
    _BODY_PROBLEMS,
    requestBody=_body(
        "NewKey", MAX_KEY_BYTES, {"A live key": _WISH, "A sandbox key": _SANDBOX_WISH}
    ),
)
LIST_KEYS_OPERATION = _operation(
    {"200": json_answer("Keys.", ref("KeyPage"))},
    ("validation_failed",),
    parameters=[
        _number("cursor", "`nextCursor` of the page before.", 0, 10**18 - 1, 0),
        _number("limit", "Most keys of a page.", 1, MAX_KEY_PAGE, 100),
    ],
)
GET_KEY_OPERATION = _operation(
    {"200": json_answer("The key.", ref("KeyAnswer"))}, ("not_found",), parameters=[_ID]
)
CHANGE_KEY_OPERATION = _operation(
    {"200": json_answer("The key as it stands now.", ref("KeyAnswer"))},
    ("not_found", "key_ended", *_BODY_PROBLEMS),
    parameters=[_ID],
    requestBody=_body("KeyChanges", MAX_KEY_BYTES, {"No rate": {"rateLimit": None}}),
)
REVOKE_KEY_OPERATION = _operation(
    {"204": {"description": "The key has ended."}}, ("not_found",), parameters=[_ID]
)
ROTATE_KEY_OPERATION = _operation(
    {"201": _NEW_SECRET},
    ("not_found", "key_ended", *_BODY_PROBLEMS),
    parameters=[_ID],
    requestBody=_body(
        "Rotation", MAX_KEY_BYTES, {"An hour": {"overlapSeconds": 3600}}, is_required=False
    ),
)
_DAYS = _number("days", "Days to look back, today included.", 1, MAX_USAGE_DAYS, 30)
_USAGE = json_answer("The key's use.", ref("UsageAnswer"))
USAGE_OPERATION = _operation(
    {"200": _USAGE}, ("not_found", "validation_failed"), parameters=[_ID, _DAYS]
)
OWN_USAGE_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "parameters": [_DAYS],
    "responses": {
        "200": _USAGE,
        **problem_responses((*KEY_PROBLEMS, "validation_failed", "internal_error")),
    },
}
AUDIT_OPERATION = _operation(
    {"200": json_answer("Entries.", ref("AuditPage"))},
    ("validation_failed",),
    parameters=[
        _number("after", "`next` of the page before.", 0, 10**18 - 1, 0),
        _number("limit", "Most entries of a page.", 1, MAX_AUDIT_PAGE, 100),
    ],
)
