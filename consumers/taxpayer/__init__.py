"""What follows taxpayer registrations and acts: their letters, their terms, activation links, passwords left over."""
