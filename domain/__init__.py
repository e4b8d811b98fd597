"""What the office does: aggregates, the events they emit, the rules they keep and the refusals they give. No I/O."""
