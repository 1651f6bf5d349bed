"""The user that PostgreSQL runs as. It refuses to be root, and root is what containers give us.

As root we become an unprivileged account. That account often cannot reach the checkout, the virtual
environment or the data folder, because a folder above them is 0700 (a home, a temporary folder).
Then, and only then, the one capability to pass through folders is kept over the change of user: as
an ambient capability, CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE where a container has only that.
Copying the binaries elsewhere would not do, since the data below the same folder has to be reached;
a user namespace would, but containers commonly forbid it, and its user would own root's files.
"""

import ctypes
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.sandbox.supervisor.launch import prctl

_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522


class NoIdentity(Exception):  # noqa: N818 - reads as the sentence it carries
    """There is no user that could run PostgreSQL on this data folder."""


@dataclass(frozen=True)
class Identity:
    """A user to become. `capability` is the one to keep, or None."""

    uid: int
    gid: int
    capability: int | None = None

    def become(self) -> None:
        """Changes this process for good; nothing happens if it is this user already.

        Only for a process with one thread: the capability is set for the calling thread.
        """
        if os.geteuid() == self.uid:
            return
        if self.capability is not None:
            # Keeps capabilities over the change of user, and has access(2), by which PostgreSQL
            # looks for its own programs, respect them; plain KEEPCAPS does only the first.
            prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
        os.setgroups([])
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)
        if self.capability is not None:
            _keep_only(self.capability)


def choose_identity(data: Path, reached: Iterable[Path]) -> Identity:
    """Who is to run PostgreSQL on `data` (which need not exist), reaching the paths `reached`.

    An existing data folder decides by its owner. Raises NoIdentity, with the reason, if this
    process cannot become that user or that user could not reach the paths.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise NoIdentity(
                f"{data} belongs to user {owner}, as it was first started by root: "
                "start it as root again, or remove it"
            )
        return Identity(os.geteuid(), os.getegid())
    account = _account(owner)
    if all(may_reach(path, account.pw_uid, account.pw_gid) for path in reached):
        return Identity(account.pw_uid, account.pw_gid)
    return Identity(account.pw_uid, account.pw_gid, _passing_capability())


def may_reach(path: Path, uid: int, gid: int) -> bool:
    """Whether the modes of the folders above `path` let the user through (ACLs are not asked)."""
    return all(_may_enter(folder.stat(), uid, gid) for folder in path.resolve().parents)


def _may_enter(status: os.stat_result, uid: int, gid: int) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _account(owner: int | None) -> pwd.struct_passwd:
    """An account that is not root; initdb wants one with a name."""
    if owner:
        try:
            return pwd.getpwuid(owner)
        except KeyError as error:
            raise NoIdentity(f"the data folder belongs to {owner}, who has no account") from error
    for name in ("nobody", "postgres"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoIdentity("PostgreSQL does not run as root, and there is no account nobody or postgres")


def _passing_capability() -> int:
    """The weakest capability of this process that passes through folders closed to others."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            permitted = int(line.split()[1], 16)
            for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
                if permitted & (1 << capability):
                    return capability
    raise NoIdentity(
        "PostgreSQL does not run as root, and an unprivileged user cannot reach this folder: "
        "start as an ordinary user, or from a folder that others may enter"
    )


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _keep_only(capability: int) -> None:
    """Drops all capabilities but one, and makes that one survive exec."""
    header = _Header(_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    sets = (_Set * 2)(_Set(bit, bit, bit), _Set(0, 0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(ctypes.byref(header), sets) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
