package authorize

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/vault"
	"github.com/caddy-tpp/caddy-tpp/vault/storagetest"
)

// When the storage cannot say that the state is used, the code stays where it
// is, and the PSU may try again.
func TestFinishStorageFails(t *testing.T) {
	for _, op := range []storagetest.Op{storagetest.Load, storagetest.Lock, storagetest.Delete} {
		w := newWorld(t, nil)
		f, handle := w.instance()
		query := w.bank.consent(w.begin(f))
		handle.Fail(op, 1, nil)
		outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find)
		if !errors.Is(err, vault.ErrUnavailable) || outcome != (Outcome{}) || w.bank.count("/token") != 0 {
			t.Errorf("%s: %+v, %v", op, outcome, err)
		}
		w.checkSilence(err)
		if outcome, err = f.Finish(t.Context(), Callback{Query: query}, w.find); err != nil || outcome.Result != Granted {
			t.Errorf("%s: again: %+v, %v", op, outcome, err)
		}
	}
}

// A record that cannot be read is no flow.
func TestFinishDamagedRecord(t *testing.T) {
	w := newWorld(t, nil)
	f := w.flow()
	query := w.bank.consent(w.begin(f))
	for _, key := range w.storage.Keys() {
		if err := w.storage.Store(t.Context(), key, []byte("torn")); err != nil {
			t.Fatal(err)
		}
	}
	if outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find); !errors.Is(err, ErrStateUnknown) || errors.Is(err, vault.ErrDamaged) || outcome != (Outcome{}) {
		t.Errorf("%+v, %v", outcome, err)
	}
}

// A browser that gives up once the state is used takes nothing with it.
func TestFinishBrowserGivesUp(t *testing.T) {
	w := newWorld(t, nil)
	f, handle := w.instance()
	query := w.bank.consent(w.begin(f))
	ctx, giveUp := context.WithCancel(t.Context())
	handle.Hook(func(ctx context.Context, op storagetest.Op, _ string) error {
		if op == storagetest.Delete {
			giveUp()
		}
		return ctx.Err()
	})
	outcome, err := f.Finish(ctx, Callback{Query: query}, w.find)
	if err != nil || outcome.Result != Granted || ctx.Err() == nil {
		t.Errorf("%+v, %v", outcome, err)
	}
}

// What fails after the state is used leads the PSU back with a code.
func TestFinishExchangeFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		code   string
		target error
	}{
		"refused": {func(w *world) {
			w.bank.answers["/token"] = &canned{400, `{"error":"invalid_grant"}`, "application/json"}
		}, "token-refused", nil},
		"other server": {func(w *world) {
			w.aspsp = w.moved(func(b *Bank) { b.Client.Endpoint.URL = "https://elsewhere.example/token" })
		}, "aspsp-reconfigured", ErrReconfigured},
		"other client": {func(w *world) { w.aspsp = w.moved(func(b *Bank) { b.Client.ClientID = "other" }) }, "aspsp-reconfigured", ErrReconfigured},
		"other ASPSP":  {func(w *world) { w.aspsp = w.moved(func(b *Bank) { b.ASPSP = "other" }) }, "exchange-failed", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			f := w.flow()
			query := w.bank.consent(w.begin(f))
			c.change(w)
			outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find)
			if err == nil || c.target != nil && !errors.Is(err, c.target) || outcome.Result != Failed || outcome.Code != c.code || !strings.HasSuffix(outcome.ReturnTo, "&sidecar_error="+c.code) {
				t.Errorf("%s %+v, %v", outcome.ReturnTo, outcome, err)
			}
			if sent := w.bank.count("/token"); sent > 0 && name != "refused" {
				t.Error("the code was sent")
			}
			w.checkSilence(outcome, err)
		})
	}
}

// A bank that is not the state's gets no code, whatever the lookup says.
func TestFinishChecksTheBank(t *testing.T) {
	for name, found := range map[string]*Bank{"none": nil, "empty": {ASPSP: "bpgo"}, "other": newWorld(t, nil).moved(func(b *Bank) { b.ASPSP = "other" })} {
		w := newWorld(t, nil)
		f := w.flow()
		query := w.bank.consent(w.begin(f))
		outcome, err := f.Finish(t.Context(), Callback{Query: query}, func(string) (*Bank, error) { return found, nil })
		if !errors.Is(err, ErrReconfigured) || outcome.Result != Failed {
			t.Errorf("%s: %+v, %v", name, outcome, err)
		}
	}
}

// moved is the ASPSP as configured anew.
func (w *world) moved(change func(*Bank)) *Bank {
	bank, client, endpoint := *w.aspsp, *w.aspsp.Client, *w.aspsp.Client.Endpoint
	client.Endpoint, bank.Client = &endpoint, &client
	change(&bank)
	return &bank
}

// A redirect_uri that was changed meanwhile is sent as the bank knows it.
func TestFinishRepeatsRedirectURI(t *testing.T) {
	w := newWorld(t, nil)
	f := w.flow()
	query := w.bank.consent(w.begin(f))
	w.aspsp = w.moved(func(b *Bank) { b.RedirectURI = "https://new.example/callback" })
	if outcome, err := f.Finish(t.Context(), Callback{Query: query}, w.find); err != nil {
		t.Errorf("%+v, %v", outcome, err)
	}
}

// The caller's codes are used, unless they could break the address.
func TestCodeOption(t *testing.T) {
	for given, want := range map[string]string{"bank-timeout": "&sidecar_error=bank-timeout", "a b&c=d": "sidecar_result=failed", "": "sidecar_result=failed"} {
		w := newWorld(t, nil)
		f := w.flow()
		f.code = func(err error) string {
			if !errors.Is(err, ErrCallback) {
				t.Error(err)
			}
			return given
		}
		query := w.bank.consent(w.begin(f))
		query.Del("code")
		if outcome, _ := f.Finish(t.Context(), Callback{Query: query}, w.find); !strings.HasSuffix(outcome.ReturnTo, want) {
			t.Errorf("%q: %s", given, outcome.ReturnTo)
		}
	}
}
