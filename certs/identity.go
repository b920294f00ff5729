package certs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// IdentityOptions say where an identity's certificates are and who hears of changes.
type IdentityOptions struct {
	// Name is the identity's name in the configuration and in errors.
	Name string
	// QWAC is the TLS client certificate.
	QWAC Source
	// QSEAL is the signing certificate. Nil: banks that sign nothing.
	QSEAL *Source
	// Requirements gives what the certificates are checked against. It is
	// called at every check, so that it may follow the configuration. Nil:
	// no roles, the defaults for the rest.
	Requirements func() Requirements
	// OnChange hears of each new generation, after it has been published; calls
	// come one after another. It must not call Reload.
	OnChange func(old, new *Generation)
	// OnError hears from Watch why the files are not being used. It is called
	// once for each distinct state, not at each poll.
	OnError func(error)
	// OnFindings hears from Watch of the warnings when they change, such as when
	// a certificate comes close to its end, and with each new generation that
	// has some. An empty list says that the former ones are settled.
	OnFindings func([]Finding)
}

// Identity is a TPP's QWAC and QSEAL, kept up to date with their files. It is
// safe for concurrent use.
type Identity struct {
	opts    IdentityOptions
	current atomic.Pointer[Generation]
	reload  sync.Mutex // held from reading the files until OnChange has returned
	atStart string     // fingerprint of the findings that NewIdentity gave
}

// NewIdentity loads and checks the certificates. The findings are warnings and
// refusals; the error joins all that stands against using the certificates, so
// that it can be mended in one go. It starts no goroutine.
func NewIdentity(opts IdentityOptions) (*Identity, []Finding, error) {
	i := &Identity{opts: opts}
	generation, findings, err := i.judge(i.readFiles(), nil)
	if err != nil {
		return nil, findings, err
	}
	i.current.Store(generation)
	i.atStart = fingerprint(findings)
	return i, findings, nil
}

// Name is the identity's name in the configuration.
func (i *Identity) Name() string { return i.opts.Name }

// Current is the generation in use. It takes no lock and does not allocate.
// Whatever has to match within one request must come from one call.
func (i *Identity) Current() *Generation { return i.current.Load() }

// Reload reads the files and, if they changed and nothing stands against them,
// publishes a new generation. Both pairs are loaded, checked and published
// together: one bad file keeps everything as it is.
//
// Unlike Watch it takes what is there at once: who calls it says that the files
// are written. A chain file of which the first certificates alone are written
// cannot be told from a short one.
//
// QWAC and QSEAL may be replaced one after the other. Each state in which both
// pairs are sound is published; one in which a certificate and its key do not
// match never is.
//
// If the content is unchanged, it is checked again nevertheless: the error may
// then say that the certificate in use has expired.
func (i *Identity) Reload() (changed bool, findings []Finding, err error) {
	got := i.reloadIf(func([sha256.Size]byte) bool { return true })
	return got.changed, got.findings, got.err
}

// reloaded is what came of reading the files.
type reloaded struct {
	hash     [sha256.Size]byte // of the files' content
	taken    bool              // whether the content was judged; the rest is empty if not
	changed  bool
	findings []Finding
	err      error
}

// reloadIf is Reload of content that take agrees to, by its hash. Content in use
// is judged without asking.
func (i *Identity) reloadIf(take func(hash [sha256.Size]byte) bool) reloaded {
	i.reload.Lock()
	defer i.reload.Unlock()
	old := i.current.Load()
	files := i.readFiles()
	got := reloaded{hash: files.hash}
	if files.hash != old.hash && !take(files.hash) {
		return got
	}
	got.taken = true
	var next *Generation
	next, got.findings, got.err = i.judge(files, old)
	if got.err != nil || next == old {
		return got
	}
	if next.ClientID() != old.ClientID() {
		got.findings = append(got.findings, organizationChanged(old, next))
	}
	i.current.Store(next)
	got.changed = true
	if i.opts.OnChange != nil {
		i.opts.OnChange(old, next)
	}
	return got
}

