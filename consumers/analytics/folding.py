"""How the facts of a case become what the marts count: one row a case, a passage, a call, a movement of money.

Every statement folds the cases that stand in ``touched``, whole, from the facts that are known of them; nothing else is
read. Facts are put in order by their sequence, and only as far as it has no gap: what stands beyond one waits for what
is missing. Durations are sums of ``elapsed``, never differences of hours.
"""

from __future__ import annotations

from typing import Final

FACT: Final = """
CREATE TABLE IF NOT EXISTS fact (
  id VARCHAR NOT NULL,
  case_id VARCHAR NOT NULL,
  service VARCHAR NOT NULL,
  type VARCHAR NOT NULL,
  type_version INTEGER NOT NULL,
  hour TIMESTAMP NOT NULL,
  sequence BIGINT NOT NULL,
  elapsed BIGINT,
  data VARCHAR NOT NULL,
  copies BIGINT NOT NULL
)
"""
"""The facts as the table has them, with how often: a topic that was replayed brings every row twice."""

TABLES: Final = (
    """
CREATE TABLE IF NOT EXISTS a_case (
  case_id VARCHAR NOT NULL, service VARCHAR NOT NULL, day DATE NOT NULL, ground VARCHAR, tier VARCHAR, kind VARCHAR,
  language VARCHAR, state VARCHAR NOT NULL, outcome VARCHAR, days_left BIGINT, route VARCHAR
)
""",
    """
CREATE TABLE IF NOT EXISTS passage (
  case_id VARCHAR NOT NULL, service VARCHAR NOT NULL, from_state VARCHAR NOT NULL, to_state VARCHAR NOT NULL,
  seconds BIGINT NOT NULL
)
""",
    """
CREATE TABLE IF NOT EXISTS a_call (
  case_id VARCHAR NOT NULL, service VARCHAR NOT NULL, number BIGINT NOT NULL, waited BIGINT, lasted BIGINT,
  broken_off BIGINT NOT NULL, ending VARCHAR, ground VARCHAR
)
""",
    """
CREATE TABLE IF NOT EXISTS refusal (
  case_id VARCHAR NOT NULL, service VARCHAR NOT NULL, ground VARCHAR NOT NULL, ends BOOLEAN NOT NULL
)
""",
    """
CREATE TABLE IF NOT EXISTS money (
  case_id VARCHAR NOT NULL, service VARCHAR NOT NULL, tier VARCHAR, movement VARCHAR NOT NULL, method VARCHAR,
  reason VARCHAR, amount DECIMAL(18, 2), currency VARCHAR
)
""",
)
FOLDED: Final = ("a_case", "passage", "a_call", "refusal", "money")
"""The tables that hold rows of cases, besides the facts."""

STEPS: Final = """
CREATE OR REPLACE TEMP TABLE step AS
WITH one_an_id AS (
  SELECT fact.* FROM fact SEMI JOIN touched USING (case_id)
  WHERE sequence >= 1
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY type_version DESC, hour DESC, sequence, type, data) = 1
), one_a_place AS (
  SELECT * FROM one_an_id
  QUALIFY row_number() OVER (PARTITION BY case_id, sequence ORDER BY type_version DESC, hour DESC, id) = 1
), known AS (
  SELECT * FROM one_a_place
  QUALIFY sequence = row_number() OVER (PARTITION BY case_id ORDER BY sequence)
)
SELECT case_id, service, sequence, hour, data::JSON AS data,
  regexp_extract(type, '[^.]+\\.[^.]+$') AS what,
  sum(coalesce(elapsed, 0)) OVER (PARTITION BY case_id ORDER BY sequence) AS age
FROM known
"""
"""The facts of the touched cases that count, in their order, with how many seconds after its first each came."""

STATES: Final = """
CREATE OR REPLACE TEMP TABLE standing AS
WITH flagged AS (
  SELECT case_id, service, sequence, age, what,
    bool_or(what = 'application.paid') OVER course AS paid,
    bool_or(what = 'application.video_verified') OVER course AS verified,
    bool_or(what = 'application.review_started') OVER course AS reviewed,
    last_value(CASE what WHEN 'application.information_requested' THEN true
      WHEN 'application.information_provided' THEN false END IGNORE NULLS) OVER course AS requested,
    bool_or(what = 'application.conclusion_prepared') OVER course AS concluded,
    bool_or(what = 'application.decided') OVER course AS decided,
    bool_or(what = 'application.decision_delivered') OVER course AS delivered,
    last_value(CASE what WHEN 'application.reception_refused' THEN 'RECEPTION_REFUSED'
      WHEN 'application.lapsed' THEN 'LAPSED' WHEN 'application.withdrawn' THEN 'WITHDRAWN' END IGNORE NULLS)
      OVER course AS ended,
    last_value(CASE what WHEN 'registration.activated' THEN 'ACTIVE' WHEN 'registration.superseded' THEN 'SUPERSEDED'
      WHEN 'registration.expired' THEN 'EXPIRED' WHEN 'registration.activation_refused' THEN
        CASE WHEN (data->>'$.ends')::BOOLEAN THEN 'ACTIVATION_REFUSED' END END IGNORE NULLS) OVER course AS registration
  FROM step
  WINDOW course AS (PARTITION BY case_id ORDER BY sequence)
)
SELECT case_id, service, sequence, age, what, CASE
  WHEN service = 'taxpayer' THEN coalesce(registration, 'AWAITING_ACTIVATION')
  WHEN ended IS NOT NULL THEN ended
  WHEN decided THEN CASE WHEN delivered THEN 'DELIVERED' ELSE 'DECIDED' END
  WHEN concluded THEN 'CONCLUSION_PREPARED'
  WHEN requested THEN 'INFORMATION_REQUESTED'
  WHEN reviewed THEN 'UNDER_REVIEW'
  WHEN paid AND verified THEN 'IN_TERM'
  WHEN paid THEN 'AWAITING_VIDEO'
  WHEN verified THEN 'AWAITING_PAYMENT'
  ELSE 'AWAITING_PAYMENT_AND_VIDEO'
END AS state
FROM flagged
"""
"""The state after every fact. As `domain.compatriot.state.state_of` has it, which a test compares it with."""

