package portal_test

// untranslated are keys of texts/en.json that the other languages still lack.
var untranslated = []string{}
