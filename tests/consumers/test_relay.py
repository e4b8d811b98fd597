"""The relay against a real Kafka: once, in order per key, and standing still where it must not go on."""

from uuid import UUID, uuid4

import pytest
from relay_house import HIDDEN, by_key, house_at

STREAMS = [UUID(int=number) for number in range(1, 8)]


@pytest.fixture
def house(new_database, kafka):
    return house_at(new_database(), {"bootstrap_servers": kafka.split(",")})


def test_what_may_leave_is_there_once_and_in_order_and_goes_on_after_a_restart(house):
    house.append(300, STREAMS)
    house.append(50, [uuid4()], topic=HIDDEN)
    with house.relaying():
        house.until_relayed()
        house.append(40, STREAMS)
        house.until_relayed()
    house.append(60, STREAMS)
    with house.relaying():
        house.until_relayed()
    records = house.consumed()
    assert by_key(records) == house.facts_in_the_ledger()
    assert {record.timestamp for record in records} == {1_700_002_800_000}
    assert records[0].headers[0][0] == "ce_id"
