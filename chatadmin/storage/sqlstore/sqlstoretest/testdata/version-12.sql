INSERT INTO {{p}}domains (id, rev, fence, name, data) VALUES ('acme', 1, 2, 'Acme', '{}');
INSERT INTO {{p}}users (id, domain, rev, login_key, name_key, login, email, display_name, first_name, last_name, title, department, phone, phone_e164, role, manager, kind, status, admin, denied, deleting, attrs, created, search) VALUES ('ann', 'acme', 3, 'ann', 'ann a', 'Ann', 'ann@acme.example', 'Ann A', 'Ann', 'A', 'Boss', 'Sales', '0600', '+31600', 'member', '', 1, 2, true, false, false, '{}', 1700000000000, 'ann a
ann
ann@acme.example');
INSERT INTO {{p}}groups (id, domain, rev, creator, name, name_key, is_default, shipped, deleting, data, archived, search) VALUES ('all', 'acme', 4, 'ann', 'All', 'all', true, true, false, '{}', false, 'all');
INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) VALUES ('all', 'ann', 'acme', 5, true);
INSERT INTO {{p}}devices (id, domain, rev, usr, device_key, name, version, secret, data, type, status, generation, last_seen, search) VALUES ('d', 'acme', 6, 'ann', 'key', 'Phone', '1.0', 'secret', '{}', 1, 2, 3, 1700000000001, 'phone
key');
INSERT INTO {{p}}records (kind, domain, id, rev, owner, due, data) VALUES ('job', 'acme', 'j', 7, 'ann', -62135596800000, '{}');
INSERT INTO {{p}}events (id, domain, rev, actor, kind, at, targets, data) VALUES ('e', 'acme', 8, 'ann', 'user.create', 1700000000002, '
ann
d
', '{}');
INSERT INTO {{p}}content (id, domain, container, author, peer, kind, at, blob) VALUES ('m', 'acme', 'all', 'ann', '', 2, 1700000000003, '');
INSERT INTO {{p}}event_targets (domain, target, at, event) VALUES ('acme', 'ann', 1700000000002, 'e');
INSERT INTO {{p}}event_targets (domain, target, at, event) VALUES ('acme', 'd', 1700000000002, 'e');
