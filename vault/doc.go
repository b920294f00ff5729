// Package vault keeps small encrypted records on a key-value storage that
// several processes may share, such as any storage module of Caddy.
//
// Each record is a JWE in compact form (RFC 7516), encrypted directly with a
// 256-bit key (alg "dir", enc "A256GCM"). Its protected header holds the key's
// id and the record's own path, so that neither another key's record nor one
// moved from another name is taken for it. Nothing else is ever read as a
// record, and nothing is ever written in plaintext.
//
// Keys are told apart by id: the first encrypts, all decrypt. A canary per id
// lets [Vault.Check] refuse a wrong secret before anything is read or written
// with it. To change the key without downtime: add the new key after the old one
// on all instances, then move it to the front on all, then [Vault.Rotate], and
// when Rotation.ByKey no longer names the old key, remove it.
//
// Below the prefix a storage then has
//
//	keys/<id>.jwe         the canary of each key
//	damaged/<digest>.json copies of damaged values
//	<name>.jwe            the records
//
// A value that is no record stays where it is, for a record that is damaged must
// not look like one that never was: the one needs somebody to look, the other a
// customer to log in again. A copy is kept aside, and Options.OnDamage is told,
// once per content.
//
// A storage that fails is ErrUnavailable whatever it says, and never tells
// anything about a record. The vault retries nothing; its caller knows what may
// be done twice. The one exception is what storages do while others write: a
// value that looks damaged is read again after a moment, and a list that breaks
// off is made folder by folder.
//
// Locks are the storage's. They are good, but not perfect (CertMagic's own
// contract says so): what is done under a [Lock] has to bear that, once in a long
// while, another does it too.
package vault
