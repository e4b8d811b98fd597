"""The root fields, a file for each who asks: applicants, holders, and the staff by role."""
