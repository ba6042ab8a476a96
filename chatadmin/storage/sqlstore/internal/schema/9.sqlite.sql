-- optional
CREATE VIRTUAL TABLE {{p}}groups_search USING fts5(search, content='', columnsize=0, tokenize='trigram case_sensitive 1');
CREATE TABLE {{p}}group_numbers (n integer PRIMARY KEY, grp text NOT NULL UNIQUE);
INSERT INTO {{p}}group_numbers (grp) SELECT id FROM {{p}}groups ORDER BY id;
INSERT INTO {{p}}groups_search (rowid, search) SELECT m.n, g.search FROM {{p}}group_numbers m JOIN {{p}}groups g ON g.id = m.grp ORDER BY m.n;
CREATE TRIGGER {{p}}groups_search_insert AFTER INSERT ON {{p}}groups BEGIN INSERT INTO {{p}}group_numbers (grp) VALUES (new.id); INSERT INTO {{p}}groups_search (rowid, search) SELECT n, new.search FROM {{p}}group_numbers WHERE grp = new.id; END;
CREATE TRIGGER {{p}}groups_search_delete AFTER DELETE ON {{p}}groups BEGIN INSERT INTO {{p}}groups_search ({{p}}groups_search, rowid, search) SELECT 'delete', n, old.search FROM {{p}}group_numbers WHERE grp = old.id; DELETE FROM {{p}}group_numbers WHERE grp = old.id; END;
CREATE TRIGGER {{p}}groups_search_update AFTER UPDATE OF search ON {{p}}groups WHEN old.search <> new.search BEGIN INSERT INTO {{p}}groups_search ({{p}}groups_search, rowid, search) SELECT 'delete', n, old.search FROM {{p}}group_numbers WHERE grp = old.id; INSERT INTO {{p}}groups_search (rowid, search) SELECT n, new.search FROM {{p}}group_numbers WHERE grp = new.id; END;
