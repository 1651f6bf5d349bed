"""How alerts of budgets leave the house: by mail, and by signed webhooks to public addresses.

``webhooks`` is imported by whoever sends any: it alone needs aiohttp.
"""

from services.pricing.worker.telling.loop import AlertTeller as AlertTeller
from services.pricing.worker.telling.mail import Mailer as Mailer
from services.pricing.worker.telling.settings import TellingSettings as TellingSettings
from services.pricing.worker.telling.settings import read_telling as read_telling
