ALTER TABLE {{p}}devices ADD COLUMN search text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE {{p}}device_fill (upto text COLLATE "C" NOT NULL);
INSERT INTO {{p}}device_fill (upto) VALUES ('');
