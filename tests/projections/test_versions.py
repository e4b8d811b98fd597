"""A read model's table and its version change together: the old table would silently stay where it was made before."""

import hashlib
import json
from pathlib import Path

from projections.all import MODELS

PINNED = Path(__file__).with_name("versions.json")
"""The digest of each model's tables by version. A changed table needs a higher VERSION and one more line."""


def digest(model) -> str:
    told = "\n".join(" ".join(table.create().split()) for table in model.tables)
    return hashlib.sha256(told.encode()).hexdigest()


def test_a_changed_table_has_a_new_version():
    pinned = json.loads(PINNED.read_text(encoding="utf-8"))
    for model in MODELS:
        said = f"{model.name} v{model.version}: raise its VERSION, then pin {digest(model)} under the new one"
        assert pinned[model.name].get(str(model.version)) == digest(model), said
        assert max(map(int, pinned[model.name])) == model.version
