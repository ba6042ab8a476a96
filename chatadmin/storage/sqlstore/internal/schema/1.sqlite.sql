CREATE TABLE {{p}}domains (
	id text PRIMARY KEY,
	rev integer NOT NULL,
	fence integer NOT NULL,
	name text NOT NULL,
	data blob NOT NULL
);
CREATE TABLE {{p}}users (
	id text PRIMARY KEY,
	domain text NOT NULL,
	rev integer NOT NULL,
	login_key text NOT NULL,
	name_key text NOT NULL,
	login text NOT NULL,
	email text NOT NULL,
	display_name text NOT NULL,
	first_name text NOT NULL,
	last_name text NOT NULL,
	title text NOT NULL,
	department text NOT NULL,
	phone text NOT NULL,
	phone_e164 text NOT NULL,
	role text NOT NULL,
	manager text NOT NULL,
	kind integer NOT NULL,
	status integer NOT NULL,
	admin integer NOT NULL,
	denied integer NOT NULL,
	deleting integer NOT NULL,
	attrs blob NOT NULL,
	created integer NOT NULL
);
CREATE UNIQUE INDEX {{p}}users_login ON {{p}}users (domain, login_key);
CREATE INDEX {{p}}users_id ON {{p}}users (domain, id);
CREATE INDEX {{p}}users_name ON {{p}}users (domain, name_key, id);
CREATE INDEX {{p}}users_manager ON {{p}}users (manager, login_key) WHERE manager <> '';
CREATE INDEX {{p}}users_department ON {{p}}users (domain, department, login_key) WHERE department <> '';
CREATE INDEX {{p}}users_admin ON {{p}}users (domain, admin, login_key) WHERE admin = true;
CREATE TABLE {{p}}groups (
	id text PRIMARY KEY,
	domain text NOT NULL,
	rev integer NOT NULL,
	creator text NOT NULL,
	name text NOT NULL,
	name_key text NOT NULL,
	is_default integer NOT NULL,
	shipped integer NOT NULL,
	deleting integer NOT NULL,
	data blob NOT NULL
);
CREATE INDEX {{p}}groups_name ON {{p}}groups (domain, name_key, id);
CREATE INDEX {{p}}groups_creator ON {{p}}groups (domain, creator, name_key, id) WHERE creator <> '';
CREATE INDEX {{p}}groups_default ON {{p}}groups (domain, name_key, id) WHERE is_default;
CREATE TABLE {{p}}memberships (
	grp text NOT NULL,
	usr text NOT NULL,
	domain text NOT NULL,
	rev integer NOT NULL,
	admin integer NOT NULL,
	PRIMARY KEY (grp, usr)
) WITHOUT ROWID;
CREATE INDEX {{p}}memberships_usr ON {{p}}memberships (usr, grp);
CREATE TABLE {{p}}devices (
	id text PRIMARY KEY,
	domain text NOT NULL,
	rev integer NOT NULL,
	usr text NOT NULL,
	device_key text NOT NULL,
	name text NOT NULL,
	version text NOT NULL,
	secret blob NOT NULL,
	data blob NOT NULL,
	type integer NOT NULL,
	status integer NOT NULL,
	generation integer NOT NULL,
	last_seen integer NOT NULL
);
CREATE UNIQUE INDEX {{p}}devices_key ON {{p}}devices (usr, device_key);
CREATE INDEX {{p}}devices_list ON {{p}}devices (domain, device_key, id);
CREATE INDEX {{p}}devices_status ON {{p}}devices (domain, status, device_key, id);
CREATE TABLE {{p}}records (
	kind text NOT NULL,
	domain text NOT NULL,
	id text NOT NULL,
	rev integer NOT NULL,
	owner text NOT NULL,
	due integer NOT NULL,
	data blob NOT NULL,
	PRIMARY KEY (kind, id, domain)
);
CREATE INDEX {{p}}records_domain ON {{p}}records (domain, kind, id) WHERE domain <> '';
CREATE INDEX {{p}}records_owner ON {{p}}records (owner, kind, id) WHERE owner <> '';
CREATE INDEX {{p}}records_due ON {{p}}records (kind, due, id, domain) WHERE due <> -62135596800000;
CREATE INDEX {{p}}records_due_domain ON {{p}}records (domain, kind, due, id) WHERE domain <> '' AND due <> -62135596800000;
CREATE TABLE {{p}}events (
	id text PRIMARY KEY,
	domain text NOT NULL,
	rev integer NOT NULL,
	actor text NOT NULL,
	kind text NOT NULL,
	at integer NOT NULL,
	targets text NOT NULL,
	data blob NOT NULL
);
CREATE INDEX {{p}}events_at ON {{p}}events (domain, at DESC, id DESC);
CREATE INDEX {{p}}events_actor ON {{p}}events (domain, actor, at DESC, id DESC);
CREATE INDEX {{p}}events_kind ON {{p}}events (domain, kind, at DESC, id DESC);
CREATE TABLE {{p}}content (
	id text PRIMARY KEY,
	domain text NOT NULL,
	container text NOT NULL,
	author text NOT NULL,
	peer text NOT NULL,
	kind integer NOT NULL,
	at integer NOT NULL,
	blob text NOT NULL
);
CREATE INDEX {{p}}content_container ON {{p}}content (domain, container, kind);
CREATE INDEX {{p}}content_author ON {{p}}content (domain, author, kind);
CREATE INDEX {{p}}content_peer ON {{p}}content (domain, peer) WHERE kind = 1;
CREATE INDEX {{p}}content_at ON {{p}}content (domain, at);
