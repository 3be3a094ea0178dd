"""Problems: one shape for every refusal, nothing repeated, internal errors traceable."""

import asyncio
import json
import logging

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ingest_api.problems import (
    PROBLEMS,
    answer_http_exception,
    answer_internal_error,
    answer_invalid_request,
    problem,
    problem_response,
)
from ingest_api.reading import Refusal
from store.shapes.checks import Violation

MARK = "s3cr3t"


def ask(path: str) -> httpx.Response:
    """Ask an app whose one route breaks its promise and whose other takes a number."""
    app = FastAPI()
    app.add_exception_handler(Exception, answer_internal_error)
    app.add_exception_handler(RequestValidationError, answer_invalid_request)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError(MARK)

    @app.get("/number")
    async def number(n: int) -> int:
        return n

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(get())


def test_an_internal_error_names_its_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "ingest_api.problems"):
        answer = ask("/broken")
    body = answer.json()
    assert (answer.status_code, body["code"]) == (500, "internal_error")
    assert body["instance"].startswith("urn:uuid:")
    assert body["instance"] in caplog.text
    assert MARK not in answer.text


def test_a_wrong_parameter_is_named_and_not_repeated() -> None:
    answer = ask(f"/number?n={MARK}")
    assert (answer.status_code, answer.headers["content-type"]) == (
        422,
        "application/problem+json",
    )
    assert [v["propertyPath"] for v in answer.json()["violations"]] == ["n"]
    assert MARK not in answer.text


def test_a_problem_holds_what_rfc_9457_names_and_our_code() -> None:
    refusal = Refusal("validation_failed", "d.", (Violation("a.b", "blank", "must not be blank"),))
    body = json.loads(problem_response(refusal).body)
    assert body == {
        "type": "urn:imo360:problem:validation_failed",
        "title": PROBLEMS["validation_failed"].title,
        "status": 422,
        "detail": "d.",
        "code": "validation_failed",
        "instance": "/api/integration/estates",
        "violations": [{"propertyPath": "a.b", "message": "must not be blank", "code": "blank"}],
    }


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_code_has_an_answer(code: str) -> None:
    assert problem(Refusal(code, "d.")).status == PROBLEMS[code].status
    response = problem_response(Refusal(code, "d."))
    assert ("www-authenticate" in response.headers) is (response.status_code == 401)


def test_a_wrong_method_is_told_every_method_of_the_path() -> None:
    app, router = FastAPI(), APIRouter()
    app.add_exception_handler(HTTPException, answer_http_exception)

    @app.post("/things")
    @router.delete("/things")
    @router.get("/{name:path}")
    async def answer() -> None: ...

    app.include_router(router)

    async def put() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.put("/things")

    answered = asyncio.run(put())
    assert (answered.status_code, answered.json()["code"]) == (405, "method_not_allowed")
    assert answered.headers["allow"] == "DELETE, GET, POST"
