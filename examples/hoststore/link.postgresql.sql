-- What the library adds to the host's tables. It runs once, after sqlstore.Open.
-- enable_seqscan is off since PostgreSQL keeps plans that it has made while a
-- table was small.

-- The domain of a company, the user of a person, and how that user stands.
ALTER TABLE companies ADD COLUMN chat_domain text COLLATE "C" UNIQUE;
ALTER TABLE people ADD COLUMN chat_user text COLLATE "C" UNIQUE;
ALTER TABLE people ADD COLUMN chat_state text NOT NULL DEFAULT '';
CREATE INDEX people_boss ON people (boss);
CREATE INDEX people_login ON people (company, lower(username) COLLATE "C");

-- People whose row the host has changed, and users whose person it has deleted.
-- A problem says why the library refused a change. person_id has the type of the
-- host's own key.
CREATE TABLE people_changes (
	person_id bigint UNIQUE,
	gone      text COLLATE "C" UNIQUE,
	problem   text NOT NULL DEFAULT ''
);

-- A new user: the person with that login becomes the user's, or a new person.
-- Columns that have a value keep it, as changes of the host.
CREATE FUNCTION chat_user_added() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
	UPDATE people SET
		mail = CASE coalesce(people.mail, '') WHEN '' THEN NEW.email ELSE people.mail END,
		full_name = CASE coalesce(people.full_name, '') WHEN '' THEN NEW.display_name ELSE people.full_name END,
		forename = CASE coalesce(people.forename, '') WHEN '' THEN NEW.first_name ELSE people.forename END,
		surname = CASE coalesce(people.surname, '') WHEN '' THEN NEW.last_name ELSE people.surname END,
		job = CASE coalesce(people.job, '') WHEN '' THEN NEW.title ELSE people.job END,
		division = CASE coalesce(people.division, '') WHEN '' THEN NEW.department ELSE people.division END,
		phone = CASE coalesce(people.phone, '') WHEN '' THEN NEW.phone ELSE people.phone END,
		boss = coalesce(people.boss, (SELECT b.person_id FROM people b WHERE b.chat_user = NEW.manager)),
		chat_state = CASE NEW.status WHEN 1 THEN 'pending' WHEN 2 THEN 'active' ELSE 'deactivated' END,
		chat_user = NEW.id
	WHERE people.person_id = coalesce(
		(SELECT p.person_id FROM people p WHERE p.chat_user = 'new'),
		(SELECT p.person_id FROM companies c JOIN people p ON p.company = c.company
			WHERE c.chat_domain = NEW.domain AND lower(p.username) = NEW.login_key AND p.chat_user IS NULL
			ORDER BY p.username <> NEW.login LIMIT 1));
	IF NOT FOUND THEN
		INSERT INTO people (company, username, mail, full_name, forename, surname, job, division, phone, boss, active, chat_state, chat_user)
		SELECT c.company, NEW.login, NEW.email, NEW.display_name, NEW.first_name, NEW.last_name, NEW.title, NEW.department, NEW.phone,
			(SELECT b.person_id FROM people b WHERE b.chat_user = NEW.manager), NEW.status <> 3,
			CASE NEW.status WHEN 1 THEN 'pending' WHEN 2 THEN 'active' ELSE 'deactivated' END, NEW.id
		FROM companies c WHERE c.chat_domain = NEW.domain;
	END IF;
	-- those who came before their manager
	UPDATE people SET boss = coalesce(people.boss, (SELECT b.person_id FROM people b WHERE b.chat_user = NEW.id))
	WHERE people.chat_user = ANY (ARRAY(SELECT u.id FROM chatadmin_users u WHERE u.manager = NEW.id AND u.manager <> ''));
	RETURN NULL;
END $$;
CREATE TRIGGER chat_user_added AFTER INSERT ON chatadmin_users FOR EACH ROW EXECUTE FUNCTION chat_user_added();

-- A changed user: columns that are as the user was become as the user is. Where
-- they differ the host has changed them, and its change is still to come.
CREATE FUNCTION chat_user_changed() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
	UPDATE people SET
		username = CASE coalesce(people.username, '') WHEN OLD.login THEN NEW.login ELSE people.username END,
		mail = CASE coalesce(people.mail, '') WHEN OLD.email THEN NEW.email ELSE people.mail END,
		full_name = CASE coalesce(people.full_name, '') WHEN OLD.display_name THEN NEW.display_name ELSE people.full_name END,
		forename = CASE coalesce(people.forename, '') WHEN OLD.first_name THEN NEW.first_name ELSE people.forename END,
		surname = CASE coalesce(people.surname, '') WHEN OLD.last_name THEN NEW.last_name ELSE people.surname END,
		job = CASE coalesce(people.job, '') WHEN OLD.title THEN NEW.title ELSE people.job END,
		division = CASE coalesce(people.division, '') WHEN OLD.department THEN NEW.department ELSE people.division END,
		phone = CASE coalesce(people.phone, '') WHEN OLD.phone THEN NEW.phone ELSE people.phone END,
		boss = CASE WHEN NEW.manager <> OLD.manager AND coalesce((SELECT b.chat_user FROM people b WHERE b.person_id = people.boss), '') = OLD.manager
			THEN (SELECT b.person_id FROM people b WHERE b.chat_user = NEW.manager) ELSE people.boss END,
		active = CASE coalesce(people.active, FALSE) WHEN OLD.status <> 3 THEN NEW.status <> 3 ELSE people.active END,
		chat_state = CASE WHEN NEW.deleting THEN 'deleting' WHEN NEW.status = 3 THEN 'deactivated' WHEN NEW.denied THEN 'denied'
			WHEN NEW.status = 1 THEN 'pending' ELSE 'active' END
	WHERE people.chat_user = NEW.id;
	RETURN NULL;
