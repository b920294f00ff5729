package certs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/sandbox/testpki"
)

// rig is a TPP with its files in one directory.
type rig struct {
	testing.TB
	dir    string
	root   *testpki.Authority
	config IdentityOptions
	now    time.Time
	roles  []Role
}

func newRig(t testing.TB) *rig {
	r := &rig{TB: t, dir: t.TempDir(), root: newAuthority(t), now: noon}
	qwac := store(t, r.dir, "qwac", r.issue(testpki.QWAC))
	qseal := store(t, r.dir, "qseal", r.issue(testpki.QSEAL))
	r.config = IdentityOptions{Name: "acme", QWAC: qwac, QSEAL: &qseal, Requirements: func() Requirements {
		return Requirements{Now: r.now, Roles: r.roles}
	}}
	return r
}

func (r *rig) issue(kind testpki.Kind) *testpki.Issued {
	r.Helper()
	return issue(r, r.root, tpp(kind))
}

func (r *rig) identity() *Identity {
	r.Helper()
	identity, findings, err := NewIdentity(r.config)
	if err != nil || len(findings) > 0 {
		r.Fatalf("findings %v, error %v", findings, err)
	}
	return identity
}

func (r *rig) store(name string, issued *testpki.Issued) {
	r.Helper()
	store(r, r.dir, name, issued)
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// reload expects an outcome of Reload and of the certificates in use.
func (r *rig) reload(i *Identity, wantChanged bool, kind error, number uint64, qwac, qseal *testpki.Issued) {
	r.Helper()
	changed, _, err := i.Reload()
	if changed != wantChanged || !errors.Is(err, kind) {
		r.Fatalf("changed %v, error %v; want %v, %v", changed, err, wantChanged, kind)
	}
	g := i.Current()
	if g.Number != number || !g.QWAC.Leaf().Equal(qwac.Certificate) || !g.QSEAL.Leaf().Equal(qseal.Certificate) {
		r.Fatalf("generation %d, QWAC %x, QSEAL %x", g.Number, g.QWAC.Leaf().SerialNumber, g.QSEAL.Leaf().SerialNumber)
	}
}

func TestNewIdentity(t *testing.T) {
	r := newRig(t)
	i := r.identity()
	g := i.Current()
	if i.Name() != "acme" || g.Number != 1 || !g.LoadedAt.Equal(noon) || g.ClientID() != "PSDFR-ACPR-12345" {
		t.Errorf("identity %s, generation %+v", i.Name(), g)
	}
	r.config.QSEAL = nil
	if g := r.identity().Current(); g.QSEAL != nil {
		t.Error("QSEAL without being configured")
	}
}

func TestNewIdentityTellsAllAtOnce(t *testing.T) {
	r := newRig(t)
	write(t, r.config.QWAC.KeyFile, []byte("nonsense"))
	r.roles = []Role{RolePI}
	r.now = noon.AddDate(2, 0, 0)
	i, findings, err := NewIdentity(r.config)
	if i != nil || !errors.Is(err, ErrFormat) || !errors.Is(err, ErrRefused) {
		t.Fatalf("identity %v, error %v", i, err)
	}
	for _, want := range []string{"identity acme", "QWAC key " + r.config.QWAC.KeyFile, "QSEAL certificate " + r.config.QSEAL.CertFile + " expired", "lacks the role PSP_PI"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if got := codes(findings); !slices.Equal(got, []string{"!" + CodeExpired, "!" + CodeRoleMissing}) {
		t.Errorf("findings %v", got)
	}
}

// One after the other, as scripts replace files: certificate, key, and then the
// other pair. Only states in which both pairs are sound are published.
func TestRotationFileByFile(t *testing.T) {
	r := newRig(t)
	i := r.identity()
	oldQWAC, oldQSEAL := &testpki.Issued{Certificate: i.Current().QWAC.Leaf()}, &testpki.Issued{Certificate: i.Current().QSEAL.Leaf()}
	qwac, qseal := r.issue(testpki.QWAC), r.issue(testpki.QSEAL)

	r.reload(i, false, nil, 1, oldQWAC, oldQSEAL)

	write(t, r.path("qwac.pem"), qwac.CertPEM[:200])
	r.reload(i, false, ErrFormat, 1, oldQWAC, oldQSEAL)
	write(t, r.path("qwac.pem"), qwac.CertPEM)
	r.reload(i, false, ErrMismatch, 1, oldQWAC, oldQSEAL)
	write(t, r.path("qwac-key.pem"))
	r.reload(i, false, ErrFormat, 1, oldQWAC, oldQSEAL)
	write(t, r.path("qwac-key.pem"), qwac.KeyPEM)
	r.reload(i, true, nil, 2, qwac, oldQSEAL)

	write(t, r.path("qseal-key.pem"), qseal.KeyPEM)
	r.reload(i, false, ErrMismatch, 2, qwac, oldQSEAL)
	write(t, r.path("qseal.pem"), qseal.CertPEM)
	r.reload(i, true, nil, 3, qwac, qseal)

	r.store("qseal", qseal) // same content, new files
	r.reload(i, false, nil, 3, qwac, qseal)
}

// While one slot is at fault, a sound change of the other waits too.
func TestBadSlotHoldsBackTheOther(t *testing.T) {
	r := newRig(t)
	i := r.identity()
	oldQWAC, oldQSEAL := &testpki.Issued{Certificate: i.Current().QWAC.Leaf()}, &testpki.Issued{Certificate: i.Current().QSEAL.Leaf()}
	qwac, qseal := r.issue(testpki.QWAC), r.issue(testpki.QSEAL)
	if err := os.Remove(r.path("qseal.pem")); err != nil {
		t.Fatal(err)
	}
	r.store("qwac", qwac)
	r.reload(i, false, ErrLoad, 1, oldQWAC, oldQSEAL)
	r.store("qseal", r.issue(testpki.QWAC))
	r.reload(i, false, ErrRefused, 1, oldQWAC, oldQSEAL)
	r.store("qseal", qseal)
	r.reload(i, true, nil, 2, qwac, qseal)
}

// Kubernetes swaps a directory behind a symbolic link.
func TestSymlinkSwap(t *testing.T) {
	r := newRig(t)
	put := func(name string, qwac, qseal *testpki.Issued) {
		if err := os.Mkdir(r.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
		store(t, r.path(name), "qwac", qwac)
		store(t, r.path(name), "qseal", qseal)
		if err := os.Symlink(name, r.path("..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(r.path("..data_tmp"), r.path("..data")); err != nil {
			t.Fatal(err)
		}
	}
	qwac, qseal := r.issue(testpki.QWAC), r.issue(testpki.QSEAL)
	put("..1", qwac, qseal)
	for _, name := range []string{"qwac.pem", "qwac-key.pem", "qseal.pem", "qseal-key.pem"} {
		os.Remove(r.path(name))
		if err := os.Symlink("..data/"+name, r.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	i := r.identity()
	r.reload(i, false, nil, 1, qwac, qseal)
	before := i.stat()
	qwac, qseal = r.issue(testpki.QWAC), r.issue(testpki.QSEAL)
	put("..2", qwac, qseal)
	if sameFiles(before, i.stat()) {
		t.Error("the swap does not show")
	}
	r.reload(i, true, nil, 2, qwac, qseal)
	os.RemoveAll(r.path("..2"))
	r.reload(i, false, ErrLoad, 2, qwac, qseal)
}

func TestCertificateInUseExpires(t *testing.T) {
	r := newRig(t)
	i := r.identity()
	g := i.Current()
	r.now = noon.AddDate(2, 0, 0)
	changed, findings, err := i.Reload()
	if changed || !errors.Is(err, ErrRefused) || !slices.Contains(codes(findings), "!"+CodeExpired) {
		t.Errorf("changed %v, findings %v, error %v", changed, findings, err)
	}
	if i.Current() != g {
		t.Error("generation was replaced")
	}
}

func TestOrganizationChangeIsPublishedWithWarning(t *testing.T) {
	r := newRig(t)
	i := r.identity()
	for _, kind := range []testpki.Kind{testpki.QWAC, testpki.QSEAL} {
		p := tpp(kind)
		p.OrganizationIdentifier = "PSDFR-ACPR-67890"
		r.store(strings.ToLower(Slot(kind).String()), issue(t, r.root, p))
	}
	changed, findings, err := i.Reload()
	if !changed || err != nil || !slices.Equal(codes(findings), []string{CodeOrganizationMoved}) {
		t.Errorf("changed %v, findings %v, error %v", changed, findings, err)
	}
	if i.Current().ClientID() != "PSDFR-ACPR-67890" {
		t.Errorf("client_id %s", i.Current().ClientID())
	}
}

func TestOnChangeSeesPublishedGeneration(t *testing.T) {
	r := newRig(t)
	var i *Identity
	var seen []uint64
	r.config.OnChange = func(old, new *Generation) {
		if i.Current() != new {
			t.Error("new generation is not published yet")
		}
		seen = append(seen, old.Number, new.Number)
	}
	i = r.identity()
	r.store("qwac", r.issue(testpki.QWAC))
	i.Reload()
	i.Reload()
	if !slices.Equal(seen, []uint64{1, 2}) {
		t.Errorf("changes %v", seen)
	}
}
