"""Runs a program that dies together with the process that started it.

    python -I -S launch.py PARENT SIGNAL USER -- PROGRAM [ARGUMENT...]

A step of its own, because code between fork and exec (`preexec_fn`) is not safe in a process that
has threads. It becomes the program by exec, so the process id stays the same. Standard library
only: it runs isolated, before any package of ours can be found.
"""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def command(argv: Sequence[str], with_signal: signal.Signals, user: str = "") -> list[str]:
    """The command line that runs `argv` as a child of this process that dies with it.

    With the thread that starts it, in fact: the kernel looks at that one.
    """
    this = [sys.executable, "-I", "-S", os.path.abspath(__file__)]  # noqa: PTH100 - pathlib is slow
    return [*this, str(os.getpid()), str(int(with_signal)), user, "--", *argv]


def prctl(option: int, *arguments: int) -> None:
    """Calls prctl(2) with up to four arguments; raises OSError with the kernel's reason."""
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *padded) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def die_with_parent(parent: int, with_signal: signal.Signals) -> None:
    """Has the kernel send `with_signal` to this process when its parent ends.

    Call it after the last change of user: the kernel forgets the wish when the user changes.
    Exits at once if `parent` is gone already, since nobody would then be told of its end.
    """
    if sys.platform == "linux":
        prctl(_PR_SET_PDEATHSIG, int(with_signal))
    if os.getppid() != parent:
        raise SystemExit(f"process {parent}, which started this one, has ended")


def become_user(name: str) -> None:
    """Gives up this process's user for the account `name`, with that account's groups."""
    account = pwd.getpwnam(name)
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _on_path(program: str) -> str:
    candidates = [program] if os.sep in program else []
    candidates += [os.path.join(folder, program) for folder in os.get_exec_path()]  # noqa: PTH118
    return next((each for each in candidates if os.access(each, os.X_OK)), program)


def main(arguments: list[str]) -> None:
    """Parses the command line above and becomes the program; an empty USER keeps the user."""
    parent, with_signal, user, separator, *argv = arguments
    if separator != "--" or not argv:
        raise SystemExit("usage: launch.py PARENT SIGNAL USER -- PROGRAM [ARGUMENT...]")
    # First, as another user may not be able to read Python's own modules any more.
    program = _on_path(argv[0])
    if user:
        become_user(user)
    die_with_parent(int(parent), signal.Signals(int(with_signal)))
    try:
        os.execv(program, argv)  # noqa: S606 - the caller's own program, no shell wanted
    except OSError as error:
        raise SystemExit(f"cannot run {argv[0]}: {error.strerror}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
