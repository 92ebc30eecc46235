"""Who may see an interview: whoever holds its token. Only the token's hash is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

TOKEN_BYTES = 32
_NOBODY = bytes(32)


def random_salt() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(TOKEN_BYTES)


def token_from(salt: bytes, key: str | None) -> str:
    """The token of a new interview: 256 bits, base64url.

    With an idempotency key it can be made again from the salt that is kept and the key that is not, so that a
    retry gets the same token although the database never held it.
    """
    secret = salt if key is None else hmac.digest(salt, key.encode(), "sha256")
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def digest(secret: str) -> bytes:
    """What may be kept of a secret: its SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def matches(token: str, token_hash: bytes | None) -> bool:
    """Whether the token is the one of the hash; a missing interview takes as long as a wrong token."""
    return hmac.compare_digest(digest(token), token_hash or _NOBODY) and token_hash is not None
