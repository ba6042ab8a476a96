ALTER TABLE {{p}}devices ADD COLUMN search text NOT NULL DEFAULT '';
CREATE TABLE {{p}}device_fill (upto text NOT NULL);
INSERT INTO {{p}}device_fill (upto) VALUES ('');
