ALTER TABLE {{p}}groups ADD COLUMN archived boolean NOT NULL DEFAULT false;
ALTER TABLE {{p}}groups ADD COLUMN search text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE {{p}}group_fill (upto text COLLATE "C" NOT NULL);
INSERT INTO {{p}}group_fill (upto) VALUES ('');
