-- fill the search texts of groups
DROP TABLE {{p}}group_fill;
CREATE INDEX {{p}}groups_archived ON {{p}}groups (domain, name_key, id) WHERE archived;
