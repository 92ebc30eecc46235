"""Names of CloudFormation in the spelling of others."""

from __future__ import annotations


def shell_name(key: str) -> str:
    """`SiteBucket` as `SITE_BUCKET`, `DatabaseURL` as `DATABASE_URL`."""
    letters = []
    for before, letter, after in zip(f" {key}", key, f"{key[1:]} ", strict=False):
        if letter.isupper() and (
            before.islower() or before.isdigit() or (before.isupper() and after.islower())
        ):
            letters.append("_")
        letters.append(letter.upper())
    return "".join(letters)
