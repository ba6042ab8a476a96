ALTER TABLE {{p}}users ADD COLUMN search text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE {{p}}user_fill (upto text COLLATE "C" NOT NULL);
INSERT INTO {{p}}user_fill (upto) VALUES ('');
