"""The marts: views of the folded cases, for whoever may open the file. What leaves the house is made in `edition`."""

from __future__ import annotations

from typing import Final

MARTS: Final = {
    "mart_cases": """
SELECT service, day, ground, tier, kind, state, count(*) AS cases FROM a_case GROUP BY ALL
""",
    "mart_passages": """
SELECT service, from_state, to_state, count(*) AS passages, quantile_disc(seconds, 0.5) AS p50,
  quantile_disc(seconds, 0.9) AS p90, quantile_disc(seconds, 0.99) AS p99
FROM passage GROUP BY ALL
""",
    "mart_term": """
SELECT service, tier, outcome, days_left >= 0 AS within, count(*) AS cases FROM a_case
WHERE outcome IS NOT NULL GROUP BY ALL
""",
    "mart_calls": """
SELECT service, ending, count(*) AS calls, count(waited) AS claimed, sum(broken_off)::BIGINT AS broken_off,
  quantile_disc(waited, 0.5) AS waited_p50, quantile_disc(waited, 0.9) AS waited_p90,
  quantile_disc(lasted, 0.5) AS lasted_p50, quantile_disc(lasted, 0.9) AS lasted_p90
FROM a_call GROUP BY ALL
""",
    "mart_refusals": """
SELECT service, ground, ends, count(*) AS refusals FROM refusal GROUP BY ALL
""",
    "mart_payments": """
SELECT service, tier, movement, method, reason, currency, count(*) AS payments, sum(amount) AS amount
FROM money GROUP BY ALL
""",
    "mart_activations": """
SELECT service, kind, route, count(*) AS registrations FROM a_case WHERE route IS NOT NULL GROUP BY ALL
""",
}
"""Definitions by name; docs/analytics.md tells each in words. Percentiles are of the nearest rank."""

VIEWS: Final = tuple(f"CREATE OR REPLACE VIEW {name} AS {query}" for name, query in MARTS.items())
