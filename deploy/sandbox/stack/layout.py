"""Where everything of a stack is: folders, addresses, certificates."""

from dataclasses import dataclass
from pathlib import Path

from deploy.sandbox.ca.authority import Authority, CertificateFiles
from deploy.sandbox.stack.secrets import StackSecrets, load_or_make
from deploy.sandbox.stack.settings import SERVICES, StackSettings, port_variable
from deploy.sandbox.supervisor.ports import PortBook


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one service: gRPC for people, gRPC for services, metrics and probes."""

    public: int
    internal: int
    metrics: int


class Layout:
    """The addresses and files of one stack; ports are chosen once and kept."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self.home = settings.home
        self.home.mkdir(parents=True, exist_ok=True)
        # Whether the provisioner has a kubeconfig of its own: always in the sandbox cluster.
        self.own_account = not settings.kubeconfig
        self.secrets: StackSecrets = load_or_make(self.home / "secrets.json")
        self._authority = Authority(self.home / "ca")
        self._book = PortBook(self.home / "ports.json")

    def port(self, name: str) -> int:
        """Return the port of a process; raises PortTaken if one was asked for and is taken."""
        wanted = self.settings.ports.get(name)
        return self._book.assign(name, setting=port_variable(name), wanted=wanted)

    def service(self, name: str) -> Ports:
        """Return the ports of a service."""
        return Ports(self.port(name), self.port(f"{name}-internal"), self.port(f"{name}-metrics"))

    def certificate(self, name: str, *, spiffe: bool = True) -> CertificateFiles:
        """Return the certificate of a process."""
        return self._authority.issue(name, spiffe=spiffe)

    @property
    def ca(self) -> Path:
        """The root certificate."""
        return self._authority.ca

    @property
    def gateway_url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.port('gateway')}"

    @property
    def idp_url(self) -> str:
        """The base of every issuer."""
        return f"http://127.0.0.1:{self.port('idp')}"

    @property
    def kubernetes_url(self) -> str:
        """The sandbox cluster's API."""
        return f"https://127.0.0.1:{self.port('kubernetes')}"

    @property
    def stripe_is_embedded(self) -> bool:
        """Whether the sandbox Stripe runs."""
        return self.settings.provider == "stripe" and not self.settings.stripe_key

    @property
    def stripe_base(self) -> str:
        """Where the Stripe API is."""
        if self.stripe_is_embedded:
            return f"http://127.0.0.1:{self.port('stripe')}"
        return "https://api.stripe.com"

    @property
    def stripe_key(self) -> str:
        """The secret key that payments uses."""
        return self.settings.stripe_key or self.secrets.stripe_key

    @property
    def webhook_secret(self) -> str:
        """The secret that webhooks are signed with."""
        return self.settings.stripe_webhook_secret or self.secrets.stripe_webhook

    @property
    def mails(self) -> Path:
        """Where every mail is kept that the stack sends."""
        return self.home / "mail"

    @property
    def admin_kubeconfig(self) -> Path:
        """The kubeconfig for people."""
        if self.settings.kubeconfig:
            return Path(self.settings.admin_kubeconfig or self.settings.kubeconfig).absolute()
        return self.home / "kubeconfig"

    @property
    def provisioner_kubeconfig(self) -> Path:
        """The kubeconfig that the provisioner runs with."""
        # Absolute: the processes run in another folder.
        given = Path(self.settings.kubeconfig).absolute()
        return self.own_kubeconfig if self.own_account else given

    @property
    def own_kubeconfig(self) -> Path:
        """Where a kubeconfig of the provisioner's own account is written."""
        return self.home / "provisioner.kubeconfig"

    def claim_ports(self) -> None:
        """Choose every port now, so that a taken one is told before anything is started."""
        embedded = ["idp", "mail", "gateway", "gateway-metrics"]
        embedded += [] if self.settings.database_url else ["postgres"]
        embedded += [] if self.settings.kubeconfig else ["kubernetes"]
        embedded += ["stripe"] if self.stripe_is_embedded else []
        for name in embedded:
            self.port(name)
        for name in SERVICES:
            self.service(name)
