"""What follows compatriot cases and acts: their letters and their terms."""
