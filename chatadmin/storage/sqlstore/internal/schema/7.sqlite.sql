ALTER TABLE {{p}}groups ADD COLUMN archived integer NOT NULL DEFAULT false;
ALTER TABLE {{p}}groups ADD COLUMN search text NOT NULL DEFAULT '';
CREATE TABLE {{p}}group_fill (upto text NOT NULL);
INSERT INTO {{p}}group_fill (upto) VALUES ('');
