"""Text messages that answer a person at once: codes that confirm a mobile and bind a caller to a case."""

from __future__ import annotations

import texts
from api.declined import MobileUnusable, SmsAway
from api.ports import Ports
from gateways.sms import SmsRejected, SmsUnavailable
from housekeeping.one_time_codes import MINUTES


def send_code(ports: Ports, words: str, language: str, mobile: str, code: str) -> None:
    """Send ``code`` to ``mobile`` (E.164) in the ``words`` of that name. Raises: SmsAway, MobileUnusable."""
    text = texts.say(language, "sms", words, office=ports.facts.office_name[language], code=code, minutes=MINUTES)
    try:
        ports.sms.send(mobile, text)
    except SmsUnavailable:
        raise SmsAway from None
    except SmsRejected:
        raise MobileUnusable from None
