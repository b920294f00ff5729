package profiles

import (
	"errors"
	"strings"
	"testing"
)

func matcher(t testing.TB, ops ...Operation) *Matcher {
	t.Helper()
	m, err := CompileOperations(ops)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMatch(t *testing.T) {
	m := matcher(t,
		Operation{Name: "accounts", Method: "GET", Path: "/accounts"},
		Operation{Name: "special", Method: "GET", Path: "/accounts/special"},
		Operation{Name: "account", Method: "GET", Path: "/accounts/{id}"},
		Operation{Name: "balances", Path: "/accounts/{id}/balances"},
		Operation{Name: "files", Path: "/files/*"},
		Operation{Name: "both", Path: "/x/{id}/y/*"},
	)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/accounts", "accounts"},
		{"POST", "/accounts", "other"},
		{"get", "/accounts", "other"},
		{"GET", "/accounts?dateFrom=2022-01-01", "accounts"},
		{"GET", "/accounts/", "other"},
		{"GET", "//accounts", "other"},
		{"GET", "accounts", "other"},
		{"GET", "", "other"},
		{"GET", "/", "other"},
		{"GET", "/Accounts", "other"},
		{"GET", "/%61ccount%73", "accounts"},
		{"GET", "/%6", "other"},
		{"GET", "/accounts%2Fspecial", "other"},
		{"GET", "/accounts/special", "special"},
		{"GET", "/accounts/speciaL", "account"},
		{"GET", "/accounts/a%2Fb", "account"},
		{"GET", "/accounts/..", "other"},
		{"GET", "/accounts/%2e%2E", "other"},
		{"GET", "/accounts/.%2e/accounts", "other"},
		{"GET", "/accounts/...", "account"},
		{"DELETE", "/accounts/1/balances", "balances"},
		{"DELETE", "/accounts//balances", "other"},
		{"DELETE", "/accounts/1/balances/2", "other"},
		{"DELETE", "/accounts/1/balance", "other"},
		{"GET", "/files", "other"},
		{"GET", "/files/", "files"},
		{"GET", "/files/a/b//c", "files"},
		{"GET", "/files/a/../../accounts", "other"},
		{"GET", "/x/1/y/2/3", "both"},
		{"GET", "/x/1/y", "other"},
	} {
		if got := m.Match(c.method, c.path); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
		}
	}
	if got := matcher(t).Match("GET", "/"); got != "other" {
		t.Errorf("without operations: %q", got)
	}
}

func TestCompileOperationsRefuses(t *testing.T) {
	for _, c := range []struct {
		ops  []Operation
		want string
	}{
		{[]Operation{{Name: "", Path: "/"}}, "lower-case"},
		{[]Operation{{Name: "Accounts", Path: "/a"}}, "lower-case"},
		{[]Operation{{Name: "a--b", Path: "/a"}}, "lower-case"},
		{[]Operation{{Name: "a-", Path: "/a"}}, "lower-case"},
		{[]Operation{{Name: "other", Path: "/a"}}, "reserved"},
		{[]Operation{{Name: "token", Path: "/a"}}, "reserved"},
		{[]Operation{{Name: "a", Path: "/a"}, {Name: "a", Path: "/b"}}, "twice"},
		{[]Operation{{Name: "a", Method: "get", Path: "/a"}}, "capitals"},
		{[]Operation{{Name: "a", Path: "a"}}, "slash"},
		{[]Operation{{Name: "a", Path: ""}}, "slash"},
		{[]Operation{{Name: "a", Path: "/a/"}}, "empty"},
		{[]Operation{{Name: "a", Path: "/a//b"}}, "empty"},
		{[]Operation{{Name: "a", Path: "/a/../b"}}, "dot"},
		{[]Operation{{Name: "a", Path: "/*/b"}}, "last segment"},
		{[]Operation{{Name: "a", Path: "/a*"}}, "last segment"},
		{[]Operation{{Name: "a", Path: "/{}"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/x{id}"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/{id"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/{a}{b}"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/a?b=c"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/%61"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/a b"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/é"}}, "plain text"},
		{[]Operation{{Name: "a", Path: "/a"}, {Name: "b", Method: "GET", Path: "/a"}}, "never match"},
		{[]Operation{{Name: "a", Path: "/{x}/b"}, {Name: "b", Path: "/c/b"}}, "never match"},
		{[]Operation{{Name: "a", Path: "/x/*"}, {Name: "b", Path: "/x/y/z"}}, "never match"},
		{[]Operation{{Name: "a", Path: "/x/*"}, {Name: "b", Path: "/x/y/*"}}, "never match"},
	} {
		_, err := CompileOperations(c.ops)
		if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.ops, err, c.want)
		}
	}
}

func TestOperationsThatOverlapOnlyInPart(t *testing.T) {
	matcher(t,
		Operation{Name: "a", Method: "GET", Path: "/x/{id}"},
		Operation{Name: "b", Method: "POST", Path: "/x/{id}"},
		Operation{Name: "c", Path: "/x/{id}"},
		Operation{Name: "d", Path: "/x/{id}/*"},
		Operation{Name: "e", Path: "/x/*"},
		Operation{Name: "f", Path: "/x"},
	)
}

func FuzzMatch(f *testing.F) {
	m, err := CompileOperations([]Operation{
		{Name: "accounts", Method: "GET", Path: "/accounts"},
		{Name: "balances", Path: "/accounts/{id}/balances"},
		{Name: "files", Path: "/files/*"},
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"/accounts", "/accounts/1/balances", "/files/", "/%61", "/%", "/files/%2e%2e/x", "?", ""} {
		f.Add("GET", path)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		switch name := m.Match(method, path); name {
		case "other":
		case "accounts":
			if method != "GET" {
				t.Errorf("%s matched", method)
			}
		case "balances", "files":
			if strings.Contains(path, "/../") && !strings.Contains(path, "?") {
				t.Errorf("%q matched %s", path, name)
			}
		default:
			t.Errorf("operation %q out of nowhere", name)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	set, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	p, err := set.Get("bpce")
	if err != nil {
		b.Fatal(err)
	}
	m := matcher(b, p.Operations...)
	b.ReportAllocs()
	for b.Loop() {
		if m.Match("POST", "/payment-requests/42/o-confirmation") != "o-confirmation" {
			b.Fatal("no match")
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	m := matcher(t, Operation{Name: "balances", Path: "/accounts/{id}/balances"})
	if n := testing.AllocsPerRun(100, func() { m.Match("GET", "/accounts/%31/balances") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
