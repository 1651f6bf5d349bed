"""Mail by SMTP: one message on a connection of its own."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from services.chassis.clock import Clock
from services.pricing.costs.telling import Channel, Delivery, NotDelivered
from services.pricing.worker.telling.settings import MailSettings

_PATIENCE = 20.0
"""Seconds for each answer of the server."""
_FOR_GOOD = 500


class Mailer:
    """Tells by mail."""

    channel = Channel.MAIL

    def __init__(self, settings: MailSettings, tls: ssl.SSLContext, clock: Clock) -> None:
        self._settings = settings
        self._tls = tls
        self._clock = clock

    async def send(self, delivery: Delivery) -> None:
        """Send one message; an address that the server refuses is NotDelivered for good."""
        message = self._message(delivery)
        await asyncio.to_thread(_translated, lambda: self._send(message, delivery.target))

    def _message(self, delivery: Delivery) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = delivery.target
        message["Subject"] = delivery.subject
        message["Date"] = format_datetime(self._clock.now())
        domain = parseaddr(self._settings.sender)[1].rpartition("@")[2]
        # The same at each try: what was sent twice is shown once.
        message["Message-ID"] = f"<{delivery.name}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(delivery.body)
        return message

    def _send(self, message: EmailMessage, target: str) -> None:
        at = self._settings
        implicit = at.tls == "implicit"
        client = (
            smtplib.SMTP_SSL(at.host, at.port, timeout=_PATIENCE, context=self._tls)
            if implicit
            else smtplib.SMTP(at.host, at.port, timeout=_PATIENCE)
        )
        with client as smtp:
            if at.tls == "starttls":
                smtp.starttls(context=self._tls)
            if at.username:
                smtp.login(at.username, at.password)
            smtp.send_message(message, parseaddr(at.sender)[1], [target])


def _translated(send: Callable[[], None]) -> None:
    """Send, and say what went wrong; what a server says itself stays in here."""
    try:
        send()
    except smtplib.SMTPRecipientsRefused as refused:
        code = max((code for code, _ in refused.recipients.values()), default=0)
        over = code >= _FOR_GOOD
        raise NotDelivered(f"the address was refused ({code})", for_good=over) from refused
    except smtplib.SMTPDataError as refused:
        over = refused.smtp_code >= _FOR_GOOD
        raise NotDelivered(
            f"the mail was refused ({refused.smtp_code})", for_good=over
        ) from refused
    except (smtplib.SMTPException, OSError) as error:
        # Also what is wrong with our own account there, which an operator puts right.
        raise NotDelivered("the mail server could not be used") from error
