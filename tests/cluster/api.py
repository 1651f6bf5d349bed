"""The API server as whoever waits for it sees it."""

import http.client
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import yaml

from tests.cluster.errors import ClusterError

_POLL = 0.05


class Api:
    """Requests with the credentials of a kubeconfig; one connection each."""

    def __init__(self, kubeconfig: Path) -> None:
        told = yaml.safe_load(kubeconfig.read_text())
        cluster, user = told["clusters"][0]["cluster"], told["users"][0]["user"]
        self._host = urlsplit(cluster["server"]).netloc
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._headers = {
            "Authorization": f"Bearer {user['token']}",
        }

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status and the body, decoded if it is JSON; status 0 if nobody answers.

        A PATCH is a JSON merge patch.
        """
        connection = http.client.HTTPSConnection(self._host, context=self._tls, timeout=5)
        try:
            data = None if body is None else orjson.dumps(body)
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            connection.request(method, path, data, {**self._headers, "Content-Type": kind})
            answer = connection.getresponse()
            raw = answer.read()
        except OSError:
            return 0, None
        finally:
            connection.close()
        return answer.status, orjson.loads(raw) if raw.startswith(b"{") else raw.decode()


def wait_for(
    what: str, check: Callable[[], bool], alive: Callable[[], None], seconds: float
) -> None:
    """Look until the check holds; `alive` raises when waiting has become pointless."""
    deadline = time.monotonic() + seconds
    while not check():
        alive()
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} did not happen within {seconds:g} seconds.")
        time.sleep(_POLL)
