"""What GraphQL clients send and see: inputs and types, each with its way from or to the domain."""

from api.shapes.enums import NAMED

assert NAMED
