"""What runs in the short-lived process that opens strangers' files; imports nothing else of ours, to start small."""
