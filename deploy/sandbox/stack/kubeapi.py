"""Requests to a Kubernetes API with whatever credentials a kubeconfig holds."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
_TIMEOUT = aiohttp.ClientTimeout(total=30.0)
_load: Callable[..., Awaitable[object]] = load_kube_config


class KubeApiError(Exception):
    """The cluster cannot be asked, or says no; the text says which. `status` 0 if it is away."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class KubeApi:
    """One user of one cluster: the current context of a kubeconfig, read with the first request."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._configuration = Configuration()
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return what is answered; KubeApiError if it is no success."""
        http = self._http or await self._open()
        headers = {"Accept": JSON, "Content-Type": content_type}
        settings: Mapping[str, Any] = dict(await self._configuration.auth_settings())
        for setting in settings.values():
            headers[setting["key"]] = setting["value"]
        try:
            async with http.request(
                method,
                self._configuration.host + path,
                data=None if body is None else orjson.dumps(body),
                headers=headers,
                params=query,
                proxy=self._configuration.proxy,
                server_hostname=self._configuration.tls_server_name,
            ) as answer:
                return _judged(answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise KubeApiError(f"The cluster of {self._kubeconfig} is away: {why}") from error

    async def _open(self) -> aiohttp.ClientSession:
        found = self._configuration
        try:
            await _load(
                config_file=str(self._kubeconfig),
                client_configuration=found,
                persist_config=False,
            )
            tls = ssl.create_default_context(cafile=found.ssl_ca_cert, cadata=found.ca_cert_data)
            if found.cert_file:
                tls.load_cert_chain(found.cert_file, found.key_file)
        except (ConfigException, OSError, ValueError) as error:
            raise KubeApiError(f"{self._kubeconfig} cannot be used: {error}") from error
        if not found.verify_ssl:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls), timeout=_TIMEOUT
        )
        return self._http


def _judged(status: int, raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = {"message": raw.decode(errors="replace")}
    if status >= 300:
        raise KubeApiError(str(found.get("message", status)), status)
    answer: dict[str, Any] = found
    return answer
