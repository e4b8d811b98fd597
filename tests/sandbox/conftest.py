"""The neighbours are real: a sandbox process on loopback."""

from neighbours import own_sandbox, service, shared_sandbox

__all__ = ["own_sandbox", "service", "shared_sandbox"]
