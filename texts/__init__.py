"""Every sentence that a person reads: ``ka`` first, ``en`` complete. Imports nothing of ours.

``<language>/refusals/*.toml`` and ``form.toml`` hold sentences by code (``CODE = "sentence with {fact}"``),
``words.toml`` the words for enums and codes, ``mails/`` the mails, ``consents/`` what a person agrees to, and
``documents/`` the papers that the office issues (of both, a version that was published never changes).
"""

from texts.consents import consent, consent_versions
from texts.documents import document
from texts.languages import Language, language, preferred
from texts.mails import Letter, mail, mail_facts, mail_items, mail_names
from texts.sentences import NoSuchText, form_fault, say, spoken, word

__all__ = [
    "Language",
    "Letter",
    "NoSuchText",
    "consent",
    "consent_versions",
    "document",
    "form_fault",
    "language",
    "mail",
    "mail_facts",
    "mail_items",
    "mail_names",
    "preferred",
    "say",
    "spoken",
    "word",
]
