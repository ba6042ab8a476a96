-- fill the search texts of devices
DROP TABLE {{p}}device_fill;
