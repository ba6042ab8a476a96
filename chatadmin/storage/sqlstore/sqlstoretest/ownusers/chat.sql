-- What chat adds to the table: the rest of a user. A person with revision 0 is none yet.
ALTER TABLE people ADD COLUMN chat_rev       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN chat_login_key TEXT    NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN chat_name_key  TEXT    NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN chat_phone     TEXT    NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN chat_role      TEXT    NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN chat_kind      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN chat_status    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN chat_admin     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN chat_denied    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN chat_deleting  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN chat_attrs     BLOB    NOT NULL DEFAULT x'';
ALTER TABLE people ADD COLUMN chat_search    TEXT    NOT NULL DEFAULT '';
CREATE UNIQUE INDEX people_login ON people (company, chat_login_key) WHERE chat_rev > 0;
CREATE INDEX people_id   ON people (company, person_id) WHERE chat_rev > 0;
CREATE INDEX people_name ON people (company, chat_name_key, person_id) WHERE chat_rev > 0;

-- sqlstore reads users from here: lists, searches, and the parents of memberships, devices and messages.
DROP TABLE chatadmin_users;
CREATE VIEW chatadmin_users AS SELECT
	person_id AS id, company AS domain, chat_rev AS rev, chat_login_key AS login_key, chat_name_key AS name_key, username AS login, mail AS email,
	full_name AS display_name, given_name AS first_name, surname AS last_name, job AS title, division AS department, phone, chat_phone AS phone_e164,
	chat_role AS role, boss AS manager, chat_kind AS kind, chat_status AS status, chat_admin AS admin, chat_denied AS denied,
	chat_deleting AS deleting, chat_attrs AS attrs, hired AS created, chat_search AS search
FROM people WHERE chat_rev > 0;

-- Code of the host that changes a person knows nothing of revisions: they get a new one, so that a change the library has prepared meanwhile is refused. An admin less
-- makes stale what was planned with them.
CREATE TRIGGER people_revision AFTER UPDATE ON people WHEN OLD.chat_rev > 0 AND NEW.chat_rev = OLD.chat_rev BEGIN
	UPDATE people SET chat_rev = max(OLD.chat_rev, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000 * 1024) + 1 WHERE person_id = NEW.person_id;
	UPDATE chatadmin_domains SET fence = fence + 1 WHERE id = NEW.company AND OLD.chat_admin > NEW.chat_admin;
END;
