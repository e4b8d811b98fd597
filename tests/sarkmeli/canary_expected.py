"""Where each kind of canary must be found once nothing is sealed, and why it is found nowhere else."""

from collections import defaultdict

ROWS = frozenset({"dump", "decoded changes", "backup", "write-ahead log", "tables", "server log"})
"""Wherever a value goes that PostgreSQL is given."""

FORM = frozenset({
    "first name", "surname", "first name in Latin", "surname in Latin", "birth date", "personal number",
    "document number", "expiry of a document", "city", "street", "postcode", "local part", "domain", "telephone",
    "number", "cash reference",
})  # fmt: skip
"""Sealed together when the application is filed: more than a kilobyte, and PostgreSQL's statistics keep no value of
more than 1,024 bytes (WIDTH_THRESHOLD in its analyze.c)."""

WORDS = frozenset({
    "card holder", "payer", "purpose of cash", "reasons of a cashier", "will", "will of the refused",
    "reasons to refuse", "question", "answer", "reasons to extend", "conclusion", "reasons of the decision",
})  # fmt: skip
"""Sealed each by itself, and short."""

REGISTRATION = frozenset({
    "username", "taxpayer's identification", "taxpayer's mobile", "taxpayer's local part", "taxpayer's domain",
    "taxpayer's number", "taxpayer's director", "declared first name", "declared surname",
})  # fmt: skip
"""Of a taxpayer's form and declaration: sealed together, and short."""

PAPERS = frozenset({
    "content of a file", "Exif description", "Exif artist", "Exif copyright", "Exif user comment", "XMP",
    "JPEG comment", "PNG text", "PNG international text", "PDF page", "PDF title", "PDF XMP",
})  # fmt: skip
"""In files, which PostgreSQL never sees."""

SINKS = dict.fromkeys(ROWS, FORM | WORDS | REGISTRATION) | {
    "statistics": WORDS | REGISTRATION,
    "files": PAPERS,
    "queues": frozenset(),  # a notice says of which case and event, never to whom or in what words; the rest is hashes
    "processes": frozenset(),  # programs and settings are named there, and secrets come by files
    "logs": frozenset(),  # say of what kind an error is and where, never what somebody wrote
    "temporary files": frozenset(),  # there are none: uploads are read and sealed as they come
    "rest": frozenset(),  # addresses of processes, checkpoints: hashes and signatures
}
"""What each sink must show of a case, and all that it may."""

IN_PASSING = frozenset({"session description", "answer to a session description"})
"""Handed from one side of a call to the other; where they came to different processes, through PostgreSQL's queue of
notifications: so these may stand wherever that does, or nowhere."""

NOWHERE = {
    "User-Agent": "read by nobody",
    "Accept-Language": "compared",
    "Referer": "read by nobody",
    "X-Request-ID": "the office names requests itself",
    "X-Correlation-ID": "as above",
    "traceparent": "as above",
    "address": "counted under a keyed hash",
    "name of a file": "read by nobody",
    "code": "computed whenever it is needed",
    "code as it is mailed": "as above",
    "number as it is mailed": "kept without its spaces",
    "taxpayer's code": "computed whenever it is needed",
    "taxpayer's code as it is mailed": "as above",
    "taxpayer's number as it is mailed": "kept without its spaces",
    "password": "hashed",
    "wrong code of an address": "compared",
    "wrong code of a mobile": "compared",
    "wrong one-time code": "compared",
    "case number of a cashier": "looked up under a keyed hash",
    "another address": "compared",
    "version of a consent": "compared",
    "question too long": "refused",
    "hidden signs": "refused",
}
"""Kinds that are kept nowhere, sealed or not, and why. So is whatever is filed as refused."""


def by_case(names):
    """{case: kinds} of names of the form "case 001: kind"; other names belong to nobody's case."""
    cases = defaultdict(set)
    for name in names:
        case, between, kind = name.partition(": ")
        if between:
            cases[case].add(kind)
    return cases


def differing(names, told, sink, cases):
    """What differs between what ``sink`` shows and what it must show of these cases if nothing is sealed, or all their
    keys are there; of any other case it must show nothing at all."""
    shown, wanted = by_case(names), _expected(told, sink)
    return {
        case: kinds for case in shown.keys() | wanted.keys()
        if (kinds := (shown[case] ^ wanted.get(case, set())) - IN_PASSING if case in cases else shown[case])
    }  # fmt: skip


def _expected(told, sink):
    every = by_case({*told.words.values(), *(name.partition(" #")[0] for name in told.secrets)})
    foreseen = FORM | WORDS | REGISTRATION | PAPERS | IN_PASSING | NOWHERE.keys()
    unforeseen = {
        kind for kinds in every.values() for kind in kinds
        if kind not in foreseen and not kind.startswith("refused: ")
    }  # fmt: skip
    assert not unforeseen, "of these nobody says where they must be found"
    return {case: kinds & SINKS[sink] for case, kinds in every.items() if kinds & SINKS[sink]}
