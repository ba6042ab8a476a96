package sqlstoretest

const importerArg = "-importer"

func importer([]string) int { return 0 }
