"""The token file: who may use a server. It holds hashes; a token itself is shown once.

A token is ``qsched_<id>_<secret>``, the secret 256 random bits; nobody guesses that, so a plain
SHA-256 of it is kept and no slow hash is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qsched.errors import InputError, QschedError, UnknownNameError
from qsched.files.atomic import replace_file
from qsched.service.access import Role

__all__ = ["TokenFile", "TokenRecord"]

_TOKEN = re.compile(r"qsched_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_DUMMY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


class TokenRecord(BaseModel):
    """What is kept of a token.

    Attributes:
        id: names it; a part of the token.
        name: whose it is.
        role: what its owner may do.
        sha256: hash of its secret.
        created: when, UTC.
        expires: when it ends, UTC; None is never.
        revoked: when it was taken back, UTC; None: it was not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
    name: str
    role: Role
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def state(self, now: datetime) -> Literal["valid", "expired", "revoked"]:
        """Return whether the token lets anybody in at the time ``now``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "valid"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["qsched/tokens/1"] = "qsched/tokens/1"
    tokens: tuple[TokenRecord, ...] = ()


class TokenFile:
    """The tokens of a server. A change of the file, by any process, counts from the next request.

    Args:
        path: the file; it may be missing, then there are no tokens.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._records: dict[str, TokenRecord] = {}

    def records(self) -> Sequence[TokenRecord]:
        """Return all tokens, the oldest first.

        Raises:
            InputError: the file is no token file, or others than its owner may read it.
        """
        self._reload()
        return tuple(self._records.values())

    def create(self, name: str, role: Role, days: float | None = None) -> str:
        """Add a token and return it; it cannot be shown again.

        Args:
            name: whose it is.
            role: what its owner may do.
            days: how long it holds; None is for ever.

        Raises:
            InputError: as :meth:`records`.
            QschedError: the file cannot be written.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        number, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        record = TokenRecord(
            id=number,
            name=name,
            role=role,
            sha256=_hash(secret),
            created=now,
            expires=None if days is None else now + timedelta(days=days),
        )
        self._write([*self.records(), record])
        return f"qsched_{number}_{secret}"

    def revoke(self, number: str) -> TokenRecord:
        """Take the token with this id back; its sessions end, too.

        Raises:
            UnknownNameError: there is none.
            InputError: as :meth:`records`.
            QschedError: the file cannot be written.
        """
        self._reload()
        if number not in self._records:
            raise UnknownNameError("token", number, self._records)
        now = datetime.now(UTC).replace(microsecond=0)
        revoked = self._records[number].model_copy(update={"revoked": now})
        self._write([revoked if r.id == number else r for r in self._records.values()])
        return revoked

    def find(self, token: str) -> TokenRecord | None:
        """Return the record of a token that lets its owner in; None for any other text.

        Secrets are compared in constant time, and a comparison is made for unknown ids as well.
        """
        self._reload()
        match = _TOKEN.fullmatch(token)
        record = self._records.get(match[1]) if match else None
        same = hmac.compare_digest(
            _hash(match[2] if match else ""), record.sha256 if record else _DUMMY
        )
        return record if record is not None and same and _lets_in(record) else None

    def valid(self, number: str) -> TokenRecord | None:
        """Return the token with this id if it is neither expired nor revoked, else None."""
        self._reload()
        record = self._records.get(number)
        return record if record is not None and _lets_in(record) else None

    def _reload(self) -> None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._seen, self._records = None, {}
            return
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen == self._seen:
            return
        if found.st_mode & 0o077:
            raise InputError(
                f"a token file must be readable by its owner only, but `{self.path}` has mode "
                f"{found.st_mode & 0o777:o}; run: chmod 600 {self.path}"
            )
        try:
            content = _File.model_validate_json(self.path.read_bytes())
        except ValidationError as error:
            fault = error.errors(include_input=False)[0]
            raise InputError(
                f"`{self.path}` is not a token file ({'.'.join(map(str, fault['loc']))}: "
                f"{fault['msg']}); make one with `qsched token create --tokens FILE`"
            ) from None
        self._seen, self._records = seen, {record.id: record for record in content.tokens}

    def _write(self, records: Sequence[TokenRecord]) -> None:
        data = _File(tokens=tuple(records)).model_dump(mode="json", exclude_none=True)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self.path, json.dumps(data, indent=2) + "\n", mode=0o600)
        except OSError as error:
            raise QschedError(
                f"a token file must be writable, but `{self.path}`: {error.strerror}; name "
                "another one with --tokens"
            ) from None


def _lets_in(record: TokenRecord) -> bool:
    return record.state(datetime.now(UTC)) == "valid"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
