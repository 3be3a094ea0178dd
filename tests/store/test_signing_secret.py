"""The signing secret: made once for this user alone, and strong where it must be."""

import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from store.settings import Settings
from store.signing_secret import (
    WELL_KNOWN,
    SecretError,
    expect_safe,
    signing_secret,
    weakness_of,
)

STRONG = "k3Jv9QeXw2LrT7bNpZs8YcHm4UaGf6Di0oRt"


def settings_of(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def test_a_secret_is_made_once_whoever_asks(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: signing_secret(settings), range(8)))
    (secret,) = found
    assert len(secret) >= 32
    assert weakness_of(secret.decode()) is None
    path = settings.home / "secrets" / "jwt.key"
    assert [each.name for each in path.parent.iterdir()] == ["jwt.key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_setting_goes_first_and_makes_no_file(settings: Settings) -> None:
    given = settings_of(settings, jwt_secret=SecretStr(STRONG))
    assert signing_secret(given) == STRONG.encode()
    assert not (settings.home / "secrets").exists()


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (None, "needs IMO360_JWT_SECRET"),
        ("", "fewer than 32 bytes"),
        (STRONG[:31], "fewer than 32 bytes"),
        ("ab" * 40, "distinct characters"),
        ("changeme" * 5, "distinct characters"),
        ("change-me-secret-password-change-me", "well-known words"),
        ("your-256-bit-secret-your-256-bit-secret", "well-known words"),
        ("Xk29fLq0" * 4, "repeats itself"),
    ],
)
def test_production_needs_a_strong_secret(tmp_path: Path, secret: str | None, told: str) -> None:
    hidden = None if secret is None else SecretStr(secret)
    settings = Settings(home=tmp_path, mode="production", jwt_secret=hidden)
    for ask in (expect_safe, signing_secret):
        with pytest.raises(SecretError, match=told) as refused:
            ask(settings)
        assert not secret or secret not in str(refused.value)
    expect_safe(settings_of(settings, mode="development"))


def test_secrets_that_are_drawn_are_strong() -> None:
    for drawn in (STRONG, secrets.token_hex(32), secrets.token_urlsafe(32)):
        expect_safe(Settings(mode="production", jwt_secret=SecretStr(drawn)))


def test_no_well_known_word_makes_a_secret() -> None:
    for word in WELL_KNOWN:
        assert weakness_of(word * 20) is not None