END $$;
CREATE TRIGGER chat_user_changed AFTER UPDATE ON chatadmin_users FOR EACH ROW
WHEN ((OLD.login, OLD.email, OLD.display_name, OLD.first_name, OLD.last_name, OLD.title, OLD.department, OLD.phone, OLD.manager,
		OLD.status, OLD.denied, OLD.deleting)
	IS DISTINCT FROM (NEW.login, NEW.email, NEW.display_name, NEW.first_name, NEW.last_name, NEW.title, NEW.department, NEW.phone, NEW.manager,
		NEW.status, NEW.denied, NEW.deleting))
EXECUTE FUNCTION chat_user_changed();

-- A deleted user: the person stays, with the host's own columns. What the
-- library wrote goes. Leave a line out to keep its column.
CREATE FUNCTION chat_user_deleted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
	whose people.person_id%TYPE;
BEGIN
	UPDATE people SET
		username = NULL,
		mail = '',
		full_name = '',
		forename = '',
		surname = '',
		job = '',
		division = '',
		phone = '',
		boss = NULL,
		active = FALSE,
		chat_state = '',
		chat_user = NULL
	WHERE people.chat_user = OLD.id RETURNING people.person_id INTO whose;
	DELETE FROM people_changes WHERE people_changes.gone = OLD.id OR people_changes.person_id = whose;
	RETURN NULL;
END $$;
CREATE TRIGGER chat_user_deleted AFTER DELETE ON chatadmin_users FOR EACH ROW EXECUTE FUNCTION chat_user_deleted();

-- The host's own changes wait until the program has given them to the library.
-- What the library writes makes a person equal to the user, and does not wait.
CREATE FUNCTION person_changed() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
	IF NEW.chat_user IS NULL AND NEW.active AND NEW.username <> ''
		OR TG_OP = 'UPDATE' AND NEW.company IS DISTINCT FROM OLD.company
		OR EXISTS (SELECT 1 FROM people_changes c WHERE c.person_id = NEW.person_id)
		OR EXISTS (SELECT 1 FROM chatadmin_users u WHERE u.id = NEW.chat_user
			AND (u.login, u.email, u.display_name, u.first_name, u.last_name, u.title, u.department, u.phone, u.status <> 3, u.manager)
				IS DISTINCT FROM (coalesce(NEW.username, ''), coalesce(NEW.mail, ''), coalesce(NEW.full_name, ''), coalesce(NEW.forename, ''),
					coalesce(NEW.surname, ''), coalesce(NEW.job, ''), coalesce(NEW.division, ''), coalesce(NEW.phone, ''), coalesce(NEW.active, FALSE),
					coalesce((SELECT b.chat_user FROM people b WHERE b.person_id = NEW.boss), '')))
	THEN
		INSERT INTO people_changes (person_id) VALUES (NEW.person_id) ON CONFLICT (person_id) DO UPDATE SET problem = '';
	END IF;
	-- the people of a boss who is a user now have a manager
	IF TG_OP = 'UPDATE' AND NEW.chat_user <> coalesce(OLD.chat_user, '') THEN
		INSERT INTO people_changes (person_id) SELECT p.person_id FROM people p WHERE p.boss = NEW.person_id
		ON CONFLICT (person_id) DO UPDATE SET problem = '';
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER person_changed AFTER INSERT OR UPDATE OF company, username, mail, full_name, forename, surname, job, division, phone, boss, active,
	chat_user ON people FOR EACH ROW EXECUTE FUNCTION person_changed();
CREATE FUNCTION person_deleted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
	DELETE FROM people_changes WHERE people_changes.person_id = OLD.person_id;
	INSERT INTO people_changes (gone) SELECT u.id FROM chatadmin_users u WHERE u.id = OLD.chat_user;
	RETURN NULL;
END $$;
CREATE TRIGGER person_deleted AFTER DELETE ON people FOR EACH ROW EXECUTE FUNCTION person_deleted();

-- Those who are there already become users.
INSERT INTO people_changes (person_id) SELECT p.person_id FROM people p WHERE p.active AND p.username <> '';
