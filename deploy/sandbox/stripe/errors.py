"""Refusals in the provider's form: an HTTP status and a JSON body that its SDK understands."""

from deploy.sandbox.stripe.shapes import JsonObject

DOCS = "https://stripe.com/docs/error-codes/"
INVALID = "invalid_request_error"


class StripeError(Exception):
    """A call that is answered with an error body.

    `keeps_effects` is true where the provider keeps what the call wrote (a declined card leaves
    a failed charge behind).
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        extra: JsonObject | None = None,
        keeps_effects: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.extra = extra or {}
        self.keeps_effects = keeps_effects

    def body(self, request_id: str) -> JsonObject:
        """The JSON body of the answer."""
        error: JsonObject = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error |= {"code": self.code, "doc_url": DOCS + self.code.replace("_", "-")}
        if self.param is not None:
            error["param"] = self.param
        if self.status != 401:
            error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error | self.extra}


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A 400 that says what is wrong with a parameter."""
    return StripeError(400, message, param=param, code=code)


def missing_param(param: str) -> StripeError:
    """A required parameter was not sent."""
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def unknown_params(names: list[str]) -> StripeError:
    """Parameters that the call does not take."""
    noun = "parameter" if len(names) == 1 else "parameters"
    message = f"Received unknown {noun}: {', '.join(names)}"
    return invalid(message, names[0], "parameter_unknown")


def no_such(label: str, object_id: str, param: str, status: int = 404) -> StripeError:
    """An id that names nothing: 404 in the path, 400 in a parameter."""
    message = f"No such {label}: '{object_id}'"
    return StripeError(status, message, code="resource_missing", param=param)


def not_covered(what: str) -> StripeError:
    """What the provider does and this sandbox does not: loud, and unlike any real answer."""
    return StripeError(501, f"The sandbox does not cover {what}.", kind="api_error")


def unrecognized_url(method: str, path: str) -> StripeError:
    """No such call."""
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we "
        "can help at https://support.stripe.com/."
    )
    return StripeError(404, message)


def unauthorized(key: str | None) -> StripeError:
    """No key, or a key that is not this account's."""
    if not key:
        message = (
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
            "YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or "
            "we can help at https://support.stripe.com/."
        )
        return StripeError(401, message)
    return StripeError(401, f"Invalid API Key provided: {masked(key)}")


def masked(key: str) -> str:
    """A key as it may be shown: its prefix and last four characters."""
    hidden = "*" * max(len(key) - 12, 4)
    return f"{key[:8]}{hidden}{key[-4:]}" if len(key) > 12 else hidden


def rate_limited() -> StripeError:
    """Too many requests in this second."""
    message = (
        "Request rate limit exceeded. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits."
    )
    return StripeError(429, message, code="rate_limit")


def server_error(status: int = 500) -> StripeError:
    """The provider's own failure."""
    message = (
        "An unknown error occurred. If you continue to see this error, please contact us at "
        "https://support.stripe.com/."
    )
    return StripeError(status, message, kind="api_error")


def lock_timeout() -> StripeError:
    """Another call holds the object."""
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is "
        "currently accessing it. If you see this error intermittently, retry the request. If you "
        "see this error frequently and are making multiple concurrent requests to a single object, "
        "make your requests serially or at a lower rate. For more details, see "
        "https://stripe.com/docs/rate-limits#object-lock-timeouts."
    )
    return StripeError(429, message, code="lock_timeout")


def idempotency_mismatch(key: str) -> StripeError:
    """A key that was used before, for another call."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request."
    )
    return StripeError(400, message, kind="idempotency_error")


def card_error(
    message: str,
    code: str,
    decline_code: str | None = None,
    *,
    extra: JsonObject | None = None,
    keeps_effects: bool = False,
) -> StripeError:
    """A 402: a bank said no."""
    more = {"decline_code": decline_code} if decline_code else {}
    return StripeError(
        402,
        message,
        kind="card_error",
        code=code,
        extra={**more, **(extra or {})},
        keeps_effects=keeps_effects,
    )
