"""What people who log in are answered when it fails: `{"code": 401, "message": "..."}`.

Clients of these calls are written for LexikJWT's bundle, so they keep its shapes and words; every
other call answers with `problems`. Like that file, this one knows HTTP statuses.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

NOT_FOUND = "JWT Token not found"
INVALID = "Invalid JWT Token"
EXPIRED = "Expired JWT Token"
BAD_CREDENTIALS = "Invalid credentials."
THROTTLED = "Too many failed login attempts, please try again in 1 minute."
BUSY = "Too many logins at once, please try again."


class JwtProblem(msgspec.Struct):
    """Why somebody is not let in."""

    code: int
    message: str


class TokenRefusedError(Exception):
    """The call has no good token; message: one of this module's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def jwt_problem_response(
    status: int, message: str, headers: dict[str, str] | None = None
) -> Response:
    """Return the answer."""
    headers = {**(headers or {}), "Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    content = msgspec.json.encode(JwtProblem(status, message))
    return Response(content, status, headers, "application/json")


async def answer_token_refused(_request: Request, error: Exception) -> Response:
    """Answer a call without a good token."""
    assert isinstance(error, TokenRefusedError)
    return jwt_problem_response(401, error.message)