// snapshot is what all files of an identity held when they were read.
type snapshot struct {
	slots []slotFiles
	hash  [sha256.Size]byte // a file that cannot be read counts as empty
	err   error
}

func (i *Identity) readFiles() snapshot {
	slots := i.slots()
	var errs []error
	for n := range slots {
		errs = append(errs, slots[n].read())
	}
	return snapshot{slots: slots, hash: hashSlots(slots), err: errors.Join(errs...)}
}

// judge makes a generation from the files; it is old itself if they hold the
// same as then. Every file is parsed and checked as far as possible, so that the
// error tells all. With an error, the generation is good for nothing.
func (i *Identity) judge(files snapshot, old *Generation) (*Generation, []Finding, error) {
	req := i.requirements()
	errs := []error{files.err}
	next := &Generation{Number: 1, LoadedAt: req.Now, hash: files.hash}
	if old != nil {
		next.Number = old.Number + 1
	}
	if old != nil && old.hash == next.hash && files.err == nil {
		next = old
	} else {
		slots := files.slots
		for n := range slots {
			errs = append(errs, slots[n].parse())
		}
		next.QWAC = slots[0].pair
		if len(slots) > 1 {
			next.QSEAL = slots[1].pair
		}
	}
	findings := next.check(req)
	errs = append(errs, refusals(findings)...)
	return next, findings, i.wrap(errors.Join(errs...))
}

// check judges the pairs that could be loaded.
func (g *Generation) check(req Requirements) []Finding {
	var findings []Finding
	if g.QWAC != nil {
		findings = append(findings, Check(g.QWAC, req)...)
	}
	if g.QSEAL != nil {
		findings = append(findings, Check(g.QSEAL, req)...)
	}
	if g.QWAC != nil && g.QSEAL != nil {
		findings = append(findings, CheckTogether(g.QWAC, g.QSEAL)...)
	}
	return findings
}

func (i *Identity) requirements() Requirements {
	var req Requirements
	if i.opts.Requirements != nil {
		req = i.opts.Requirements()
	}
	return req.withDefaults()
}

func (i *Identity) wrap(err error) error {
	if err == nil || i.opts.Name == "" {
		return err
	}
	return fmt.Errorf("identity %s: %w", i.opts.Name, err)
}

// slotFiles is one slot on its way from the files to a pair.
type slotFiles struct {
	slot    Slot
	source  Source
	content content
	pair    *Pair
	failed  bool
}

// slots are the configured ones: QWAC, then QSEAL if there is one.
func (i *Identity) slots() []slotFiles {
	slots := []slotFiles{{slot: QWAC, source: i.opts.QWAC}}
	if i.opts.QSEAL != nil {
		slots = append(slots, slotFiles{slot: QSEAL, source: *i.opts.QSEAL})
	}
	return slots
}

func (s *slotFiles) read() (err error) {
	s.content, err = readSource(s.slot, s.source)
	s.failed = err != nil
	return err
}

func (s *slotFiles) parse() (err error) {
	if s.failed {
		return nil // reported already
	}
	s.pair, err = parsePair(s.slot, s.source, s.content)
	return err
}

func hashSlots(slots []slotFiles) (sum [sha256.Size]byte) {
	hash := sha256.New()
	for _, s := range slots {
		for _, data := range [][]byte{s.content.cert, s.content.key} {
			var length [8]byte
			binary.BigEndian.PutUint64(length[:], uint64(len(data)))
			hash.Write(length[:])
			hash.Write(data)
		}
	}
	hash.Sum(sum[:0])
	return sum
}

func organizationChanged(old, next *Generation) Finding {
	at, _ := locate(QWAC, next.QWAC.Source)
	return at.warn(CodeOrganizationMoved,
		fmt.Sprintf("changed the organizationIdentifier from %q to %q", old.ClientID(), next.ClientID()),
		"make sure that this is meant: tokens and consents belong to the former one")
}
