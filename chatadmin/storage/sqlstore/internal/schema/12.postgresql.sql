-- optional
SELECT pg_advisory_xact_lock(7205759403792794);
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX {{p}}devices_search ON {{p}}devices USING gin (search gin_trgm_ops);
