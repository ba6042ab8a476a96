-- The messages and private chats of the host, in tables of its own beside those of the library.
CREATE TABLE IF NOT EXISTS messages (
	id text PRIMARY KEY,
	company_id text NOT NULL,
	channel_id text NOT NULL,
	author_id text NOT NULL,
	sent_at integer NOT NULL,
	body text NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_channel ON messages (channel_id);
CREATE INDEX IF NOT EXISTS messages_author ON messages (author_id);
CREATE INDEX IF NOT EXISTS messages_sent ON messages (company_id, sent_at);
CREATE TABLE IF NOT EXISTS chats (
	id text PRIMARY KEY,
	company_id text NOT NULL,
	first_id text NOT NULL,
	second_id text NOT NULL
);
CREATE INDEX IF NOT EXISTS chats_first ON chats (first_id);
CREATE INDEX IF NOT EXISTS chats_second ON chats (second_id);

-- No row comes in while somebody or something that it refers to is being deleted.
CREATE TRIGGER IF NOT EXISTS messages_alive BEFORE INSERT ON messages
WHEN NOT EXISTS (SELECT 1 FROM chatadmin_users u WHERE u.id = NEW.author_id AND NOT u.deleting)
	OR NOT EXISTS (
		SELECT 1 FROM chatadmin_groups g WHERE g.id = NEW.channel_id AND NOT g.deleting
		UNION ALL
		SELECT 1 FROM chats c JOIN chatadmin_users a ON a.id = c.first_id JOIN chatadmin_users b ON b.id = c.second_id
		WHERE c.id = NEW.channel_id AND NOT a.deleting AND NOT b.deleting)
BEGIN
	SELECT RAISE(ABORT, 'the author or the channel is gone or being deleted');
END;
CREATE TRIGGER IF NOT EXISTS chats_alive BEFORE INSERT ON chats
WHEN NOT EXISTS (SELECT 1 FROM chatadmin_users a, chatadmin_users b
	WHERE a.id = NEW.first_id AND b.id = NEW.second_id AND NOT a.deleting AND NOT b.deleting)
BEGIN
	SELECT RAISE(ABORT, 'a side of the chat is gone or being deleted');
END;
