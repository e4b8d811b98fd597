"""The sandbox's bank: card orders with a hosted page, cash credit notices, refunds, and signed callbacks."""
