"""Passwords of people: hashed with argon2id (RFC 9106), whose cost is a fifth of a second and 64
MiB, so hashing is never done on an event loop."""

from pwdlib.hashers.argon2 import Argon2Hasher

MIN_PASSWORD = 12
"""Characters. Length is what keeps a password (NIST SP 800-63B); kinds of letters are not asked."""

MAX_PASSWORD = 1_000
"""Characters; enough for any password manager, few enough to hash."""

MIN_DISTINCT = 5
"""Characters that differ; `aaaaaaaaaaaa` is long and no password."""


TIME_COST, MEMORY_KIB, PARALLELISM = 3, 65_536, 4
"""RFC 9106's second recommended option."""

NOBODYS = (
    "$argon2id$v=19$m=65536,t=3,p=4$BRXLVabZloHL5bygLVUAAQ$xdU7sQ"
    "wAJ17OLP3Jt+a0XY0NPQbiIj6K8OQgQUOfvIA"
)
"""A hash of a password that was drawn at random and thrown away, of the same costs."""


class PasswordError(ValueError):
    """The password cannot be taken; the message never repeats it."""


class PasswordHasher:
    """Hashes passwords and verifies them. Thread-safe."""

    def __init__(self) -> None:
        self._argon2 = Argon2Hasher(TIME_COST, MEMORY_KIB, PARALLELISM)

    def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        return self._argon2.hash(password)

    def verify(self, password: str, stored: str) -> bool:
        """Whether this is the password. For an account that is not there, give NOBODYS: that
        takes as long."""
        return self._argon2.verify(password, stored)


def expect_good(password: str) -> None:
    """Raise PasswordError unless the password may be somebody's."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PasswordError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD:,} characters")
    if len(set(password)) < MIN_DISTINCT:
        raise PasswordError("the password repeats too few characters: choose another")
