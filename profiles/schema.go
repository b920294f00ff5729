package profiles

import _ "embed"

//go:embed schema.json
var schemaFile []byte

// Schema gives the JSON Schema (draft 2020-12) of a profile's file, for
// editors. It knows every field and what it may be; what only shows when a
// profile is merged is for [LoadFile] to say.
func Schema() []byte { return append([]byte(nil), schemaFile...) }
