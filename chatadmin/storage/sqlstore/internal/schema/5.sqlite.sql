-- fill the search texts of users
DROP TABLE {{p}}user_fill;
CREATE INDEX {{p}}users_created ON {{p}}users (domain, created DESC, id DESC);
CREATE INDEX {{p}}users_denied ON {{p}}users (domain, login_key) WHERE denied = true;
CREATE INDEX {{p}}users_guest ON {{p}}users (domain, login_key) WHERE kind = 2;
CREATE INDEX {{p}}users_role ON {{p}}users (domain, role, login_key) WHERE role <> 'member';
CREATE INDEX {{p}}users_inactive ON {{p}}users (domain, status, login_key) WHERE status <> 2;
