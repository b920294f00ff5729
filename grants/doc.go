// Package grants keeps the authorizations that PSUs gave a TPP at ASPSPs, and
// sees to it that none of their tokens is lost.
//
// A grant is the authorization of one PSU at one ASPSP in one role, under a
// name that the app chooses. Its tokens live in an encrypted record of a vault,
// on a storage that any number of processes may share; what is in use is also
// held in memory, within a bound.
//
// # One refresh
//
// However many callers, goroutines and processes find a token used up, the bank
// is asked once: one flight per grant in each process, then the storage's lock,
// then another look at the record. Storages' locks are not perfect, so that
// correctness does not hang on them: before the bank is asked a pending entry is
// written into the record, and whoever finds one that is not his own does not
// ask. The bank's answer is stored raw before it is judged. From then on nothing
// can lose it: judging is a pure function of the record ([tokens.Answer.Judge]),
// which every later reader repeats after a crash.
//
// A request whose answer never came is ambiguous: the bank may have replaced
// the refresh token. Where the profile says that the old one survives, it is sent
// once more; elsewhere the grant is quarantined, with the reason, until an
// operator releases it or the answer turns up after all.
package grants
