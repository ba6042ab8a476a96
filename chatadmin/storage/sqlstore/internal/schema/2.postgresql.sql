CREATE INDEX {{p}}content_blob ON {{p}}content (blob) WHERE blob <> '';
