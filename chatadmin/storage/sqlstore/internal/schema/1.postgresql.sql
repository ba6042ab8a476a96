CREATE TABLE {{p}}domains (
	id text COLLATE "C" PRIMARY KEY,
	rev bigint NOT NULL,
	fence bigint NOT NULL,
	name text COLLATE "C" NOT NULL,
	data bytea NOT NULL
);
CREATE TABLE {{p}}users (
	id text COLLATE "C" PRIMARY KEY,
	domain text COLLATE "C" NOT NULL,
	rev bigint NOT NULL,
	login_key text COLLATE "C" NOT NULL,
	name_key text COLLATE "C" NOT NULL,
	login text COLLATE "C" NOT NULL,
	email text COLLATE "C" NOT NULL,
	display_name text COLLATE "C" NOT NULL,
	first_name text COLLATE "C" NOT NULL,
	last_name text COLLATE "C" NOT NULL,
	title text COLLATE "C" NOT NULL,
	department text COLLATE "C" NOT NULL,
	phone text COLLATE "C" NOT NULL,
	phone_e164 text COLLATE "C" NOT NULL,
	role text COLLATE "C" NOT NULL,
	manager text COLLATE "C" NOT NULL,
	kind smallint NOT NULL,
	status smallint NOT NULL,
	admin boolean NOT NULL,
	denied boolean NOT NULL,
	deleting boolean NOT NULL,
	attrs bytea NOT NULL,
	created bigint NOT NULL
);
CREATE UNIQUE INDEX {{p}}users_login ON {{p}}users (domain, login_key);
CREATE INDEX {{p}}users_id ON {{p}}users (domain, id);
CREATE INDEX {{p}}users_name ON {{p}}users (domain, name_key, id);
CREATE INDEX {{p}}users_manager ON {{p}}users (manager, login_key) WHERE manager <> '';
CREATE INDEX {{p}}users_department ON {{p}}users (domain, department, login_key) WHERE department <> '';
CREATE INDEX {{p}}users_admin ON {{p}}users (domain, admin, login_key) WHERE admin = true;
CREATE TABLE {{p}}groups (
	id text COLLATE "C" PRIMARY KEY,
	domain text COLLATE "C" NOT NULL,
	rev bigint NOT NULL,
	creator text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	name_key text COLLATE "C" NOT NULL,
	is_default boolean NOT NULL,
	shipped boolean NOT NULL,
	deleting boolean NOT NULL,
	data bytea NOT NULL
);
CREATE INDEX {{p}}groups_name ON {{p}}groups (domain, name_key, id);
CREATE INDEX {{p}}groups_creator ON {{p}}groups (domain, creator, name_key, id) WHERE creator <> '';
CREATE INDEX {{p}}groups_default ON {{p}}groups (domain, name_key, id) WHERE is_default;
CREATE TABLE {{p}}memberships (
	grp text COLLATE "C" NOT NULL,
	usr text COLLATE "C" NOT NULL,
	domain text COLLATE "C" NOT NULL,
	rev bigint NOT NULL,
	admin boolean NOT NULL,
	PRIMARY KEY (grp, usr)
);
CREATE INDEX {{p}}memberships_usr ON {{p}}memberships (usr, grp);
CREATE TABLE {{p}}devices (
	id text COLLATE "C" PRIMARY KEY,
	domain text COLLATE "C" NOT NULL,
	rev bigint NOT NULL,
	usr text COLLATE "C" NOT NULL,
	device_key text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	version text COLLATE "C" NOT NULL,
	secret bytea NOT NULL,
	data bytea NOT NULL,
	type smallint NOT NULL,
	status smallint NOT NULL,
	generation bigint NOT NULL,
	last_seen bigint NOT NULL
);
CREATE UNIQUE INDEX {{p}}devices_key ON {{p}}devices (usr, device_key);
CREATE INDEX {{p}}devices_list ON {{p}}devices (domain, device_key, id);
CREATE INDEX {{p}}devices_status ON {{p}}devices (domain, status, device_key, id);
CREATE TABLE {{p}}records (
	kind text COLLATE "C" NOT NULL,
	domain text COLLATE "C" NOT NULL,
	id text COLLATE "C" NOT NULL,
	rev bigint NOT NULL,
	owner text COLLATE "C" NOT NULL,
	due bigint NOT NULL,
	data bytea NOT NULL,
	PRIMARY KEY (kind, id, domain)
);
CREATE INDEX {{p}}records_domain ON {{p}}records (domain, kind, id) WHERE domain <> '';
CREATE INDEX {{p}}records_owner ON {{p}}records (owner, kind, id) WHERE owner <> '';
CREATE INDEX {{p}}records_due ON {{p}}records (kind, due, id, domain) WHERE due <> -62135596800000;
CREATE INDEX {{p}}records_due_domain ON {{p}}records (domain, kind, due, id) WHERE domain <> '' AND due <> -62135596800000;
CREATE TABLE {{p}}events (
	id text COLLATE "C" PRIMARY KEY,
	domain text COLLATE "C" NOT NULL,
	rev bigint NOT NULL,
	actor text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL,
	at bigint NOT NULL,
	targets text COLLATE "C" NOT NULL,
	data bytea NOT NULL
);
ALTER TABLE {{p}}events ALTER COLUMN targets SET STORAGE EXTERNAL;
CREATE INDEX {{p}}events_at ON {{p}}events (domain, at DESC, id DESC);
CREATE INDEX {{p}}events_actor ON {{p}}events (domain, actor, at DESC, id DESC);
CREATE INDEX {{p}}events_kind ON {{p}}events (domain, kind, at DESC, id DESC);
CREATE TABLE {{p}}content (
	id text COLLATE "C" PRIMARY KEY,
	domain text COLLATE "C" NOT NULL,
	container text COLLATE "C" NOT NULL,
	author text COLLATE "C" NOT NULL,
	peer text COLLATE "C" NOT NULL,
	kind smallint NOT NULL,
	at bigint NOT NULL,
	blob text COLLATE "C" NOT NULL
);
CREATE INDEX {{p}}content_container ON {{p}}content (domain, container, kind);
CREATE INDEX {{p}}content_author ON {{p}}content (domain, author, kind);
CREATE INDEX {{p}}content_peer ON {{p}}content (domain, peer) WHERE kind = 1;
CREATE INDEX {{p}}content_at ON {{p}}content (domain, at);
