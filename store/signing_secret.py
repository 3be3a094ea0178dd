"""The secret that signs the tokens of people: the setting, else one made once in the home.

In production a made one is refused, and a weak one too: whoever guesses it is an admin.
"""

import os
import secrets
from pathlib import Path

from store.home import Home, locked, sync_folder
from store.settings import Settings

MIN_BYTES = 32
"""As long as the hash of HS256 (RFC 7518 section 3.2)."""

MIN_DISTINCT = 8
"""Characters that differ: 32 hexadecimal digits drawn at random hold fewer once in 27 millions."""

WELL_KNOWN = (
    "changeme", "change_me", "change-me", "changethis", "change this", "secret", "password",
    "your-256-bit-secret", "example", "default", "imo360", "insecure", "test", "0123456789",
    "abcdefgh", "qwerty",
)  # fmt: skip
"""Words of secrets that people copy; a secret that is made of them alone is none."""


class SecretError(Exception):
    """The signing secret is absent or weak where it must not be."""


def expect_safe(settings: Settings) -> None:
    """Raise SecretError when production mode has no strong secret of its own."""
    if settings.mode != "production":
        return
    if settings.jwt_secret is None:
        raise SecretError("IMO360_MODE=production needs IMO360_JWT_SECRET: 32 random bytes or more")
    weakness = weakness_of(settings.jwt_secret.get_secret_value())
    if weakness is not None:
        raise SecretError(f"IMO360_JWT_SECRET is too weak for IMO360_MODE=production: {weakness}")


def signing_secret(settings: Settings) -> bytes:
    """Return the secret of an existing home. Raises SecretError like `expect_safe`."""
    expect_safe(settings)
    if settings.jwt_secret is not None and settings.jwt_secret.get_secret_value():
        return settings.jwt_secret.get_secret_value().encode()
    home = Home(settings.home)
    path = home.root / "secrets" / "jwt.key"
    with locked(home.locks / "secrets.lock"):
        if not path.exists():
            _make(path)
        return path.read_bytes().strip()


def weakness_of(secret: str) -> str | None:
    """Return what is weak about a secret, in words that do not repeat it; None when it will do."""
    if len(secret.encode()) < MIN_BYTES:
        return f"it has fewer than {MIN_BYTES} bytes"
    if len(set(secret)) < MIN_DISTINCT:
        return f"it has fewer than {MIN_DISTINCT} distinct characters"
    if (secret + secret).find(secret, 1) < len(secret):
        return "it repeats itself"
    rest = secret.lower()
    for word in sorted(WELL_KNOWN, key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < len(secret) // 2:
        return "it is made of well-known words"
    return None


def _make(path: Path) -> None:
    """Write a new secret that only this user can read, whole or not at all."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_urlsafe(48).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    sync_folder(path.parent)
