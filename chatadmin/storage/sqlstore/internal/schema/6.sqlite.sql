-- optional
CREATE VIRTUAL TABLE {{p}}users_search USING fts5(search, content='', columnsize=0, tokenize='trigram case_sensitive 1');
CREATE TABLE {{p}}user_numbers (n integer PRIMARY KEY, usr text NOT NULL UNIQUE);
INSERT INTO {{p}}user_numbers (usr) SELECT id FROM {{p}}users ORDER BY id;
INSERT INTO {{p}}users_search (rowid, search) SELECT m.n, u.search FROM {{p}}user_numbers m JOIN {{p}}users u ON u.id = m.usr ORDER BY m.n;
CREATE TRIGGER {{p}}users_search_insert AFTER INSERT ON {{p}}users BEGIN INSERT INTO {{p}}user_numbers (usr) VALUES (new.id); INSERT INTO {{p}}users_search (rowid, search) SELECT n, new.search FROM {{p}}user_numbers WHERE usr = new.id; END;
CREATE TRIGGER {{p}}users_search_delete AFTER DELETE ON {{p}}users BEGIN INSERT INTO {{p}}users_search ({{p}}users_search, rowid, search) SELECT 'delete', n, old.search FROM {{p}}user_numbers WHERE usr = old.id; DELETE FROM {{p}}user_numbers WHERE usr = old.id; END;
CREATE TRIGGER {{p}}users_search_update AFTER UPDATE OF search ON {{p}}users WHEN old.search <> new.search BEGIN INSERT INTO {{p}}users_search ({{p}}users_search, rowid, search) SELECT 'delete', n, old.search FROM {{p}}user_numbers WHERE usr = old.id; INSERT INTO {{p}}users_search (rowid, search) SELECT n, new.search FROM {{p}}user_numbers WHERE usr = new.id; END;
