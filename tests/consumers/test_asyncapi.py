"""The public stream's description: valid, as the code is, and never saying otherwise what it said before."""

import copy
import gzip
import json
import re
from pathlib import Path

import pytest
from jsonschema.validators import validator_for
from typer.testing import CliRunner

from consumers.relay import asyncapi
from consumers.relay.asyncapi import Breaking, document
from sarkmeli.cli import app

ROOT = Path(__file__).parents[2]
STANDARD = Path(__file__).parent / "asyncapi-3.0.0.json.gz"
"""AsyncAPI's own JSON Schema of its documents, with its bindings to Kafka, from npm's @asyncapi/specs 6.11.1
(Apache-2.0, The Linux Foundation)."""

REGISTERED = "sarkmeli.compatriot.application.registered.v1"


@pytest.fixture
def committed():
    return json.loads((ROOT / "asyncapi.json").read_text())


def test_it_is_what_the_code_says_and_what_asyncapi_asks(committed):
    assert asyncapi.current(ROOT / "asyncapi.json") == (ROOT / "asyncapi.json").read_text()
    assert document(None) == document(committed) == committed
    standard = json.loads(gzip.decompress(STANDARD.read_bytes()))
    check = validator_for(standard)(standard)
    check.validate(committed)
    committed["operations"]["publish_compatriot"]["action"] = "shout"
    assert not check.is_valid(committed)


def test_the_page_for_analysts_lists_every_type_with_its_facts(committed):
    page = (ROOT / "docs" / "stream.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z_.]+v\d+)` \| ([a-z_, ]*) \|", page, flags=re.MULTILINE))
    messages = committed["components"]["messages"]
    facts_of = {name: ", ".join(sorted(told["payload"].get("properties", ()))) for name, told in messages.items()}
    assert {f"sarkmeli.{name}": facts.strip() for name, facts in listed.items()} == {
        name: facts for name, facts in facts_of.items() if name != "sarkmeli.case.forgotten.v1"
    }
    headers = re.findall(r"^\| ([a-z_-]+) \|", page.split("## Types")[0], flags=re.MULTILINE)[1:]
    assert headers == list(committed["components"]["schemas"]["FactHeaders"]["properties"])


def facts(told, name=REGISTERED):
    return told["components"]["messages"][name]["payload"]["properties"]


def said_more(told):
    facts(told)["sex"] = {"type": "string"}


def fewer_words(told):
    facts(told)["tier"]["enum"].remove("EXPEDITED")


def more_words(told):
    facts(told)["tier"]["enum"].append("OVERNIGHT")


def another_type(told):
    facts(told)["term_days"] = {"type": "string"}


def always_there(told):
    facts(told, "sarkmeli.videobar.call.ended.v1")["ground"] = {"type": "string"}


def less_within(told):
    del facts(told)["grounds"]["properties"]["origin"]


@pytest.mark.parametrize("before", [said_more, fewer_words, more_words, another_type, always_there, less_within])
def test_a_version_never_says_otherwise(committed, before):
    before(committed)
    with pytest.raises(Breaking, match=r"^sarkmeli\.\S+\.v1 (no longer says sex|says \w+ in another way)$"):
        document(committed)


def another_name(told):
    told["channels"]["compatriot"]["address"] = "{prefix}.applications.v1"


def another_service(told):
    told["channels"]["permits"] = told["channels"]["compatriot"]


def headers(told):
    return told["components"]["schemas"]["FactHeaders"]


def another_header(told):
    headers(told)["properties"]["ce_tenant"] = {"type": "string"}


def another_header_always(told):
    headers(told)["required"].remove("ce_time")


def another_hour(told):
    headers(told)["properties"]["ce_time"]["pattern"] = "^.*$"


def another_source(told):
    headers(told)["properties"]["ce_source"]["enum"].append("/sarkmeli/permits")


def another_key(told):
    told["components"]["messages"][REGISTERED]["bindings"]["kafka"]["key"]["format"] = "text"


def another_content(told):
    told["components"]["messages"][REGISTERED]["contentType"] = "application/cbor"


def another_list(told):
    messages = told["components"]["messages"]
    messages["sarkmeli.compatriot.application.foreseen.v1"] = messages[REGISTERED]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (another_name, "compatriot has its topic under another name"),
        (another_service, "permits has no topic any more"),
        (another_header, "FactHeaders no longer bear ce_tenant"),
        (another_header_always, "FactHeaders bear other headers always"),
        (another_hour, "FactHeaders bear ce_time in another way"),
        (another_source, "FactHeaders bear ce_source in another way"),
        (another_key, f"{REGISTERED} has other bindings"),
        (another_content, f"{REGISTERED} has other contentType"),
        (another_list, "sarkmeli.compatriot.application.foreseen.v1 lost its list"),
    ],
)
def test_what_every_record_bears_its_topic_and_its_list_never_change(committed, before, said):
    before(committed)
    with pytest.raises(Breaking, match=said):
        document(committed)


def test_another_service_breaks_nothing(committed):
    for schema in committed["components"]["schemas"].values():
        schema["properties"]["ce_source"]["enum"].remove("/sarkmeli/taxpayer")
    document(committed)


def test_a_fact_may_be_added_and_a_type_may_end(committed):
    now = copy.deepcopy(committed)
    del facts(committed)["term_days"]
    committed["components"]["messages"][REGISTERED]["payload"]["required"].remove("term_days")
    grown = document(committed)
    assert "term_days" in facts(grown)
    assert "term_days" not in grown["components"]["messages"][REGISTERED]["payload"]["required"]
    assert document(grown) == grown

    old = "sarkmeli.compatriot.application.registered.v0"
    now["components"]["messages"][old] = {**now["components"]["messages"][REGISTERED], "name": old}
    kept = document(now)
    assert kept["components"]["messages"][old]["deprecated"] is True
    assert old in kept["channels"]["compatriot"]["messages"]
    assert old not in kept["channels"]["taxpayer"]["messages"]
    assert document(kept) == kept


def test_a_drift_fails_the_check(tmp_path, committed):
    def check(*more):
        return CliRunner().invoke(app, ["schema", "--stream", str(file), "--path", str(graphql), *more])

    graphql = tmp_path / "schema.graphql"
    graphql.write_bytes((ROOT / "schema.graphql").read_bytes())
    file = tmp_path / "asyncapi.json"
    committed["info"]["title"] = "Something else"
    file.write_text(json.dumps(committed))
    drifted = check("--check")
    assert drifted.exit_code == 1
    assert "asyncapi.json is not what the code says: run `make schema`" in drifted.output
    said_more(committed)
    file.write_text(json.dumps(committed))
    graphql.unlink()
    broken = check()
    assert broken.exit_code == 1
    assert f"promises its readers otherwise: {REGISTERED} no longer says sex" in broken.output
    assert not graphql.exists()