CASES: Final = """
INSERT INTO a_case
SELECT case_id, any_value(step.service), min(hour + INTERVAL 4 HOURS)::DATE,
  any_value(CASE
    WHEN (data->>'$.grounds.citizen_abroad')::BOOLEAN THEN 'CITIZEN_ABROAD'
    WHEN (data->>'$.grounds.origin')::BOOLEAN AND (data->>'$.grounds.mother_tongue')::BOOLEAN THEN 'ORIGIN_AND_TONGUE'
    WHEN (data->>'$.grounds.origin')::BOOLEAN THEN 'ORIGIN'
    WHEN (data->>'$.grounds.mother_tongue')::BOOLEAN THEN 'MOTHER_TONGUE' END) FILTER (sequence = 1),
  any_value(data->>'$.tier') FILTER (sequence = 1),
  any_value(data->>'$.kind') FILTER (sequence = 1),
  any_value(data->>'$.language') FILTER (sequence = 1),
  arg_max(state, sequence),
  arg_max(data->>'$.outcome', sequence) FILTER (what = 'application.decided'),
  arg_max((data->>'$.days_left')::BIGINT, sequence) FILTER (what = 'application.decided'),
  arg_max(data->>'$.route', sequence) FILTER (what = 'registration.activated')
FROM step JOIN standing USING (case_id, sequence, what)
GROUP BY case_id
HAVING bool_or(sequence = 1 AND what IN ('application.registered', 'registration.registered'))
"""
"""A case without its registration is none. Its day is Tbilisi's, which is four hours ahead of UTC all year."""

PASSAGES: Final = """
INSERT INTO passage
WITH entered AS (
  SELECT case_id, service, sequence, age, state, lag(state) OVER course AS came_from
  FROM standing SEMI JOIN a_case USING (case_id)
  WINDOW course AS (PARTITION BY case_id ORDER BY sequence)
  QUALIFY came_from IS DISTINCT FROM state
), timed AS (
  SELECT *, age - lag(age) OVER (PARTITION BY case_id ORDER BY sequence) AS seconds FROM entered
)
SELECT case_id, service, came_from, state, seconds FROM timed WHERE came_from IS NOT NULL
UNION ALL
SELECT case_id, service, 'REGISTERED', 'DECIDED', min(age) FROM standing SEMI JOIN a_case USING (case_id)
WHERE what = 'application.decided' GROUP BY ALL
"""

CALLS: Final = """
INSERT INTO a_call
WITH told AS (
  SELECT case_id, service, sequence, age, data, what,
    count(*) FILTER (what = 'call.requested') OVER course AS number
  FROM step SEMI JOIN a_case USING (case_id)
  WHERE starts_with(what, 'call.')
  WINDOW course AS (PARTITION BY case_id ORDER BY sequence)
), turned AS (
  SELECT *, age - lag(age) OVER (PARTITION BY case_id, number ORDER BY sequence) AS since, lag(what) OVER (
    PARTITION BY case_id, number ORDER BY sequence) AS before
  FROM told
  WHERE number > 0
    AND what IN ('call.requested', 'call.claimed', 'call.broken_off', 'call.ended', 'call.abandoned')
)
SELECT case_id, any_value(service), number,
  arg_min(since, sequence) FILTER (what = 'call.claimed'),
  sum(since) FILTER (what <> 'call.claimed' AND before = 'call.claimed'),
  count(*) FILTER (what = 'call.broken_off'),
  arg_max(CASE what WHEN 'call.ended' THEN data->>'$.outcome' ELSE 'ABANDONED' END, sequence)
    FILTER (what IN ('call.ended', 'call.abandoned')),
  arg_max(data->>'$.ground', sequence) FILTER (what = 'call.ended')
FROM turned
GROUP BY case_id, number
"""
"""A call waits until it is first claimed, and lasts while somebody holds it: sittings that were broken off add up."""

REFUSALS: Final = """
INSERT INTO refusal
SELECT case_id, service, data->>'$.ground', coalesce((data->>'$.ends')::BOOLEAN, true)
FROM step SEMI JOIN a_case USING (case_id)
WHERE what IN ('application.reception_refused', 'registration.activation_refused') AND data->>'$.ground' IS NOT NULL
"""

MONEY: Final = """
INSERT INTO money
WITH moved AS (
  SELECT case_id, service, sequence, data, CASE what WHEN 'application.paid' THEN 'PAID'
    WHEN 'application.refund_due' THEN 'DUE_BACK' WHEN 'application.refunded' THEN 'REFUNDED' END AS movement
  FROM step
)
SELECT case_id, moved.service, tier, movement, data->>'$.method', data->>'$.reason',
  (data->>'$.received.amount')::DECIMAL(18, 2), data->>'$.received.currency'
FROM moved JOIN a_case USING (case_id)
WHERE movement IS NOT NULL
"""
"""What was paid is the fee, whole. What is due back has no amount here: only its payer and the office know it."""

FOLDS: Final = (STEPS, STATES, CASES, PASSAGES, CALLS, REFUSALS, MONEY)
"""In the order in which they are run."""
