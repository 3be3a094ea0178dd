import pytest

from tests.bench.steady_client import Round, bulk_without, is_success, success_without

OK = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "is_wanted"),
    [
        pytest.param(OK + b'{"failed":0,"results":[{"changed":true}]}', True, id="all changed"),
        pytest.param(OK + b'{"failed":1,"results":[{"changed":true}]}', False, id="one failed"),
        pytest.param(OK + b'{"failed":0,"results":[{"changed":false}]}', False, id="one did not"),
        pytest.param(b"HTTP/1.1 429 \r\n\r\n" + b'{"failed":0,}', False, id="refused as a whole"),
    ],
)
def test_a_bulk_is_wanted_when_every_item_is(answer: bytes, is_wanted: bool) -> None:
    assert bulk_without(b'"changed":false')(answer) is is_wanted


def test_a_post_that_changed_nothing_is_not_a_change() -> None:
    is_change = success_without(b'"changed":false')
    assert is_change(OK + b'{"changed":true}')
    assert not is_change(OK + b'{"changed":false}')


def test_a_round_keeps_the_first_failure() -> None:
    seen = Round(1.0)
    for answer in (OK, b"HTTP/1.1 503 first", b"HTTP/1.1 503 second"):
        seen.judge(answer, is_success)
    assert (seen.failed, seen.first_failure) == (2, b"HTTP/1.1 503 first")
