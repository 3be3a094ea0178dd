"""The conformance kit on the command line."""

from collections.abc import Callable

from cli.options import STDERR
from cli.wrong_use import WrongUseError
from client.api import ROOT
from client.conformance.kit import CHECKS, Result, as_json, as_text, own_provider, run
from client.conformance.subject import Admin, Subject
from client.transport import Transport


def check_api(
    base: str, key: str, provider: str | None, admin: Admin | None, say: Callable[[str], None], *,
    is_json: bool,
) -> bool:  # fmt: skip
    """Run every check, say the report, and return whether none failed.

    provider: the one to use for a key that may not claim a new one. Raises WrongUseError, and the
    client's errors when the API is away or the key is not live.
    """
    try:
        transport = Transport(base, key)
    except ValueError as problem:
        raise WrongUseError(f"--base {problem}") from None
    try:
        transport.send("GET", f"{ROOT}/reference")
        subject = Subject(transport, key, provider or own_provider(), provider is None, admin)
        with STDERR.status("checking") as status:

            def tell(result: Result) -> None:
                status.update(f"{len(CHECKS)} checks: {result.check.name} {result.state}")

            report = run(subject, on_result=tell)
    finally:
        transport.close()
    for line in [as_json(report)] if is_json else as_text(report):
        say(line)
    return report.is_conformant
