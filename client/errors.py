"""What can go wrong when speaking to the API, as one small tree of errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule the body broke: where, what was expected, and the rule's code."""

    property_path: str
    message: str
    code: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What the server says of a refusal (RFC 9457). limit: the bound that was broken, if any."""

    status: int
    code: str
    title: str
    detail: str
    violations: tuple[Violation, ...] = ()
    limit: int | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any], status: int = 0) -> "Problem":
        """Read a problem object; status is taken where the object does not name one."""
        return cls(
            status=int(told.get("status") or status),
            code=str(told.get("code", "")),
            title=str(told.get("title", "")),
            detail=str(told.get("detail") or told.get("message") or ""),
            violations=tuple(
                Violation(str(v["propertyPath"]), str(v["message"]), str(v["code"]))
                for v in told.get("violations") or ()
            ),
            limit=told.get("limit"),
        )


class Imo360Error(Exception):
    """Anything this client raises of its own."""


class UnreachableError(Imo360Error):
    """The server did not answer for as long as the client was patient."""


class UnexpectedAnswerError(Imo360Error):
    """The answer is not of the documented form: another server, or a proxy between."""


class ProblemError(Imo360Error):
    """The server refused. status, code, violations and limit are those of its problem object."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        said = problem.detail or problem.title or "no reason given"
        super().__init__(f"{problem.status} {problem.code}: {said}")
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """The problem's code, for programs."""
        return self.problem.code

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every rule the body broke."""
        return self.problem.violations


class InvalidError(ProblemError):
    """400, 415, 422: the request itself must be mended."""


class UnauthorisedError(ProblemError):
    """401: the key is missing, unknown, expired or revoked."""


class ForbiddenError(ProblemError):
    """403: the key lacks a permission, or the provider belongs to another partner."""


class NotFoundError(ProblemError):
    """404: there is no such thing, or it is another partner's."""


class ConflictError(ProblemError):
    """409: the stored state stands against it, as a snapshot held by its brake."""


class PreconditionFailedError(ProblemError):
    """412: the listing is not at the revision that If-Match named."""


class TooLargeError(ProblemError):
    """413: a limit is broken; `problem.limit` is the bound."""


class RateLimitedError(ProblemError):
    """429: the key's rate is used up, for longer than the client was patient."""


class ServerError(ProblemError):
    """5xx: a fault of the server's; the same may be sent again."""


_BY_STATUS: dict[int, type[ProblemError]] = {
    400: InvalidError,
    401: UnauthorisedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionFailedError,
    413: TooLargeError,
    415: InvalidError,
    422: InvalidError,
    429: RateLimitedError,
}


def problem_error(problem: Problem, retry_after_s: float | None = None) -> ProblemError:
    """Return the error of a problem, by its status."""
    kind = ServerError if problem.status >= 500 else _BY_STATUS.get(problem.status, ProblemError)
    return kind(problem, retry_after_s)
