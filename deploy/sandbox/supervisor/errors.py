"""What can keep a set of processes from running, each said in one sentence for a person."""

from pathlib import Path


class SupervisorError(Exception):
    """Base of the refusals below; its text is meant to be shown as it is."""


class PortTaken(SupervisorError):  # noqa: N818 - reads as the sentence it carries
    """A port that was asked for by number belongs to somebody else."""

    def __init__(self, port: int, owner: str, setting: str) -> None:
        self.port, self.owner, self.setting = port, owner, setting
        super().__init__(
            f"Port {port} of the {owner} is taken by another process; set {setting} to a free one"
        )


class AlreadyRunning(SupervisorError):  # noqa: N818 - reads as the sentence it carries
    """Another supervisor holds the lock of this folder."""

    def __init__(self, home: Path, pid: int | None) -> None:
        self.home, self.pid = home, pid
        who = f" (process {pid})" if pid else ""
        super().__init__(f"A stack already runs in {home}{who}; stop it before starting another")


class InvalidSpec(SupervisorError):  # noqa: N818 - reads as the sentence it carries
    """The set of processes cannot be ordered: a name twice, unknown, or a circle."""


class StartFailed(SupervisorError):  # noqa: N818 - reads as the sentence it carries
    """A process did not become ready when it was first started."""

    def __init__(self, name: str, reason: str, log: Path, tail: str) -> None:
        self.name, self.reason, self.log = name, reason, log
        ending = f":\n{tail}" if tail else "."
        super().__init__(f"{name} did not start: {reason}. Its log {log} ends with{ending}")


class StopRequested(SupervisorError):  # noqa: N818 - reads as the sentence it carries
    """A stop was asked for while processes were still being started."""

    def __init__(self) -> None:
        super().__init__("Stopped before everything was ready")
