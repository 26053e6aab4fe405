"""The longer questions that sheets ask of the journal, in SQL."""

from microtome.project.verdicts import IN_FORCE

CLOSED = "coalesce((SELECT closed FROM closings WHERE sheet_id = sheets.id ORDER BY id DESC LIMIT 1), 0)"
ALIVE = (
    "(sheets.created_at > :since OR EXISTS (SELECT 1 FROM sheet_activities AS sign"
    " WHERE sign.sheet_id = sheets.id AND sign.created_at > :since))"
)

_SAYS = """
verdicts.verdict != 'withdrawn' AND NOT EXISTS (
    SELECT 1 FROM verdicts AS newer WHERE newer.object_key = verdicts.object_key
    AND newer.annotator = verdicts.annotator AND newer.id > verdicts.id
)
"""
"""Whether it is the last that its annotator said of an object, in whichever set of proposals."""

_ASKED = f"""
WITH votes AS (
    SELECT object_key, sum(verdict = 'correct') AS yes, sum(verdict = 'incorrect') AS no,
    max(annotator = :annotator) AS mine
    FROM verdicts WHERE {_SAYS} GROUP BY object_key
),
asked AS (
    SELECT *, max(:repeat, yes + no + (yes = no AND yes > 0)) AS people FROM (
        SELECT judge_queries.*, coalesce(yes, 0) AS yes, coalesce(no, 0) AS no, coalesce(mine, 0) AS mine
        FROM judge_queries LEFT JOIN votes ON votes.object_key = judge_queries.object_key
        WHERE proposals = :proposals AND id NOT IN (SELECT query_id FROM judge_withdrawals)
    )
),
held AS (
    SELECT judge_queries.object_key, max(sheets.annotator = :annotator) AS mine,
    count(DISTINCT sheets.annotator) AS people
    FROM sheets CROSS JOIN sheet_tiles ON sheet_tiles.sheet_id = sheets.id
    CROSS JOIN judge_queries ON judge_queries.id = sheet_tiles.query_id
    WHERE NOT {CLOSED} AND (sheets.annotator = :annotator OR {ALIVE}) AND NOT EXISTS (
        SELECT 1 FROM verdicts WHERE verdicts.object_key = judge_queries.object_key
        AND verdicts.annotator = sheets.annotator AND {_SAYS}
    )
    GROUP BY judge_queries.object_key
)
"""
"""`asked.people` is how many must say correct or incorrect before an object is finished: one more than did
where they are tied. `held` are the objects on open sheets of people who are likely to come back to them."""

WANTED = f"""
{_ASKED}
SELECT asked.id, asked.round, asked.cluster, asked.rank FROM asked
LEFT JOIN held ON held.object_key = asked.object_key
WHERE NOT asked.mine AND NOT coalesce(held.mine, 0)
AND yes + no + coalesce(held.people, 0) < asked.people
"""

STILL_WANTED = f"""
{_ASKED}
SELECT 1 FROM sheets JOIN sheet_tiles ON sheet_tiles.sheet_id = sheets.id
JOIN asked ON asked.id = sheet_tiles.query_id LEFT JOIN held ON held.object_key = asked.object_key
WHERE sheets.id = :sheet AND NOT asked.mine
AND yes + no + CASE WHEN {ALIVE} THEN 0 ELSE coalesce(held.people - held.mine, 0) END < asked.people
LIMIT 1
"""
"""What others hold counts only if they may have been handed it since this sheet's annotator was silent."""

LEFT = f"""
{_ASKED}
SELECT count(*) AS open, coalesce(sum(elsewhere), 0) AS elsewhere,
coalesce(sum(mine AND NOT elsewhere), 0) AS others
FROM (
    SELECT asked.mine, coalesce(held.people > held.mine, 0) AS elsewhere
    FROM asked LEFT JOIN held ON held.object_key = asked.object_key WHERE yes + no < asked.people
)
"""

FREE_AUDITS = f"""
SELECT audits.id FROM audits WHERE proposals = :proposals
AND id NOT IN (SELECT audit_id FROM sheets WHERE audit_id IS NOT NULL AND annotator = :annotator)
AND (
    SELECT count(DISTINCT annotator) FROM sheets WHERE audit_id = audits.id AND ({CLOSED} OR {ALIVE})
) < :repeat
ORDER BY id LIMIT 1
"""

SAID = f"""
SELECT verdicts.query_id, verdict, touched FROM sheets
JOIN sheet_tiles ON sheet_tiles.sheet_id = sheets.id
JOIN verdicts ON verdicts.query_id = sheet_tiles.query_id AND verdicts.annotator = sheets.annotator
WHERE sheets.id = ? AND {IN_FORCE}
"""

ACTIVE = """
SELECT annotator, sum(looking_seconds) AS looking, sum(editing_seconds) AS editing FROM sheet_activities
JOIN sheets ON sheets.id = sheet_activities.sheet_id WHERE proposals = ? GROUP BY annotator
"""
