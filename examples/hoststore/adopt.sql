-- Users who were there before link.sql get a person. Set companies.chat_domain
-- first, run this in one transaction, and then let the program work. It is the
-- same for both databases, and running it again changes nothing.

-- The person with the same login, or else the one with the same e-mail address:
-- leave the second half out if several people may share one. Columns that have a
-- value keep it, as changes of the host.
WITH found AS (
	SELECT p.person_id AS person, u.id AS usr, CASE p.username WHEN u.login THEN 0 ELSE 1 END AS far
	FROM companies c JOIN people p ON p.company = c.company JOIN chatadmin_users u ON u.domain = c.chat_domain AND u.login_key = lower(p.username)
	UNION ALL
	SELECT p.person_id, u.id, 2
	FROM companies c JOIN people p ON p.company = c.company JOIN chatadmin_users u ON u.domain = c.chat_domain AND lower(u.email) = lower(p.mail)
	WHERE p.mail <> ''
), ranked AS (
	SELECT f.person, f.usr, row_number() OVER (PARTITION BY f.usr ORDER BY f.far, f.person) AS of_user,
		row_number() OVER (PARTITION BY f.person ORDER BY f.far, f.usr) AS of_person
	FROM found f
	WHERE f.usr NOT IN (SELECT p.chat_user FROM people p WHERE p.chat_user IS NOT NULL)
		AND f.person NOT IN (SELECT p.person_id FROM people p WHERE p.chat_user IS NOT NULL)
)
UPDATE people SET
	username = CASE coalesce(people.username, '') WHEN '' THEN u.login ELSE people.username END,
	mail = CASE coalesce(people.mail, '') WHEN '' THEN u.email ELSE people.mail END,
	full_name = CASE coalesce(people.full_name, '') WHEN '' THEN u.display_name ELSE people.full_name END,
	forename = CASE coalesce(people.forename, '') WHEN '' THEN u.first_name ELSE people.forename END,
	surname = CASE coalesce(people.surname, '') WHEN '' THEN u.last_name ELSE people.surname END,
	job = CASE coalesce(people.job, '') WHEN '' THEN u.title ELSE people.job END,
	division = CASE coalesce(people.division, '') WHEN '' THEN u.department ELSE people.division END,
	phone = CASE coalesce(people.phone, '') WHEN '' THEN u.phone ELSE people.phone END,
	chat_state = CASE WHEN u.deleting THEN 'deleting' WHEN u.status = 3 THEN 'deactivated' WHEN u.denied THEN 'denied'
		WHEN u.status = 1 THEN 'pending' ELSE 'active' END,
	chat_user = u.id
FROM ranked r JOIN chatadmin_users u ON u.id = r.usr
WHERE people.person_id = r.person AND r.of_user = 1 AND r.of_person = 1;

-- All others get a new person.
INSERT INTO people (company, username, mail, full_name, forename, surname, job, division, phone, active, chat_state, chat_user)
SELECT c.company, u.login, u.email, u.display_name, u.first_name, u.last_name, u.title, u.department, u.phone, u.status <> 3,
	CASE WHEN u.deleting THEN 'deleting' WHEN u.status = 3 THEN 'deactivated' WHEN u.denied THEN 'denied' WHEN u.status = 1 THEN 'pending' ELSE 'active' END,
	u.id
FROM chatadmin_users u JOIN companies c ON c.chat_domain = u.domain
WHERE u.id NOT IN (SELECT p.chat_user FROM people p WHERE p.chat_user IS NOT NULL);

UPDATE people SET boss = (SELECT b.person_id FROM chatadmin_users u JOIN people b ON b.chat_user = u.manager WHERE u.id = people.chat_user)
WHERE people.boss IS NULL AND people.chat_user IS NOT NULL;
