"""Starts a control plane, stops it, tells of it."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.sandbox.supervisor.lock import HomeLock
from tests.cluster import foreign, hnc, programs
from tests.cluster.api import Api, wait_for
from tests.cluster.definitions import define
from tests.cluster.errors import ClusterError
from tests.cluster.nodes import add_nodes, nodes_are_ready
from tests.cluster.plane import Plane, lay_out
from tests.cluster.processes import Daemon
from tests.cluster.settings import Settings

_INDISPENSABLE = (programs.ETCD, programs.API_SERVER)
_READY_IN = 60.0
NODES = 2


class Control:
    """The control plane of one home folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.home = settings.home
        started = programs.CONTROL_PLANE + programs.EXTENSIONS
        self.daemons = [Daemon(program.name, self.home) for program in started]

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; only there once it was started."""
        return self.home / "kubeconfig"

    def is_running(self) -> bool:
        """Whether all that was started runs and the API server answers."""
        started = [daemon for daemon in self.daemons if daemon.pid_file.exists()]
        if not started or any(daemon.pid is None for daemon in started):
            return False
        return self.kubeconfig.exists() and Api(self.kubeconfig).call("GET", "/readyz")[0] == 200

    def absent(self) -> list[str]:
        """Names of the programs that nothing can start."""
        nowhere = programs.missing(programs.CONTROL_PLANE, self._settings)
        return [program.name for program in nowhere]

    def absent_extensions(self) -> list[str]:
        """What a build adds and no program of the control plane needs, and is not there."""
        nowhere = programs.missing(programs.EXTENSIONS, self._settings)
        files = foreign.missing(foreign.ALL, self._settings)
        return [*(program.name for program in nowhere), *(item.name for item in files)]

    def start(self) -> bool:
        """Start an empty one; whether that was needed. ClusterError says why it could not be."""
        with HomeLock(self.home):
            if self.is_running():
                return False
            self._stop()
            indispensable = programs.missing(_INDISPENSABLE, self._settings)
            if indispensable:
                names = " and ".join(program.name for program in indispensable)
                raise ClusterError(
                    f"There is no {names} here; `make cluster` builds what is missing."
                )
            try:
                self._start(lay_out(self.home))
            except BaseException:
                self._stop()
                raise
            return True

    def stop(self) -> bool:
        """Stop it; whether there was something to stop. Certificates and logs stay."""
        with HomeLock(self.home):
            return self._stop()

    def _stop(self) -> bool:
        # The other way round: nothing should complain in its log that what it needs has gone.
        stopped = [daemon.stop() for daemon in reversed(self.daemons)]
        shutil.rmtree(self.home / "etcd", ignore_errors=True)
        return any(stopped)

    def _start(self, plane: Plane) -> None:
        plane.audit_log.unlink(missing_ok=True)
        api = Api(plane.kubeconfig)
        self._launch(programs.ETCD, plane.etcd())
        self._launch(programs.API_SERVER, plane.api_server())
        self._wait("The API server's start", lambda: api.call("GET", "/readyz")[0] == 200)
        # The garbage collector learns at its start of what there is, and later every half minute.
        self._define(api)
        controlled = self._launch(programs.CONTROLLERS, plane.controllers())
        self._launch(programs.SCHEDULER, plane.scheduler())
        hosted = self._launch(programs.KUBELETS, plane.kubelets())
        if controlled:
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._wait("The controllers' start", lambda: api.call("GET", account)[0] == 200)
        if hosted:
            add_nodes(api, NODES)
            self._wait("The nodes' start", lambda: nodes_are_ready(api, NODES))
        self._start_hnc(plane, api)

    def _define(self, api: Api) -> None:
        sources = foreign.DEFINITIONS
        wanted = [item for source in sources for item in source.objects(self._settings)]
        define(api, wanted, self._all_alive)

    def _start_hnc(self, plane: Plane, api: Api) -> None:
        if foreign.missing((foreign.HNC, foreign.HNC_WEBHOOKS), self._settings):
            return
        manager = hnc.lay_out(plane)
        if self._launch(programs.HNC, manager.arguments(), manager.environment()):
            self._wait("The start of HNC", lambda: hnc.knows_namespaces(api))
            published = foreign.HNC_WEBHOOKS.objects(self._settings)
            hnc.add_webhooks(api, manager.webhooks(published))
            self._wait("The answer of HNC's webhooks", lambda: hnc.refuses(api))

    def _launch(
        self,
        program: programs.Program,
        arguments: list[str],
        environment: Mapping[str, str] | None = None,
    ) -> bool:
        path = programs.find(program, self._settings)
        if path is not None:
            Daemon(program.name, self.home).start(path, arguments, environment)
        return path is not None

    def _wait(self, what: str, check: Callable[[], bool]) -> None:
        wait_for(what, check, self._all_alive, _READY_IN)

    def _all_alive(self) -> None:
        for daemon in self.daemons:
            if daemon.pid_file.exists():
                daemon.must_run()
