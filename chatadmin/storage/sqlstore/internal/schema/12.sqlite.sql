-- optional
CREATE VIRTUAL TABLE {{p}}devices_search USING fts5(search, content='', columnsize=0, tokenize='trigram case_sensitive 1');
CREATE TABLE {{p}}device_numbers (n integer PRIMARY KEY, device text NOT NULL UNIQUE);
INSERT INTO {{p}}device_numbers (device) SELECT id FROM {{p}}devices ORDER BY id;
INSERT INTO {{p}}devices_search (rowid, search) SELECT m.n, d.search FROM {{p}}device_numbers m JOIN {{p}}devices d ON d.id = m.device ORDER BY m.n;
CREATE TRIGGER {{p}}devices_search_insert AFTER INSERT ON {{p}}devices BEGIN INSERT INTO {{p}}device_numbers (device) VALUES (new.id); INSERT INTO {{p}}devices_search (rowid, search) SELECT n, new.search FROM {{p}}device_numbers WHERE device = new.id; END;
CREATE TRIGGER {{p}}devices_search_delete AFTER DELETE ON {{p}}devices BEGIN INSERT INTO {{p}}devices_search ({{p}}devices_search, rowid, search) SELECT 'delete', n, old.search FROM {{p}}device_numbers WHERE device = old.id; DELETE FROM {{p}}device_numbers WHERE device = old.id; END;
CREATE TRIGGER {{p}}devices_search_update AFTER UPDATE OF search ON {{p}}devices WHEN old.search <> new.search BEGIN INSERT INTO {{p}}devices_search ({{p}}devices_search, rowid, search) SELECT 'delete', n, old.search FROM {{p}}device_numbers WHERE device = old.id; INSERT INTO {{p}}devices_search (rowid, search) SELECT n, new.search FROM {{p}}device_numbers WHERE device = new.id; END;
