"""The report: an edition as charts with a sentence and a table each, for a terminal and for a page."""
