ALTER TABLE {{p}}users ADD COLUMN search text NOT NULL DEFAULT '';
CREATE TABLE {{p}}user_fill (upto text NOT NULL);
INSERT INTO {{p}}user_fill (upto) VALUES ('');
