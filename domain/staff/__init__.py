"""What the staff did that is no step of any case: whose data they read, and why."""
