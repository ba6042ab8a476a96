-- The tables that the host had before, with people in them.
CREATE TABLE companies (
	company INTEGER PRIMARY KEY,
	name    TEXT NOT NULL
);
CREATE TABLE people (
	person_id INTEGER PRIMARY KEY,
	company   INTEGER NOT NULL,
	username  TEXT,
	mail      TEXT NOT NULL DEFAULT '',
	full_name TEXT NOT NULL DEFAULT '',
	forename  TEXT NOT NULL DEFAULT '',
	surname   TEXT NOT NULL DEFAULT '',
	job       TEXT NOT NULL DEFAULT '',
	division  TEXT NOT NULL DEFAULT '',
	phone     TEXT NOT NULL DEFAULT '',
	active    BOOLEAN NOT NULL DEFAULT TRUE,
	boss      INTEGER, -- the number of another person
	payroll   TEXT NOT NULL DEFAULT '' -- the library knows nothing of it
);
CREATE UNIQUE INDEX people_username ON people (company, username);
INSERT INTO companies (company, name) VALUES (1, 'Acme');
INSERT INTO people (company, username, mail, full_name, job, phone, payroll) VALUES
	(1, 'ann@acme.example', 'ann@acme.example', 'Ann Smith', 'Engineer', '+31 20 555 0100', 'NL-0042'),
	(1, 'bob@acme.example', 'bob@acme.example', 'Bob Jones', 'Clerk', '', 'NL-0043');
