// Package profiles holds what is known about banks, as data: which endpoints
// they have, how they want requests signed, which headers they take and how
// they hand out tokens. A bank is added or mended by editing JSON, not code.
//
// Built-in profiles are embedded; [Load] adds a folder of one's own. A profile
// may inherit another one, may have variants ("bank/variant"), and an ASPSP's
// configuration may override its sections; all are merges after RFC 7396, and
// all are read strictly: an unknown field, a key given twice or a value of the
// wrong kind is an error that says where. What no profile can know, it requires
// of the configuration.
package profiles
