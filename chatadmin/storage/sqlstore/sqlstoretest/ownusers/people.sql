-- The table that the host had before: its own names, a column that the library knows nothing of, and people in it.
CREATE TABLE people (
	person_id  TEXT PRIMARY KEY,
	company    TEXT NOT NULL,
	username   TEXT NOT NULL,
	mail       TEXT NOT NULL DEFAULT '',
	full_name  TEXT NOT NULL DEFAULT '',
	given_name TEXT NOT NULL DEFAULT '',
	surname    TEXT NOT NULL DEFAULT '',
	job        TEXT NOT NULL DEFAULT '',
	division   TEXT NOT NULL DEFAULT '',
	phone      TEXT NOT NULL DEFAULT '',
	boss       TEXT NOT NULL DEFAULT '',
	hired      INTEGER NOT NULL DEFAULT 0,
	payroll    TEXT NOT NULL DEFAULT ''
);
INSERT INTO people (person_id, company, username, mail, full_name, job, payroll) VALUES
	('p-1', 'acme', 'ann@acme.example', 'ann@acme.example', 'Ann Smith', 'Engineer', 'NL-0042'),
	('p-2', 'acme', 'bob@acme.example', 'bob@acme.example', 'Bob Jones', 'Clerk', 'NL-0043');
