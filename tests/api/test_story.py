"""The whole story through GraphQL, by people who know nothing but the schema."""

from window import keyed, registered


def test_register_and_look_up(at):
    client, answer = registered(at)
    status = client.ask("Status", **keyed(answer), atLeast=answer["token"])
    assert status["state"] == "AWAITING_PAYMENT_AND_VIDEO"
