CREATE TABLE IF NOT EXISTS {{p}}event_targets (
	domain text COLLATE "C" NOT NULL,
	target text COLLATE "C" NOT NULL,
	at bigint NOT NULL,
	event text COLLATE "C" NOT NULL,
	PRIMARY KEY (domain, target, at, event)
);
CREATE TABLE IF NOT EXISTS {{p}}event_fill (upto text COLLATE "C" NOT NULL);
INSERT INTO {{p}}event_fill (upto) SELECT '' WHERE NOT EXISTS (SELECT 1 FROM {{p}}event_fill);
INSERT INTO {{p}}event_targets (domain, target, at, event)
SELECT e.domain, t.value, e.at, e.id FROM (SELECT id, domain, at, targets, length(targets) - length(replace(targets, chr(10), '')) - 1 AS n
	FROM {{p}}events WHERE id > (SELECT upto FROM {{p}}event_fill) ORDER BY id LIMIT 200) e,
	LATERAL unnest(string_to_array(trim(both chr(10) from e.targets), chr(10))) AS t(value)
WHERE e.n BETWEEN 1 AND 16
ON CONFLICT DO NOTHING;
INSERT INTO {{p}}event_targets (domain, target, at, event)
SELECT e.domain, '', e.at, e.id FROM (SELECT id, domain, at, targets, length(targets) - length(replace(targets, chr(10), '')) - 1 AS n
	FROM {{p}}events WHERE id > (SELECT upto FROM {{p}}event_fill) ORDER BY id LIMIT 200) e
WHERE e.n > 16
ON CONFLICT DO NOTHING;
UPDATE {{p}}event_fill SET upto = coalesce((SELECT max(id) FROM
	(SELECT id FROM {{p}}events WHERE id > {{p}}event_fill.upto ORDER BY id LIMIT 200) n), upto);
-- repeat while SELECT EXISTS (SELECT 1 FROM {{p}}events WHERE id > (SELECT upto FROM {{p}}event_fill));
DROP TABLE {{p}}event_fill;
