module chatadmin.example/sdk

go 1.26
